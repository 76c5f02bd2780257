"""Which bottles there are, and the end of those that nobody needs any more."""

from contextlib import suppress
from pathlib import Path

from bot_bottle.bottles.status import Status, is_kept, read_status, remove_tree, slugs
from bot_bottle.errors import BadUsage, BottleError, NoSuchBottle
from bot_bottle.host import paths


def list_bottles(*, ended_too: bool) -> tuple[Status, ...]:
    """The bottles, newest last. Those that died without a word are listed as `died`; a vanishing one is left out."""
    found = []
    for slug in slugs():
        try:
            status = read_status(slug)
        except (NoSuchBottle, BottleError):
            continue
        if ended_too or status.state in ("starting", "running"):
            found.append(status)
    return tuple(sorted(found, key=lambda status: status.created))


def has_unlanded_work(slug: str) -> bool:
    """Whether the bottle's copy of the workspace still lies in its folder, or a push of it waits for the operator."""
    stage_dir = paths.bottle_dir(slug)
    has_changes = (stage_dir / "workspace").is_dir() and not (stage_dir / UNCHANGED).exists()
    return has_changes or has_held_pushes(slug)


def has_held_pushes(slug: str) -> bool:
    """Whether a push waits; a record that cannot be read counts as one that does."""
    folder = paths.bottle_dir(slug) / "git" / "held"
    if not folder.is_dir():
        return False
    from bot_bottle.gates.git_gate.hold import Holds

    try:
        return bool(Holds(folder).waiting())
    except BottleError:
        return True


def has_doubtful_pushes(slug: str) -> bool:
    """Whether only the upstream knows what became of a push; a journal that cannot be read counts as one that does not tell."""
    if next((paths.bottle_dir(slug) / "git").glob("*.journal"), None) is None:
        return False
    from bot_bottle.bottles.pushes import in_doubt

    try:
        return bool(in_doubt(slug))
    except BottleError:
        return True


def remove(slug: str, *, force: bool) -> None:
    """Remove an ended bottle with all it left. BadUsage for one that runs, or holds work that is nowhere else."""
    read_state(slug)
    if is_kept(slug):
        raise BadUsage(f"The bottle {slug} runs.", next=f"`bot-bottle stop {slug}` first.")
    if has_held_pushes(slug) and not force:
        raise BadUsage(
            f"The bottle {slug} has pushes that wait for you.",
            next=f"See them with `bot-bottle pushes ls {slug}`, decide them, or remove with -f.",
        )
    if has_doubtful_pushes(slug) and not force:
        raise BadUsage(
            f"The bottle {slug} died while it pushed, and nobody knows whether the upstream has it.",
            next=f"Ask with `bot-bottle pushes settle {slug}`, or remove with -f.",
        )
    if has_unlanded_work(slug) and not force:
        raise BadUsage(
            f"The bottle {slug} holds changes that are nowhere else.",
            facts=(str(paths.bottle_dir(slug) / "workspace"),),
            next=f"See them with `bot-bottle diff {slug}`, take them with `bot-bottle land {slug}`, or remove with -f.",
        )
    forget(paths.bottle_dir(slug))


def read_state(slug: str) -> str:
    """The bottle's state; an unreadable status counts as `died`, so that it can be removed. NoSuchBottle if there is none."""
    try:
        return read_status(slug).state
    except NoSuchBottle:
        if not paths.bottle_dir(slug).is_dir():
            raise
    except BottleError:
        pass
    return "died"


def forget(stage_dir: Path) -> None:
    """Remove a dead bottle's stage dir, and first what its backend left elsewhere if its keeper was killed."""
    from bot_bottle.backends.registry import backends
    from bot_bottle.bottles.bundle_link import end_left

    end_left(stage_dir)
    for backend in backends():
        backend.clean(stage_dir)
        backend.forget(stage_dir)
    if (stage_dir / "events.jsonl").is_symlink():
        from bot_bottle.bottles.audit.say import close

        with suppress(BottleError):  # on a full disk there must be a way to remove something; the log has no end mark either way
            close(stage_dir, "its bottle was removed before it had ended")
    remove_tree(stage_dir)


UNCHANGED = "unchanged"
"""In the folder of a bottle that was stopped: nothing is lost with its workspace."""


def tidy(stage_dir: Path, *, origin: Path, mode: str, keeps: bool = False) -> int:
    """After the end: when nothing in the copy changed, remove the copy and the home. Returns the number of changes.

    With `keeps` the bottle may be started again: its home and its copy stay.
    """
    from bot_bottle.bottles.workspace import changes

    copy = stage_dir / "workspace"
    if mode == "clone":
        changed = _left_in_clone(stage_dir, origin)
    else:
        changed = sum(1 for _ in changes(origin, copy)) if mode == "copy" and copy.is_dir() else 0
    if keeps:
        for name in ("ca", "backend"):
            remove_tree(stage_dir / name)
        if not changed:
            (stage_dir / UNCHANGED).touch()
    elif not changed:
        for name in ("workspace", "home", "ca", "backend"):
            remove_tree(stage_dir / name)
        (stage_dir / "before.json").unlink(missing_ok=True)
        (stage_dir / "cloned.json").unlink(missing_ok=True)
    return changed


def _left_in_clone(stage_dir: Path, origin: Path) -> int:
    """Files and branches that were not pushed; one when it cannot be known, so that the clone is kept."""
    from bot_bottle.bottles.branches import Repository
    from bot_bottle.bottles.unpushed import lost_branches, unpushed

    repository = Repository(origin, stage_dir.name)
    try:
        return len(unpushed(stage_dir, repository)) + len(lost_branches(stage_dir, repository))
    except (BottleError, OSError):
        return 1
