"""The filter, run instruction by instruction as the kernel runs it, over a table of calls."""

import pytest
from bpf import verdict

from bot_bottle.backends.seccomp import filter_for, program
from bot_bottle.host.filters import FORBIDDEN
from bot_bottle.host.syscalls import ARCHITECTURES

ALLOW, KILL = 0x7FFF0000, 0x80000000
EPERM, ENOSYS, EAFNOSUPPORT, ESOCKTNOSUPPORT, EPROTONOSUPPORT = 1, 38, 97, 94, 93
TOP = 1 << 32
"""The upper half of a register, which the kernel ignores for an int: it must not hide the lower half from the filter."""


MACHINES = sorted(ARCHITECTURES)


def asked(machine: str, name: str, *arguments: int, hold_cores: bool = False) -> str:
    """The verdict in words."""
    kind = ARCHITECTURES[machine]
    content = filter_for(machine, hold_cores=hold_cores)
    assert content is not None
    found = verdict(content, arch=kind.audit, number=kind.numbers[name], arguments=arguments)
    errors = {1: "EPERM", 38: "ENOSYS", 97: "EAFNOSUPPORT", 94: "ESOCKTNOSUPPORT", 93: "EPROTONOSUPPORT"}
    return "allow" if found == ALLOW else "kill" if found == KILL else errors[found & 0xFFFF]


CALLS = [
    ("socket", (1, 1, 0), "allow"),
    ("socket", (1, 5, 0), "allow"),
    ("socket", (1, 1 | 0o4000 | 0o2000000, 0), "allow"),
    ("socket", (1, 3, 0), "ESOCKTNOSUPPORT"),
    ("socket", (2, 1, 0), "allow"),
    ("socket", (2, 2 | 0o4000, 17), "allow"),
    ("socket", (2, 2, 1), "allow"),
    ("socket", (2, 1, 262), "allow"),
    ("socket", (10, 1, 6), "allow"),
    ("socket", (10, 2, 58), "allow"),
    ("socket", (2, 3, 1), "ESOCKTNOSUPPORT"),
    ("socket", (2, 3 | 0o2000000, 255), "ESOCKTNOSUPPORT"),
    ("socket", (10, 3, 58), "ESOCKTNOSUPPORT"),
    ("socket", (2, 10, 0), "ESOCKTNOSUPPORT"),
    ("socket", (2, 6, 33), "ESOCKTNOSUPPORT"),
    ("socket", (2, 5, 0), "ESOCKTNOSUPPORT"),
    ("socket", (2, 1, 132), "EPROTONOSUPPORT"),
    ("socket", (2, 2, 115), "EPROTONOSUPPORT"),
    ("socket", (2, 2, 136), "EPROTONOSUPPORT"),
    ("socket", (2 + TOP, 3 + TOP, 1), "ESOCKTNOSUPPORT"),
    ("socket", (17 + TOP, 3, 0), "EAFNOSUPPORT"),
    ("socket", (16, 3, 0), "allow"),
    ("socket", (16, 2, 0), "allow"),
    ("socket", (16, 3, 0 + TOP), "allow"),
    ("socket", (16, 3, 9), "EPROTONOSUPPORT"),
    ("socket", (16, 3, 12), "EPROTONOSUPPORT"),
    ("socket", (16, 3, 15 + TOP), "EPROTONOSUPPORT"),
    ("socket", (17, 3, 768), "EAFNOSUPPORT"),
    ("socket", (40, 1, 0), "EAFNOSUPPORT"),
    ("socket", (38, 5, 0), "EAFNOSUPPORT"),
    ("socket", (31, 3, 1), "EAFNOSUPPORT"),
    ("socket", (29, 3, 1), "EAFNOSUPPORT"),
    ("socket", (0, 0, 0), "EAFNOSUPPORT"),
    ("socket", (-1, 1, 0), "EAFNOSUPPORT"),
    ("socketpair", (1, 1, 0), "allow"),
    ("socketpair", (30, 1, 0), "EAFNOSUPPORT"),
    ("clone", (17,), "allow"),
    ("clone", (0x3D0F00,), "allow"),
    ("clone", (0x10000000 | 17,), "EPERM"),
    ("clone", (0x00020000 | 17,), "EPERM"),
    ("clone", (0x40000000 | 17,), "EPERM"),
    ("clone", (0x20000000 | 17 + TOP,), "EPERM"),
    ("unshare", (0x10000000,), "EPERM"),
    ("unshare", (0x10020000,), "EPERM"),
    ("unshare", (0x80,), "EPERM"),
    ("unshare", (0x400,), "allow"),
    ("clone3", (0, 88), "ENOSYS"),
    ("io_uring_setup", (8, 0), "ENOSYS"),
    ("io_uring_enter", (), "ENOSYS"),
    ("io_uring_register", (), "ENOSYS"),
    ("setns", (3, 0), "EPERM"),
    ("ioctl", (0, 0x5401), "allow"),
    ("ioctl", (0, 0x5412), "EPERM"),
    ("ioctl", (0, 0x5412 + TOP), "EPERM"),
    ("ioctl", (0, 0x541C), "EPERM"),
    ("ioctl", (0, 0x5423), "EPERM"),
    ("ioctl", (0, 0x5413), "allow"),
    ("personality", (0,), "allow"),
    ("personality", (0xFFFFFFFF,), "allow"),
    ("personality", (0x0040000,), "allow"),
    ("personality", (0x8,), "EPERM"),
    ("personality", (0x0400000,), "EPERM"),
    ("ptrace", (16, 1), "EPERM"),
    ("keyctl", (0,), "EPERM"),
    ("bpf", (0,), "EPERM"),
    ("perf_event_open", (), "EPERM"),
    ("userfaultfd", (), "EPERM"),
    ("mount", (), "EPERM"),
    ("pivot_root", (), "EPERM"),
    ("process_vm_writev", (1,), "EPERM"),
    ("open_by_handle_at", (), "EPERM"),
    ("sched_setaffinity", (0, 8), "allow"),
]


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize(("name", "arguments", "expected"), CALLS, ids=str)
def test_call_gets_its_verdict(machine: str, name: str, arguments: tuple[int, ...], expected: str) -> None:
    assert asked(machine, name, *arguments) == expected


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("name", FORBIDDEN)
def test_forbidden_call_is_refused_where_it_exists(machine: str, name: str) -> None:
    if name in ARCHITECTURES[machine].numbers:
        assert asked(machine, name, 1, 2, 3) == "EPERM"


def test_every_forbidden_name_has_a_number_somewhere() -> None:
    known = {name for kind in ARCHITECTURES.values() for name in kind.numbers}
    assert set(FORBIDDEN) <= known


@pytest.mark.parametrize("machine", MACHINES)
def test_numbers_are_not_given_twice(machine: str) -> None:
    numbers = list(ARCHITECTURES[machine].numbers.values())
    assert len(numbers) == len(set(numbers))


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("other", [0x40000003, 0x40000028, 0, 0xFFFFFFFF])
def test_calls_of_another_architecture_kill(machine: str, other: int) -> None:
    content = filter_for(machine)
    assert content is not None
    assert verdict(content, arch=other, number=1) == KILL


@pytest.mark.parametrize("number", [0x40000000, 0x40000029, 0x40000000 + 101, 0xFFFFFFFF])
def test_x32_calls_do_not_exist(number: int) -> None:
    content = filter_for("x86_64")
    assert content is not None
    assert verdict(content, arch=0xC000003E, number=number) == 0x00050000 | ENOSYS


@pytest.mark.parametrize("machine", MACHINES)
def test_ordinary_calls_are_allowed(machine: str) -> None:
    kind = ARCHITECTURES[machine]
    content = filter_for(machine)
    assert content is not None
    named = set(kind.numbers.values())
    others = [number for number in range(470) if number not in named]
    assert {verdict(content, arch=kind.audit, number=number) for number in others} == {ALLOW}


@pytest.mark.parametrize("machine", MACHINES)
def test_cores_are_held_when_a_limit_needs_it(machine: str) -> None:
    assert asked(machine, "sched_setaffinity", 0, 8, hold_cores=True) == "EPERM"


@pytest.mark.parametrize("machine", MACHINES)
def test_program_fits_the_kernel(machine: str) -> None:
    """At most 4096 instructions (BPF_MAXINSNS), jumps inside it, and each path ends in a verdict."""
    steps = program(ARCHITECTURES[machine], hold_cores=True)
    assert len(steps) <= 4096
    assert steps[-1].code == 0x06
    for at, step in enumerate(steps):
        assert max(step.yes, step.no) <= 255
        assert at + 1 + max(step.yes, step.no) < len(steps) or step.code == 0x06


def test_unknown_machine_has_no_filter() -> None:
    assert filter_for("riscv64") is None
