"""After a keeper that was killed: end what it could not, and say on disk what became of the bottle."""

import os
import time
from pathlib import Path

from bot_bottle.backends.base import OUTSIDE
from bot_bottle.backends.registry import find_backend
from bot_bottle.bottles.audit.say import close
from bot_bottle.bottles.bundle_link import end_left
from bot_bottle.bottles.listing import forget, has_doubtful_pushes, has_unlanded_work, tidy
from bot_bottle.bottles.status import SLUG, Status, is_kept, read_status, write_status
from bot_bottle.errors import BottleError, NoSuchBottle
from bot_bottle.host import paths
from bot_bottle.record import replace

KEEP_RECORDS_S = 7 * 24 * 3600.0
"""How long the record of an ended bottle stays that left nothing behind but its logs."""


def sweep() -> tuple[BottleError, ...]:
    """Reclaim what died, forget records of long-ended bottles and what a killed start or `rm` left half made or removed.

    Returns why some could not be brought in order now, such as an engine that does not answer: they are seen again next time.
    """
    folder = paths.state_dir() / "bottles"
    failed = []
    for entry in os.scandir(folder) if folder.is_dir() else ():
        try:
            if entry.name.startswith(".doomed-") or _is_stale(Path(entry.path)):
                forget(Path(entry.path))
            elif SLUG.fullmatch(entry.name):
                reclaim(entry.name)
        except BottleError as error:
            failed.append(error)
    return tuple(failed)


def _is_stale(stage_dir: Path) -> bool:
    if is_kept(stage_dir.name):
        return False
    try:
        age_s = time.time() - stage_dir.stat().st_mtime
    except FileNotFoundError:
        return False
    if not (stage_dir / "status.json").exists():
        return age_s > 60
    if (stage_dir / "home").is_dir():
        return False  # it was stopped, and can be started again
    return age_s > KEEP_RECORDS_S and not has_unlanded_work(stage_dir.name) and not has_doubtful_pushes(stage_dir.name)


def reclaim(slug: str) -> None:
    """Bring one bottle in order if it died, or left something with its engine; nothing for one that runs or does not exist."""
    try:
        status = read_status(slug)
    except (NoSuchBottle, BottleError):
        return
    if is_kept(slug):
        return
    if status.state == "died":
        _reclaim(status)
    elif status.state in ("stopped", "ended", "failed") and (paths.bottle_dir(slug) / OUTSIDE).exists():
        find_backend(status.backend).clean(paths.bottle_dir(slug))


def _reclaim(status: Status) -> None:
    stage_dir = paths.bottle_dir(status.slug)
    end_left(stage_dir)
    find_backend(status.backend).clean(stage_dir)
    close(stage_dir, status.why)
    tidy(stage_dir, origin=status.workspace_path, mode=status.mode)
    write_status(replace(status, state="failed", ended=time.time(), exit_code=None))
