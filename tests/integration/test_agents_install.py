"""Installs that run at once, and installs that are killed. npm is played by a program that can be held in the middle."""

import os
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from bot_bottle.agents.claude import RELEASE
from bot_bottle.agents.npm import find

NPM = """#!{python}
import json, os, pathlib, time
runs = pathlib.Path({runs!r})
with runs.open("a") as file:
    file.write(f"{{os.getpid()}}\\n")
lock = json.loads(pathlib.Path("package-lock.json").read_text())["packages"]
packages = {{place: entry for place, entry in lock.items() if place}}
for place in packages:
    program = pathlib.Path(place, "claude")
    program.parent.mkdir(parents=True)
    program.write_bytes(b"program")
    program.chmod(0o755)
while pathlib.Path({held!r}).exists():
    time.sleep(0.01)
pathlib.Path("node_modules/.package-lock.json").write_text(json.dumps({{"packages": packages}}))
"""
INSTALL = """
import os, sys
from pathlib import Path
from bot_bottle.agents.claude import RELEASE
from bot_bottle.agents.npm import install
install(RELEASE, Path(sys.argv[1]), system="linux-x64", host=os.environ)
"""
WAIT_S = 30.0


class Shop:
    """A folder with a cache, a fake npm that waits while `held` exists, and installs to start."""

    def __init__(self, folder: Path) -> None:
        self.cache, self.runs, self.held = folder / "cache", folder / "runs", folder / "held"
        self.program = folder / "bin" / "npm"
        self.program.parent.mkdir()
        self.program.write_text(NPM.format(python=sys.executable, runs=str(self.runs), held=str(self.held)))
        self.program.chmod(0o755)

    def start(self) -> "subprocess.Popen[bytes]":
        """Start one install, in a process group of its own."""
        environment = os.environ | {"PATH": f"{self.program.parent}:{os.environ['PATH']}"}
        command = (sys.executable, "-c", INSTALL, str(self.cache))
        return subprocess.Popen(command, env=environment, start_new_session=True)

    def npm_runs(self) -> int:
        """How often npm was started."""
        return len(self.runs.read_text().splitlines()) if self.runs.exists() else 0


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait for a condition, not for a time."""
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.01)


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


def test_two_installs_at_once_run_npm_once(shop: Shop) -> None:
    shop.held.touch()
    first, second = shop.start(), shop.start()
    wait_until(lambda: shop.npm_runs() == 1)
    assert find(RELEASE, shop.cache, "linux-x64") is None
    shop.held.unlink()
    assert (first.wait(WAIT_S), second.wait(WAIT_S)) == (0, 0)
    assert shop.npm_runs() == 1
    assert find(RELEASE, shop.cache, "linux-x64") is not None


def test_a_killed_install_leaves_nothing_that_counts_and_the_next_one_sweeps_it(shop: Shop) -> None:
    shop.held.touch()
    first = shop.start()
    wait_until(lambda: shop.npm_runs() == 1)
    os.killpg(first.pid, signal.SIGKILL)
    first.wait(WAIT_S)
    assert find(RELEASE, shop.cache, "linux-x64") is None
    shop.held.unlink()
    assert shop.start().wait(WAIT_S) == 0
    assert sorted(path.name for path in (shop.cache / "agents" / "claude").iterdir()) == [".lock", RELEASE.main.version]


def test_only_the_operator_can_look_into_the_cache(shop: Shop) -> None:
    assert shop.start().wait(WAIT_S) == 0
    assert stat.S_IMODE((shop.cache / "agents" / "claude").stat().st_mode) == 0o700
