"""The images that bottles run from: what docker and the cache hold of ours, who needs it, and taking away what nobody does."""

import contextlib
import json
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from bot_bottle.agents.registry import provider as find_provider
from bot_bottle.backends.base import KEPT
from bot_bottle.backends.images import docker, store
from bot_bottle.bottles.choose import choose
from bot_bottle.bottles.start import wanted_image
from bot_bottle.bottles.status import slugs
from bot_bottle.errors import BadUsage, BottleError
from bot_bottle.host import paths
from bot_bottle.host.run import CouldNotRun
from bot_bottle.manifest.read import Sources, load
from bot_bottle.plans.image import ReadyImage
from bot_bottle.record import dataclass, replace

Say = Callable[[str], None]

JUST_NOW_S = 600.0
"""An image asked for so lately may be of a start that has written no plan yet."""

UNUSED_AFTER_S = 7 * 86400.0
"""What `prune` takes for unused: a week, so that a holiday's first start is quick and a month's is not paid for in disk."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One image of ours. `place` is docker or cache; times are seconds since the epoch, 0 where nobody knows."""

    identity: str
    place: str
    kind: str
    origin: str
    size: int
    used: float
    needed_by: tuple[str, ...]
    folder: str = ""


def list_images(host: Mapping[str, str], *, say: Say) -> tuple[Row, ...]:
    """Every image of ours. A docker daemon that does not answer is said, and left out."""
    needed = needed_images()
    rows = [
        Row(
            identity=kept.root.digest,
            place="cache",
            kind="root",
            origin=kept.root.origin,
            size=kept.content,
            used=kept.used,
            needed_by=needed.get(kept.root.digest, ()),
            folder=str(kept.root.folder),
        )
        for kept in store.roots()
    ]
    rows += [
        Row(
            identity=found.identity,
            place="docker",
            kind=found.labels.get(docker.LABEL, ""),
            origin=found.labels.get(f"{docker.LABEL}.origin", ""),
            size=found.size,
            used=store.last_use(found.identity),
            needed_by=needed.get(found.identity, ()),
        )
        for found in of_docker(host, say=say)
    ]
    return tuple(rows)


def of_docker(host: Mapping[str, str], *, say: Say) -> tuple[docker.Found, ...]:
    """Docker's images of ours; none, and a word, when there is no docker."""
    try:
        return docker.ours(docker.own_docker(host))
    except CouldNotRun:
        return ()  # there is no docker command, so nothing of ours is in it
    except BottleError as error:
        say(f"docker's images are left out: {error.what} {' '.join(error.facts)}")
        return ()


def needed_images() -> dict[str, tuple[str, ...]]:
    """Image → the bottles whose plan names it, running or not: a bottle may be started again."""
    found: dict[str, tuple[str, ...]] = {}
    for slug in slugs():
        for identity in planned(paths.bottle_dir(slug)):
            found[identity] = (*found.get(identity, ()), slug)
    return found


def planned(stage_dir: Path) -> Iterator[str]:
    """The identities in a bottle's plan, and of what was kept when it was stopped."""
    with contextlib.suppress(OSError, ValueError, AttributeError):
        yield str(json.loads((stage_dir / KEPT).read_bytes()).get("image"))
    with contextlib.suppress(OSError, ValueError, AttributeError):
        image = json.loads((stage_dir / "plan.json").read_bytes()).get("image") or {}
        yield from (str(image[key]) for key in ("digest", "reference") if image.get(key))


def build_image(sources: Sources, *, fresh: bool, say: Say) -> ReadyImage:
    """What a start with these sources would make first. BadUsage where the backend needs no image."""
    loaded = load(sources)
    for notice in loaded.notices:
        say(notice)
    backend = choose(loaded.spec).backend
    wanted = wanted_image(loaded.spec, find_provider(loaded.spec.agent))
    ready = backend.ready_image(replace(wanted, fresh=fresh), make=True, say=say)
    if ready is None:
        raise BadUsage(
            f"A bottle like this runs without an image on the {backend.name} backend.",
            next="Add `image:` to the manifest, or name one with --image, or another --backend.",
        )
    return ready


def remove_image(name: str, host: Mapping[str, str], *, force: bool, say: Say) -> Row:
    """Remove the image that this name means: its identity or the beginning of it. BadUsage when bottles need it."""
    digits = name.removeprefix("sha256:")
    rows = list_images(host, say=say)
    found = [row for row in rows if len(digits) >= 4 and row.identity.removeprefix("sha256:").startswith(digits)]
    if len({row.identity for row in found}) != 1:
        facts = tuple(f"{row.identity} {row.origin}" for row in found)
        raise BadUsage(
            f"{name} means {len(found) or 'none'} of our images.", facts=facts, next="`bot-bottle images ls` lists them."
        )
    needed = tuple(slug for row in found for slug in row.needed_by)
    if needed and not force:
        raise BadUsage(
            "This image is needed by bottles.",
            facts=(", ".join(needed),),
            next="Remove those first (`bot-bottle rm`), or use -f.",
        )
    for row in found:
        take_away(row, host)
    return found[0]


def prune_images(host: Mapping[str, str], *, every: bool, now: float, say: Say) -> tuple[Row, ...]:
    """Remove what no bottle needs and nobody asked for within a week (`every`: whenever); returns what was removed."""
    store.sweep_all(now=now)
    gone = []
    for row in list_images(host, say=say):
        if row.needed_by or now - row.used < (JUST_NOW_S if every else UNUSED_AFTER_S):
            continue
        if take_away(row, host):
            gone.append(row)
    return tuple(gone)


def take_away(row: Row, host: Mapping[str, str]) -> bool:
    """Remove one; False when a container still needs it."""
    if row.place == "cache":
        return store.remove_root(row.identity)
    return docker.remove(docker.own_docker(host), row.identity)


def row_json(row: Row) -> dict[str, object]:
    """A row as JSON."""
    return {
        "id": row.identity,
        "place": row.place,
        "kind": row.kind,
        "origin": row.origin,
        "size": row.size,
        "used": row.used or None,
        "needed_by": list(row.needed_by),
        "folder": row.folder or None,
    }


def age(used: float, *, now: float | None = None) -> str:
    """How long ago, in one word."""
    if not used:
        return "-"
    seconds = max(0.0, (time.time() if now is None else now) - used)
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= size:
            return f"{int(seconds // size)}{unit}"
    return f"{int(seconds)}s"
