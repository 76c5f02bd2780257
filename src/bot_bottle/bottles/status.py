"""What is known of a bottle on disk: its status file, its lock, and the folder that holds both.

The keeper holds the lock as long as it lives, so "running" is a fact of the kernel, not a remembered process id.
"""

import fcntl
import json
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from bot_bottle.errors import BadUsage, BottleError, NoSuchBottle
from bot_bottle.host import paths
from bot_bottle.host.files import write_file
from bot_bottle.record import asdict, dataclass, replace

State = Literal["starting", "running", "stopped", "ended", "failed", "died"]
"""A stopped bottle can be started again; an ended one, too, where something of it was kept."""

SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,46}[a-z0-9])?")
"""A bottle's name: also a host name label and a container name, hence no dots, and 48 characters at most."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Status:
    """One bottle as the disk tells it. Times are seconds since the epoch; `exit_code` is the agent's own once it ended."""

    slug: str
    state: State
    agent: str
    backend: str
    workspace: str
    mode: str
    created: float
    ended: float | None = None
    exit_code: int | None = None
    why: str = ""
    keeper_pid: int | None = None
    has_terminal: bool = False

    @property
    def workspace_path(self) -> Path:
        """The operator's folder."""
        return Path(self.workspace)


def check_slug(text: str) -> str:
    """The name if it can be a bottle's, else BadUsage."""
    if not SLUG.fullmatch(text):
        raise BadUsage(
            "This cannot be the name of a bottle.",
            facts=(f"found {text[:80]!a}", "allowed: a-z, 0-9 and - inside, at most 48 characters"),
        )
    return text


def write_status(status: Status) -> None:
    """Replace the bottle's status file, all of it or nothing."""
    write_file(paths.bottle_dir(status.slug) / "status.json", json.dumps(asdict(status), indent=1) + "\n")


def read_status(slug: str) -> Status:
    """The bottle's status; one whose keeper is gone without a word reads as `died`. NoSuchBottle if there is none."""
    check_slug(slug)
    path = paths.bottle_dir(slug) / "status.json"
    try:
        status = Status(**json.loads(path.read_text()))
    except FileNotFoundError:
        raise NoSuchBottle(
            f"There is no bottle named {slug}.", next="`bot-bottle ls -a` lists them, the ended ones too."
        ) from None
    except (ValueError, TypeError) as error:
        raise BottleError(
            f"The status file of {slug} cannot be read.", facts=(str(path), str(error)), next=f"`bot-bottle rm -f {slug}`"
        ) from error
    if status.state in ("starting", "running") and not is_kept(slug):
        return replace(status, state="died", why="its keeper was ended from outside")
    return status


def is_kept(slug: str) -> bool:
    """Whether a keeper holds the bottle's lock right now."""
    try:
        descriptor = os.open(paths.bottle_dir(slug) / "keeper.lock", os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def take_lock(stage_dir: Path) -> int:
    """Take the bottle's lock; released by the kernel when the last process that holds the descriptor ends."""
    descriptor = os.open(stage_dir / "keeper.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return descriptor


def slugs() -> Iterator[str]:
    """The names of every bottle on disk, oldest name order."""
    folder = paths.state_dir() / "bottles"
    if folder.is_dir():
        yield from sorted(entry.name for entry in folder.iterdir() if SLUG.fullmatch(entry.name))


@contextmanager
def claimed(slug: str) -> Iterator[Path]:
    """Make the stage dir of a new bottle, 0700; removed again when the block raises. BadUsage if the name is taken.

    Its lock is held in the block, and afterwards by the keeper that was forked in it: however long the operator looks at the
    preflight, nobody takes it for something that a crash left.
    """
    stage_dir = paths.bottle_dir(check_slug(slug))
    stage_dir.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    try:
        stage_dir.mkdir(mode=0o700)
    except FileExistsError:
        raise BadUsage(
            f"There is already a bottle named {slug}.", next=f"Choose another --name, or `bot-bottle rm {slug}`."
        ) from None
    lock = take_lock(stage_dir)
    try:
        yield stage_dir
    except BaseException:
        remove_tree(stage_dir)
        raise
    finally:
        os.close(lock)


@contextmanager
def reopened(slug: str) -> Iterator[Path]:
    """The stage dir of a bottle that runs again: its home and workspace stay, the rest is made anew. Its lock is held as above.

    BadUsage when it runs, is being started, or nothing of it was kept. When the block raises, what was kept is still there.
    """
    status = read_status(slug)
    stage_dir = paths.bottle_dir(slug)
    try:
        lock = take_lock(stage_dir)
    except BlockingIOError:
        raise BadUsage(f"The bottle {slug} runs.", next=f"`bot-bottle attach {slug}` to see it.") from None
    try:
        if not (stage_dir / "home").is_dir() or (status.mode != "bind" and not (stage_dir / "workspace").is_dir()):
            raise BadUsage(
                f"Nothing of the bottle {slug} was kept.",
                facts=("It ended and had changed nothing.",),
                next="Start a new one with `bot-bottle run`; `bot-bottle stop` keeps one that runs.",
            )
        yield stage_dir
    finally:
        os.close(lock)


def remove_tree(folder: Path) -> None:
    """Remove the folder whole: first out of sight by rename, then for good, also where its owner took away the rights."""
    from shutil import rmtree

    doomed = folder.with_name(f".doomed-{folder.name}-{os.getpid()}-{time.monotonic_ns()}")
    try:
        folder.rename(doomed)
    except FileNotFoundError:
        return
    try:
        rmtree(doomed)
    except PermissionError:
        _take_rights_back(doomed)
        rmtree(doomed)


def _take_rights_back(folder: Path) -> None:
    """The agent may have made folders that not even their owner can open."""
    folder.chmod(0o700)
    for parent, folders, _ in os.walk(folder):
        for name in folders:
            child = os.path.join(parent, name)
            if not os.path.islink(child):
                os.chmod(child, 0o700)
