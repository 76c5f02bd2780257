"""One machine with nothing in it: proves that this engine and this kernel's virtual machines go together.

A /dev/kvm that opens says little: in a virtual machine, its host may offer one on which no kernel comes up.
"""

import json
import os
from pathlib import Path
from typing import Any

from bot_bottle.backends.base import Unusable
from bot_bottle.backends.smolmachines.client import ADVICE, Failure, classify, words
from bot_bottle.backends.smolmachines.plan import EnginePlan
from bot_bottle.host.files import make_private_folder, write_file
from bot_bottle.host.paths import cache_dir
from bot_bottle.host.plain import plain
from bot_bottle.host.run import Command, CouldNotRun, Run

TIMEOUT_S = 300.0
"""As for a bottle: the first start unpacks the engine's own files. The engine itself gives up 30 s after a boot stands still."""

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def why_no_machine(engine: EnginePlan, *, run: Run) -> Unusable | None:
    """Start an empty machine and remove it; None when it came up. What works is remembered until the next boot."""
    subject = [str(engine.program), engine.version, boot_id(), os.geteuid()]
    if recall() == subject:
        return None
    make_private_folder(engine.state)
    name = f"bb-trial-{os.getpid()}"
    try:
        failure = try_out(engine, name, run=run)
    except CouldNotRun as error:
        failure = Failure(code="", message=error.what, cause="other")
    if failure is None:
        remember(subject)
        return None
    facts = (f"the engine said: {plain(failure.message, limit=400)}",)
    return Unusable(why="an empty machine of the engine's does not come up.", facts=facts, next=ADVICE["bad kvm"])


def try_out(engine: EnginePlan, name: str, *, run: Run) -> Failure | None:
    """Made, started, once more when what went wrong may pass, and removed in any case."""

    def ask(action: str, *options: str) -> Failure | None:
        argv = words(engine, "machine", action, "--name", name, *options)
        done = run(Command(argv=argv, env=dict(engine.env), timeout_s=TIMEOUT_S))
        return None if done.code == 0 else classify(done.code, done.stderr.decode(errors="replace"))

    if (failure := ask("create", "--cpus", "1", "--mem", "256", "--storage", "1")) is not None:
        return failure
    try:
        failure = ask("start")
        if failure is not None and failure.is_passing:
            ask("stop", "--timeout", "0")
            failure = ask("start")
        return failure
    finally:
        ask("delete", "-f")


def boot_id() -> str:
    """Changes with each boot, after which KVM may be another one."""
    return BOOT_ID.read_text().strip()


def remembered_in() -> Path:
    """In the cache: losing it costs one trial."""
    return cache_dir() / "smolmachines" / "trial.json"


def recall() -> Any:  # Any: JSON
    """What worked last."""
    try:
        return json.loads(remembered_in().read_text())
    except (OSError, ValueError):
        return None


def remember(subject: list[Any]) -> None:  # Any: JSON
    """Only what works: what does not is tried again, for somebody may have changed that."""
    make_private_folder(remembered_in().parent)
    write_file(remembered_in(), json.dumps(subject))
