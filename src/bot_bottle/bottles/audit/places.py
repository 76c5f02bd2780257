"""Where logs lie: a folder of their own, so that they outlive their bottles. A bottle's `events.jsonl` is a link to its log."""

import os
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bot_bottle.bottles.status import SLUG
from bot_bottle.gates.chain import Chain
from bot_bottle.host import paths
from bot_bottle.host.files import make_private_folder
from bot_bottle.record import dataclass

EVENTS = "events.jsonl"
MOMENT = "%Y%m%dT%H%M%SZ"
NAME = re.compile(r"[a-z0-9-]+\.\d{8}T\d{6}Z\.[0-9a-f]{12}\.jsonl", re.ASCII)


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """One log: NAME.MOMENT.ID.jsonl. A name can be used again, so a bottle's name may have several logs."""

    path: Path
    slug: str
    moment: str
    id: str

    @property
    def began(self) -> float:
        """Seconds since the epoch."""
        from calendar import timegm

        return float(timegm(time.strptime(self.moment, MOMENT)))


def folder() -> Path:
    """Where all logs are."""
    return paths.state_dir() / "audit"


def new_log(slug: str, id: str, *, now: float) -> Path:
    """The path of a log that is about to begin. Names sort by bottle, then by time."""
    stamp = time.strftime(MOMENT, time.gmtime(now))
    return make_private_folder(folder()) / f"{slug}.{stamp}.{id[:12]}.jsonl"


def begun(slug: str, about: Mapping[str, Any]) -> tuple[Path, Chain]:  # Any: JSON
    """A new log with its first line, which says what it is of."""
    id = os.urandom(16).hex()
    path = new_log(slug, id, now=time.time())
    chain = Chain(path)
    chain.append({"gate": "keeper", "event": "begin", "format": 1, "id": id, "bottle": slug, **about})
    return path, chain


def link_from(stage_dir: Path, log: Path) -> None:
    """Let the bottle's folder show its log under the name that all commands read."""
    link = stage_dir / EVENTS
    link.unlink(missing_ok=True)
    link.symlink_to(os.path.relpath(log, stage_dir))


def logs(slug: str | None = None) -> tuple[Place, ...]:
    """The logs of one bottle's name, or all; oldest first."""
    found = []
    for entry in os.scandir(folder()) if folder().is_dir() else ():
        parts = entry.name.split(".")
        is_log = NAME.fullmatch(entry.name) is not None and SLUG.fullmatch(parts[0]) is not None
        if is_log and slug in (None, parts[0]):
            found.append(Place(path=Path(entry.path), slug=parts[0], moment=parts[1], id=parts[2]))
    return tuple(sorted(found, key=lambda one: (one.moment, one.slug, one.id)))
