"""Stops a running bottle from outside: the agent is asked, then the bottle is ended; what it was is kept for another start."""

import os
import signal
import time

from bot_bottle.bottles.attach import connect
from bot_bottle.bottles.status import is_kept, read_status
from bot_bottle.errors import BadUsage, TimedOut
from bot_bottle.guest import frames
from bot_bottle.host import paths

KEEP_TIMEOUT_S = 900.0
"""For what the bottle changed in an image of some GB to be kept."""


def stop(slug: str, *, grace_s: float, keeps: bool = True) -> int:
    """End the bottle, to be started again where `keeps`; returns the agent's exit code. BadUsage if it does not run."""
    status = read_status(slug)
    if status.state not in ("starting", "running"):
        raise BadUsage(f"The bottle {slug} does not run; it is {status.state}.")
    with connect(status, paths.bottle_dir(slug)) as channel:
        channel.settimeout(grace_s + 30)
        frames.send(channel, {"op": "stop", "grace_s": grace_s, "keeps": keeps})
        try:
            answer = frames.receive(channel)
            if answer is not None and answer[0].get("type") == "keeping":
                channel.settimeout(KEEP_TIMEOUT_S)
                answer = frames.receive(channel)
        except (TimeoutError, frames.BrokenFrame, OSError):
            answer = None
    if answer is None:
        _end_keeper(slug, status.keeper_pid)
    wait_ended(slug, timeout_s=30)
    return int(answer[0].get("code", 0)) if answer else 128 + signal.SIGKILL


def _end_keeper(slug: str, pid: int | None) -> None:
    """The keeper does not answer: end it by its process id, if it still is what holds the lock."""
    if pid is not None and is_kept(slug):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return


def wait_ended(slug: str, *, timeout_s: float | None) -> None:
    """Return once no keeper holds the bottle. TimedOut after `timeout_s`."""
    deadline = None if timeout_s is None else time.monotonic() + timeout_s
    while is_kept(slug):
        if deadline is not None and time.monotonic() > deadline:
            raise TimedOut(f"The bottle {slug} did not end within {timeout_s:g} s.", next=f"`bot-bottle inspect {slug}`")
        time.sleep(0.02)
