"""What a git child in its sandbox may ask of the kernel, over a table of calls and both architectures."""

from pathlib import Path

import pytest
from bpf import verdict

from bot_bottle.gates.git_gate.sandbox import NOT_FOR_GIT, confinement, filter_for
from bot_bottle.host.filters import FORBIDDEN
from bot_bottle.host.syscalls import ARCHITECTURES

ALLOW, KILL, EPERM, ENOSYS = 0x7FFF0000, 0x80000000, 0x00050001, 0x00050026
NEW_NETWORK, FORK = 0x40000000, 17

CALLS = [
    *((name, (), EPERM) for name in (*FORBIDDEN, *NOT_FOR_GIT)),
    ("socket", (1, 1, 0), EPERM),
    ("io_uring_setup", (), ENOSYS),
    ("clone3", (), ENOSYS),
    ("clone", (FORK,), ALLOW),
    ("clone", (NEW_NETWORK | FORK,), EPERM),
    ("unshare", (NEW_NETWORK,), EPERM),
    ("prlimit64", (0, 7), ALLOW),
    ("prlimit64", (4711, 7), EPERM),
    ("ioctl", (), ALLOW),
]


@pytest.mark.parametrize(
    ("machine", "name", "arguments", "answer"),
    [(machine, *call) for machine, kind in sorted(ARCHITECTURES.items()) for call in CALLS if call[0] in kind.numbers],
)
def test_a_git_child_may_do_this_and_not_that(machine: str, name: str, arguments: tuple[int, ...], answer: int) -> None:
    kind = ARCHITECTURES[machine]
    assert verdict(filter_for(machine), arch=kind.audit, number=kind.numbers[name], arguments=arguments) == answer


@pytest.mark.parametrize("machine", sorted(ARCHITECTURES))
def test_another_architecture_ends_the_child_and_the_kernel_takes_the_filter(machine: str) -> None:
    assert verdict(filter_for(machine), arch=0x40000003, number=1) == KILL
    assert len(filter_for(machine)) // 8 <= 4096  # BPF_MAXINSNS


def test_every_call_that_is_refused_has_a_number_somewhere() -> None:
    known = set().union(*(kind.numbers for kind in ARCHITECTURES.values()))
    assert set(NOT_FOR_GIT) <= known


def test_what_can_be_written_cannot_be_run_and_the_home_is_not_named() -> None:
    found = confinement((Path("/state/mirror.git"),), (Path("/state/mirror.git/incoming/1"),))
    assert found.write == (Path("/dev/null"), Path("/state/mirror.git/incoming/1"))
    assert not {path for path in found.programs if path.is_relative_to("/state") or path.is_relative_to("/home")}
