"""A bottle's home: its own, or the one that all bottles of an agent share, one after the other.

A shared one was written by bottles, so nothing on the host follows a link in it or believes what it says.
"""

import fcntl
import os
from pathlib import Path

from bot_bottle.errors import BottleError
from bot_bottle.host import paths
from bot_bottle.host.files import make_private_folder, write_below
from bot_bottle.host.plain import plain
from bot_bottle.manifest.spec import BottleSpec
from bot_bottle.plans.bottle import BottlePlan


def home_of(spec: BottleSpec, stage_dir: Path) -> Path:
    """The host's folder that is the bottle's home. Pure."""
    return paths.data_dir() / "homes" / spec.agent if spec.home == "kept" else stage_dir / "home"


def take_home(plan: BottlePlan) -> None:
    """Take the shared home until this process ends, and put there what the plan gives this bottle. BottleError if it is taken."""
    home = make_private_folder(plan.home_dir)
    lock = os.open(home.with_name(f"{home.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(lock, 200, 0).decode(errors="replace")
        os.close(lock)
        raise BottleError(
            f"The kept home of {plan.spec.agent} is in use by another bottle.",
            facts=(plain(holder, limit=60),) if holder else (),
            next="Wait until that one ends, or start this one with `home: fresh`.",
        ) from None
    os.ftruncate(lock, 0)
    os.pwrite(lock, plan.slug.encode(), 0)  # the descriptor stays open: the kernel lets go of the lock with the keeper
    if os.geteuid() == 0:
        own_all(home)
    given = plan.stage_dir / "home"
    for folder, _, names in os.walk(given):
        for path in (Path(folder, name) for name in names):
            write_below(home, str(path.relative_to(given)), path.read_bytes(), mode=path.stat().st_mode & 0o777)


def own_all(home: Path) -> None:
    """Make root's what a backend gave to another user at the last start; this one may map users otherwise."""
    for folder, folders, names in os.walk(home):
        for path in (folder, *(os.path.join(folder, name) for name in (*folders, *names))):
            os.chown(path, 0, 0, follow_symlinks=False)
