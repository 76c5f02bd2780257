"""Whether bottles of gVisor can be made here. A trial is made once for each runsc, kernel and user; the cache remembers it."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

from bot_bottle.backends.base import Unusable, Usable
from bot_bottle.backends.cgroups import usable_groups
from bot_bottle.backends.guest_programs import portal_path, why_no_programs
from bot_bottle.backends.gvisor.client import OLDEST, release_of
from bot_bottle.backends.gvisor.trial import try_out
from bot_bottle.errors import BottleError
from bot_bottle.host.files import write_file
from bot_bottle.host.paths import cache_dir
from bot_bottle.host.run import Command, plain_env, run

RUNSC_VARIABLE = "BOT_BOTTLE_RUNSC"
HOW_TO_GET = (
    "Get runsc: gVisor's releases or package repository (gvisor.dev/docs/user_guide/install), or with Go: "
    "CGO_ENABLED=0 go install gvisor.dev/gvisor/runsc@v0.0.0-20250503011706-39ed1f5ac29c. "
    f"Put it on PATH, or name it in {RUNSC_VARIABLE}."
)
VERSION_TIMEOUT_S = 20.0


def find_runsc() -> str | None:
    """The operator's choice, else the one on PATH."""
    return os.environ.get(RUNSC_VARIABLE) or shutil.which("runsc")


def survey() -> Usable | Unusable:
    """runsc is here, is not too old, and has run a program in a sandbox of the kind that bottles get."""
    runsc = find_runsc()
    if runsc is None or not os.access(runsc, os.X_OK):
        why = "runsc, gVisor's program, is not installed." if runsc is None else f"{RUNSC_VARIABLE} names no program: {runsc}"
        return Unusable(why=why, next=HOW_TO_GET)
    missing = why_no_programs()
    if missing:
        return Unusable(why=missing, next="Install a C compiler, or PyPI's ziglang.")
    subject = identity(runsc)
    facts = recall(subject)
    if facts is not None:
        return Usable(facts=(*facts, limits_fact()))
    found = examine(runsc)
    if isinstance(found, Usable):
        remember(subject, found.facts)
        return Usable(facts=(*found.facts, limits_fact()))
    return found


def examine(runsc: str) -> Usable | Unusable:
    """Ask its version, then try it out."""
    try:
        asked = Command(argv=(runsc, "--version"), env=plain_env(), timeout_s=VERSION_TIMEOUT_S)
        release = release_of(run(asked).stdout.decode(errors="replace"))
        if release is not None and release < OLDEST:
            return Unusable(why=f"This runsc is of {release}; bottles need one of {OLDEST} or newer.", next=HOW_TO_GET)
        try_out(runsc, is_rootless=os.geteuid() != 0)
    except BottleError as error:
        return Unusable(why=f"runsc does not make a sandbox here: {error.what}", facts=error.facts, next=hint(error.facts))
    how = "as root" if os.geteuid() == 0 else "rootless"
    age = f"of {release}" if release is not None else "that does not say its release"
    return Usable(facts=(f"runsc at {runsc}, {age}", f"tried out: systrap works {how}"))


def hint(facts: tuple[str, ...]) -> str:
    """What may help, by runsc's own words."""
    words = " ".join(facts)
    if "operation not permitted" in words or "permission denied" in words:
        return "Rootless gVisor needs user namespaces: see what `bot-bottle doctor` says of namespaces, or run as root."
    return "Try another release of runsc, or another backend."


def limits_fact() -> str:
    """Which limits a control group can hold here; processes are counted from outside."""
    held = sorted({name for group in usable_groups() for name in group.controllers} & {"cpu", "memory"})
    return f"limits by control groups: {', '.join(held)}" if held else "no control groups: limits by watching"


def identity(runsc: str) -> list[Any]:  # Any: JSON
    """What the outcome of a trial depends on, as far as it can be read quickly."""
    status = Path(runsc).stat()
    return [os.path.realpath(runsc), status.st_size, status.st_mtime_ns, os.uname().release, os.geteuid(), str(portal_path())]


def recall(subject: list[Any]) -> tuple[str, ...] | None:  # Any: JSON
    """What was found for this very subject."""
    try:
        found = json.loads(remembered_in().read_text())
        return tuple(str(fact) for fact in found["facts"]) if found["subject"] == subject else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def remember(subject: list[Any], facts: tuple[str, ...]) -> None:  # Any: JSON
    """Only what works is remembered: what does not is tried again, for somebody may have changed that."""
    remembered_in().parent.mkdir(parents=True, exist_ok=True)
    write_file(remembered_in(), json.dumps({"subject": subject, "facts": list(facts)}))


def remembered_in() -> Path:
    """In the cache: losing it costs one trial."""
    return cache_dir() / "gvisor.json"
