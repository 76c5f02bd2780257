"""Each limit of a bottle, held for real: by whatever this machine offers, and by the watch where it offers nothing."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from plans import HeldSockets, run_inside, shared_plan

from bot_bottle.backends.base import RunningBottle, Unusable
from bot_bottle.backends.limits import plan_limits
from bot_bottle.backends.namespaces.backend import Namespaces
from bot_bottle.backends.namespaces.plan import NamespacesPlan
from bot_bottle.manifest.spec import Limits

PYTHON = "/usr/bin/python3"
MIB = 1024**2
pytestmark = [
    pytest.mark.skipif(isinstance(Namespaces().survey(), Unusable), reason="no bubblewrap, or no user namespaces, here"),
    pytest.mark.skipif(not Path(PYTHON).exists(), reason=f"{PYTHON} uses up what is limited, and is not here"),
]

EAT = "import time; eaten = bytearray(b'x') * ({size} * 1024 * 1024); print('full', flush=True); time.sleep(100)"


def planned(stage: Path, limits: Limits) -> NamespacesPlan:
    plan = Namespaces().prepare(shared_plan(stage, limits=limits))
    assert isinstance(plan, NamespacesPlan)
    return plan


def without_groups(plan: NamespacesPlan) -> NamespacesPlan:
    """The same bottle on a machine where no control group can be made."""
    cores = sorted(os.sched_getaffinity(0))
    is_root = os.geteuid() == 0
    return replace(
        plan, limits=plan_limits(plan.spec.limits, (), slug=plan.slug, stage_dir=plan.stage_dir, is_root=is_root, cores=cores)
    )


@contextmanager
def running(plan: NamespacesPlan) -> Iterator[RunningBottle]:
    held = HeldSockets()
    with Namespaces().launch(plan, held) as bottle:
        yield bottle
    held.close()


def breach(bottle: RunningBottle, *, timeout_s: float = 20.0) -> str:
    """What the watch says in the end."""
    deadline = time.monotonic() + timeout_s
    while (found := bottle.check_limits()) is None:
        assert time.monotonic() < deadline, "the watch saw nothing"
        time.sleep(0.05)
    return found


def test_watch_sees_memory_over_the_limit(tmp_path: Path) -> None:
    with running(without_groups(planned(tmp_path / "one", Limits(memory=100 * MIB)))) as bottle:
        assert bottle.check_limits() is None
        run_inside(bottle, "sh", "-c", f'{PYTHON} -c "{EAT.format(size=150)}" > /dev/null 2>&1 &')
        assert "its limit is 100 MiB" in breach(bottle)


def test_watch_counts_files_in_memory(tmp_path: Path) -> None:
    with running(without_groups(planned(tmp_path / "one", Limits(memory=100 * MIB)))) as bottle:
        ended = run_inside(
            bottle,
            "sh",
            "-c",
            "head -c 49M /dev/zero > /tmp/a; head -c 49M /dev/zero > /dev/shm/b; head -c 20M /dev/zero > /run/c",
        )
        assert ended.code == 0
        assert "MiB of memory" in breach(bottle)


def test_shared_pages_are_not_counted_twice(tmp_path: Path) -> None:
    code = "import os, time; eaten = bytearray(b'x') * (60 * 2**20)\nfor _ in range(4):\n  if os.fork() == 0: time.sleep(100)"
    with running(without_groups(planned(tmp_path / "one", Limits(memory=150 * MIB)))) as bottle:
        assert run_inside(bottle, PYTHON, "-c", code).code == 0
        assert bottle.check_limits() is None


def test_files_in_memory_end_at_their_size(tmp_path: Path) -> None:
    with running(planned(tmp_path / "one", Limits(memory=100 * MIB))) as bottle:
        ended = run_inside(bottle, "sh", "-c", "head -c 60M /dev/zero > /tmp/a")
        assert ended.code != 0
        assert b"No space left" in ended.stderr


def test_group_ends_what_eats_too_much_memory(tmp_path: Path) -> None:
    plan = planned(tmp_path / "one", Limits(memory=100 * MIB))
    if plan.limits.cgroup is None or "memory" not in plan.limits.cgroup.controllers:
        pytest.skip("no control group for memory can be made here")
    with running(plan) as bottle:
        assert run_inside(bottle, PYTHON, "-c", EAT.format(size=150)).code == 137
        assert run_inside(bottle, "true").code == 0


NOW = "time.monotonic()"
FORKS = """
import os, time
made = 0
try:
    for _ in range(120):
        if os.fork() == 0: time.sleep(100)
        made += 1
except BlockingIOError: pass
print(made)
"""


def test_number_of_processes_is_held(tmp_path: Path) -> None:
    plan = planned(tmp_path / "one", Limits(pids=60))
    if plan.limits.watched_processes is not None:
        pytest.skip("for root, and without a control group, the kernel holds no such limit: the watch does, see below")
    with running(plan) as bottle:
        assert 40 < int(run_inside(bottle, PYTHON, "-c", FORKS).stdout) < 60


@pytest.mark.skipif(os.geteuid() != 0, reason="the kernel holds the limit of an ordinary user")
def test_watch_sees_too_many_processes_of_root(tmp_path: Path) -> None:
    with running(without_groups(planned(tmp_path / "one", Limits(pids=60)))) as bottle:
        assert bottle.check_limits() is None
        run_inside(bottle, PYTHON, "-c", FORKS)
        assert "its limit is 60" in breach(bottle)


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="this machine has one core")
def test_cores_are_held(tmp_path: Path) -> None:
    with running(without_groups(planned(tmp_path / "one", Limits(cpus=0.5)))) as bottle:
        assert run_inside(bottle, PYTHON, "-c", "import os; print(len(os.sched_getaffinity(0)))").stdout == b"1\n"


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="this machine has one core")
def test_cores_cannot_be_taken_back(tmp_path: Path) -> None:
    plan = planned(tmp_path / "one", Limits(cpus=0.5))
    if not plan.limits.cores:
        pytest.skip("here a control group holds the cores, and binding is not needed")
    with running(plan) as bottle:
        assert run_inside(bottle, PYTHON, "-c", "import os; os.sched_setaffinity(0, range(os.cpu_count()))").code == 1


def test_processor_time_is_held_by_the_group(tmp_path: Path) -> None:
    plan = planned(tmp_path / "one", Limits(cpus=0.2))
    if plan.limits.cgroup is None or "cpu" not in plan.limits.cgroup.controllers:
        pytest.skip("no control group for processors can be made here")
    code = f"import time\nbegun = {NOW}\nwhile {NOW} - begun < 1.5: pass\nprint(time.process_time())"
    with running(plan) as bottle:
        assert float(run_inside(bottle, PYTHON, "-c", code).stdout) < 0.75
