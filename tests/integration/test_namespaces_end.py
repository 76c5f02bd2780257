"""However a bottle of the namespaces backend ends, nothing of it is left: no process, no control group, no placeholder."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bot_bottle.backends.base import Unusable
from bot_bottle.backends.namespaces.backend import Namespaces

pytestmark = pytest.mark.skipif(isinstance(Namespaces().survey(), Unusable), reason="no bubblewrap, or no user namespaces, here")

KEEP = """
import json, os, select, sys, time
from pathlib import Path
from plans import ENV, HeldSockets, shared_plan
from bot_bottle.backends.base import GuestCommand, TtySize
from bot_bottle.backends.namespaces.backend import Namespaces

stage, workspace = Path(sys.argv[1]), Path(sys.argv[2])
plan = Namespaces().prepare(shared_plan(stage, slug=stage.name, mode="bind", workspace=workspace))
held = HeldSockets()
with Namespaces().launch(plan, held) as bottle:
    script = "trap '' HUP INT TERM; (setsid sh -c 'trap \\"\\" HUP; sleep 1000' &); while :; do sleep 0.05; done"
    child = bottle.start(GuestCommand(argv=("sh", "-c", script), env=ENV, cwd="/work/project"), TtySize(rows=9, cols=9))
    print("started", flush=True)
    time.sleep(1000)
"""


def command_line(process: int) -> bytes:
    """Its words, each ended by a NUL; nothing when it has ended."""
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return b""


def members(marker: str) -> list[int]:
    """Processes on the host whose command line names the marker, and everything below them."""
    found = []
    for entry in os.listdir("/proc"):
        if entry.isdigit() and int(entry) != os.getpid() and marker.encode() in command_line(int(entry)):
            found.append(int(entry))
    children: dict[int, list[int]] = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                stat = Path("/proc", entry, "stat").read_text()
            except OSError:
                continue
            children.setdefault(int(stat.rpartition(")")[2].split()[1]), []).append(int(entry))
    everything, pending = set(found), list(found)
    while pending:
        for child in children.get(pending.pop(), []):
            if child not in everything:
                everything.add(child)
                pending.append(child)
    return sorted(everything)


def is_alive(process: int) -> bool:
    """Whether it runs; one that waits to be reaped does not."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def until(claim: Callable[[], bool], *, timeout_s: float = 20.0) -> None:
    """Wait for the claim to hold."""
    deadline = time.monotonic() + timeout_s
    while not claim():
        assert time.monotonic() < deadline
        time.sleep(0.01)


Keep = Callable[[str], "subprocess.Popen[str]"]


@pytest.fixture
def keep(tmp_path: Path) -> Iterator[Keep]:
    """Start a process that keeps a bottle, by slug."""
    started: list[subprocess.Popen[str]] = []
    (tmp_path / "workspace").mkdir()

    def start(slug: str) -> "subprocess.Popen[str]":
        argv = (sys.executable, "-c", KEEP, str(tmp_path / "bottles" / slug), str(tmp_path / "workspace"))
        env = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
        process = subprocess.Popen(argv, env=env, stdout=subprocess.PIPE, text=True)
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()
    for stage in (tmp_path / "bottles").iterdir():
        until(lambda stage=stage: is_cleaned(stage))  # type: ignore[misc]  # bound per turn
        Namespaces().clean(stage)


def launched(process: "subprocess.Popen[str]") -> None:
    assert process.stdout is not None
    assert process.stdout.readline() == "started\n"


def groups(slug: str) -> list[Path]:
    """The control groups of this bottle."""
    return [path for path in Path("/sys/fs/cgroup").glob(f"**/bot-bottle-{slug}-*") if path.is_dir()]


def test_killed_keeper_takes_everything_inside_with_it(keep: Keep, tmp_path: Path) -> None:
    process = keep("killed")
    launched(process)
    stage = str(tmp_path / "bottles" / "killed")
    until(lambda: any(b"sleep\x001000" in command_line(one) for one in members(stage)))  # the one that left its session
    inside = [one for one in members(stage) if one != process.pid]
    process.kill()
    until(lambda: not any(is_alive(one) for one in inside))


def test_what_a_killed_keeper_left_is_cleaned(keep: Keep, tmp_path: Path) -> None:
    process = keep("left")
    launched(process)
    inside = members(str(tmp_path / "bottles" / "left"))
    assert list((tmp_path / "workspace").iterdir())
    process.kill()
    process.wait()
    until(lambda: not any(is_alive(one) for one in inside))
    Namespaces().clean(tmp_path / "bottles" / "left")
    Namespaces().clean(tmp_path / "bottles" / "left")
    assert list((tmp_path / "workspace").iterdir()) == []
    assert groups("left") == []


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_end_of_bubblewrap_is_the_end_of_all(keep: Keep, tmp_path: Path, number: signal.Signals) -> None:
    process = keep("bwrap")
    launched(process)
    inside = [one for one in members(str(tmp_path / "bottles" / "bwrap")) if one != process.pid]
    bwrap = next(one for one in inside if Path(f"/proc/{one}/comm").read_text() == "bwrap\n")
    os.kill(bwrap, number)
    until(lambda: not any(is_alive(one) for one in inside))


def is_cleaned(stage: Path) -> bool:
    """Whether nothing is left after what the next command does: bubblewrap's inner half may wait for ever for its outer half."""
    Namespaces().clean(stage)
    return not members(str(stage))


def test_keeper_killed_at_any_moment_leaves_no_process(keep: Keep, tmp_path: Path) -> None:
    """Twelve moments between the start of the keeper and some time after its bottle runs."""
    chance = random.Random(20)
    for turn in range(12):
        slug = f"moment-{turn}"
        process = keep(slug)
        time.sleep(chance.uniform(0.0, 0.35))  # the moment is what is tested, so there is nothing to wait for
        seen = members(str(tmp_path / "bottles" / slug))
        process.kill()
        process.wait()
        until(lambda slug=slug: is_cleaned(tmp_path / "bottles" / slug))  # type: ignore[misc]  # bound per turn
        until(lambda seen=seen: not any(is_alive(one) for one in seen))  # type: ignore[misc]  # bound per turn
        Namespaces().clean(tmp_path / "bottles" / slug)
        assert list((tmp_path / "workspace").iterdir()) == []
        assert groups(slug) == []


def test_journal_is_whole_or_not_there(keep: Keep, tmp_path: Path) -> None:
    process = keep("journal")
    launched(process)
    journal = tmp_path / "bottles" / "journal" / "backend" / "placeholders.json"
    named = {path for path, _ in json.loads(journal.read_text())}
    assert {str(path) for path in (tmp_path / "workspace").iterdir()} == named
