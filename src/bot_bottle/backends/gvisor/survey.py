"""Whether bottles of gVisor can be made here. A trial is made once for each runsc and kernel, and remembered in the cache."""

import os
import shutil

from bot_bottle.backends.base import Unusable, Usable
from bot_bottle.backends.forwarder import why_no_programs

RUNSC_VARIABLE = "BOT_BOTTLE_RUNSC"
HOW_TO_GET = (
    "Get runsc from gVisor's releases or its package repository (gvisor.dev/docs/user_guide/install), or build it: "
    "CGO_ENABLED=0 go install gvisor.dev/gvisor/runsc@v0.0.0-20250503011706-39ed1f5ac29c"
)


def find_runsc() -> str | None:
    """The operator's choice, else the one on PATH."""
    return os.environ.get(RUNSC_VARIABLE) or shutil.which("runsc")


def survey() -> Usable | Unusable:
    """runsc is here, of an age that we know, and runs a program."""
    runsc = find_runsc()
    if runsc is None:
        return Unusable(why="runsc, gVisor's program, is not installed.", next=HOW_TO_GET)
    missing = why_no_programs()
    if missing:
        return Unusable(why=missing, next="Install a C compiler, or PyPI's ziglang.")
    return Usable(facts=(f"runsc at {runsc}",))
