"""What came of a bottle in mode clone: branches in the operator's repository, and files that were never pushed."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from bot_bottle.bottles.branches import Branch, How, Repository, Taken
from bot_bottle.bottles.land import Landing, diff_texts, land_file, text_of
from bot_bottle.bottles.listing import forget, tidy
from bot_bottle.bottles.status import Status, is_kept, read_status
from bot_bottle.bottles.unpushed import identity, lost_branches, recall, unpushed
from bot_bottle.bottles.workspace import Change
from bot_bottle.errors import BadUsage, BottleError
from bot_bottle.host import paths
from bot_bottle.host.plain import plain
from bot_bottle.record import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class LandedBranches:
    """Which branches went in, and the landing of files."""

    taken: tuple[Taken, ...]
    files: Landing


def repository_of(status: Status) -> Repository:
    """Where the bottle's branches are. BadUsage for a bottle that has none."""
    if status.mode != "clone":
        raise BadUsage(
            f"The bottle {status.slug} does not work on a clone.",
            next=f"See its changes with `bot-bottle diff {status.slug}`.",
        )
    return Repository(Path(status.workspace), status.slug)


def diff(status: Status) -> Iterator[str]:
    """Each pushed branch against the operator's, then what was not pushed, against the commit that the bottle began with."""
    repository, stage_dir = repository_of(status), paths.bottle_dir(status.slug)
    for branch in repository.branches():
        yield f"branch {plain(branch.name)} at {branch.commit[:10]}"
        yield from repository.diff(branch)
    left = unpushed(stage_dir, repository)
    if left:
        yield f"not pushed: {len(left)} files"
    for name in lost_branches(stage_dir, repository):
        yield f"not pushed: {name} of the clone in {stage_dir / 'workspace'}"
    cloned = recall(stage_dir)
    for change in left:
        before = None
        if cloned is not None and cloned.base and change.kind != "added":
            before = text_of(repository.content(cloned.base, change.path))
        yield from diff_texts(change, before, None if change.kind == "removed" else stage_dir / "workspace" / change.path)


def log(slug: str) -> Iterator[str]:
    """The commits of each branch that the operator's branch does not have."""
    repository = repository_of(read_status(slug))
    for branch in repository.branches():
        yield f"branch {plain(branch.name)}"
        yield from (f"  {line}" for line in repository.log(branch))


def land(status: Status, *, named: Sequence[str], how: How) -> LandedBranches:
    """Take branches into the operator's own branch, and named files that were not pushed into their folder."""
    repository, stage_dir = repository_of(status), paths.bottle_dir(status.slug)
    left = {change.path: change for change in unpushed(stage_dir, repository)}
    files = [left[name] for name in named if name in left]
    names = [name for name in named if name not in left]
    branches = repository.named(names) if names or not named else ()
    if not named and len(branches) > 1:
        raise BadUsage(
            f"The bottle {status.slug} pushed more than one branch.",
            facts=tuple(plain(branch.name) for branch in branches),
            next="Name those that you want.",
        )
    clone = stage_dir / "workspace"
    _check_files(repository, files, stage_dir)
    taken = tuple(repository.take(branch, how) for branch in branches)
    for change in files:
        land_file(change, repository.path, clone)
    rest = tuple((change, "it was not pushed") for path, change in left.items() if path not in named)
    if not rest and not is_kept(status.slug):
        tidy(stage_dir, origin=repository.path, mode=status.mode, keeps=status.state == "stopped")
    return LandedBranches(taken=taken, files=Landing(landed=tuple(files), left_out=rest))


def _check_files(repository: Repository, files: Sequence[Change], stage_dir: Path) -> None:
    """BottleError where the operator's file is not what the bottle began with."""
    cloned = recall(stage_dir)
    if not files or cloned is None:
        return
    names = [change.path for change in files]
    known = repository.same([cloned.base], names) if cloned.base else {name: {""} for name in names}
    width = len(cloned.base) or 40

    def now(name: str) -> str:
        path = repository.path / name
        return identity(path, width=width) if path.is_symlink() or path.is_file() else ""

    conflicts = [name for name in names if now(name) not in known[name]]
    if conflicts:
        raise BottleError(
            "You changed some of these files yourself since the bottle started; nothing was landed.",
            facts=tuple(plain(name) for name in conflicts[:20]),
        )


def discard(slug: str) -> tuple[Branch, ...]:
    """Remove an ended bottle with its branches and whatever it did not push. The branches, with the commits they were at."""
    status = read_status(slug)
    if is_kept(slug):
        raise BadUsage(f"The bottle {slug} runs.", next=f"`bot-bottle stop {slug}` first.")
    gone: tuple[Branch, ...] = ()
    if status.mode == "clone" and Path(status.workspace).is_dir():
        repository = repository_of(status)
        gone = repository.branches()
        here = repository.checked_out()
        if here in {branch.name for branch in gone}:
            raise BadUsage(f"You have {plain(here)} checked out.", next="Check out a branch of your own first.")
        for branch in gone:
            repository.remove(branch)
    forget(paths.bottle_dir(slug))
    return gone
