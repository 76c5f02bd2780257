"""What came of a bottle, whatever its mode: shown as a diff, or taken into the operator's folder."""

from collections.abc import Iterator, Sequence

from bot_bottle.bottles import land as landing
from bot_bottle.bottles import pushed
from bot_bottle.bottles.branches import How
from bot_bottle.bottles.pushed import LandedBranches
from bot_bottle.bottles.status import read_status
from bot_bottle.bottles.unpushed import unpushed
from bot_bottle.bottles.workspace import Change, changes
from bot_bottle.host import paths


def changed(slug: str) -> tuple[Change, ...]:
    """The files that differ from the operator's folder, or that were not pushed from a clone. BadUsage where there is no copy."""
    status = read_status(slug)
    if status.mode == "clone":
        return tuple(unpushed(paths.bottle_dir(slug), pushed.repository_of(status)))
    _, origin, copy = landing.work_of(slug)
    return tuple(changes(origin, copy))


def diff(slug: str) -> Iterator[str]:
    """The lines of a unified diff between the operator's folder and what the bottle made of it."""
    status = read_status(slug)
    return pushed.diff(status) if status.mode == "clone" else landing.diff(slug)


def land(slug: str, *, named: Sequence[str] = (), how: How = "merge") -> LandedBranches:
    """Take all that is safe to take, or what is named. BottleError where the operator changed the same file; then nothing is."""
    status = read_status(slug)
    if status.mode == "clone":
        return pushed.land(status, named=named, how=how)
    return LandedBranches(taken=(), files=landing.land(slug, named=named))
