"""kill -9 of any of our processes, at random moments: nothing is left running, no state is half written, `ls` and `rm` cope."""

import json
import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from engine import ENGINE
from shop import Shop, processes_of

pytestmark = pytest.mark.skipif(not ENGINE and shutil.which("bwrap") is None, reason="bubblewrap is not installed")

ROUNDS = int(os.environ.get("BOT_BOTTLE_KILL_ROUNDS", "20"))
SANDBOX = "runsc" if ENGINE == "gvisor" else "bwrap"
VICTIMS = ("cli", "keeper", "bundle", "sandbox", *(() if ENGINE else ("agent",)))
"""An agent whose kernel is another one is no process of this machine."""


def test_whatever_is_killed_whenever_nothing_is_left(shop: Shop) -> None:
    seed = random.randrange(2**32)
    dice = random.Random(seed)
    for number in range(ROUNDS):
        victim = VICTIMS[number % len(VICTIMS)]
        delay_s = dice.uniform(0.0, 0.5)
        one_round(
            shop,
            f"k{number}",
            victim=victim,
            delay_s=delay_s,
            told=f"seed {seed}, round {number}: {victim} after {delay_s:.3f} s",
        )


def one_round(shop: Shop, slug: str, *, victim: str, delay_s: float, told: str) -> None:
    """Start, kill, and look for what is left."""
    script = "echo changed > file; sleep 4321"
    with subprocess.Popen(
        shop.argv("run", "-q", "--name", slug, "shell", "--", "sh", "-c", script),
        env=shop.env(),
        cwd=shop.project,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as cli:
        time.sleep(delay_s)  # the moment of the kill is what varies, not something that is waited for
        kill(victim, cli.pid, shop)
        if victim != "cli":
            wait_for_or_end(cli, lambda: cli.poll() is not None)
    until(lambda: not left(shop), told=f"{told}: still running: {left(shop)}")
    check_state(shop, slug, told=told)


def wait_for_or_end(cli: "subprocess.Popen[bytes]", ended: Callable[[], bool]) -> None:
    """Give the command line time to end by itself; where the victim was not there yet, end the run as a user would."""
    deadline = time.monotonic() + 2.0
    while not ended() and time.monotonic() < deadline:
        time.sleep(0.02)
    if not ended():
        cli.send_signal(signal.SIGTERM)
    cli.wait(30)


def left(shop: Shop) -> list[str]:
    """Processes of ours, and those of the bottle, which know nothing of the operator's home."""
    inside = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if "sleep 4321" in words:
                inside.append(words)
    return processes_of(shop) + inside


def kill(victim: str, cli: int, shop: Shop) -> None:
    """SIGKILL to the first process that plays this part, if it is there yet."""
    for process in find(victim, cli, shop):
        try:
            os.kill(process, signal.SIGKILL)
        except ProcessLookupError:
            return


def find(victim: str, cli: int, shop: Shop) -> list[int]:
    """Process numbers by part: told by parents and command lines."""
    if victim == "cli":
        return [cli]
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            words = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError, IndexError):
            continue
        is_ours = {
            "keeper": parent == cli and " run " in words,
            "bundle": parent == cli and "gates.bundle" in words,
            "sandbox": words.partition(" ")[0].rpartition("/")[2].startswith(SANDBOX) and str(shop.home) in words,
            "agent": words.startswith("sh -c echo changed") and "sleep 4321" in words,
        }
        if is_ours[victim]:
            found.append(int(entry.name))
    return found


def check_state(shop: Shop, slug: str, *, told: str) -> None:
    """Whatever is on disk is whole, and can be listed and removed."""
    status = shop.bottles() / slug / "status.json"
    if status.exists():
        assert json.loads(status.read_text())["slug"] == slug, told
    listed = shop.bot_bottle("ls", "-a", "--json")
    assert listed.returncode == 0, f"{told}: {listed.stderr.decode()}"
    states = {row["slug"]: row["state"] for row in json.loads(listed.stdout)}
    assert states.get(slug) not in ("running", "starting"), f"{told}: {states}"
    if (shop.bottles() / slug).exists():
        removed = shop.bot_bottle("rm", "-f", slug)
        assert removed.returncode == 0, f"{told}: {removed.stderr.decode()}"
    assert not (shop.bottles() / slug).exists(), told


def until(claim: Callable[[], bool], *, told: str, timeout_s: float = 20.0) -> None:
    """An AssertionError unless it comes true in time."""
    deadline = time.monotonic() + timeout_s
    while not claim():
        assert time.monotonic() < deadline, told
        time.sleep(0.05)
