"""Reads and writes single files of a bottle's workspace from the host, never through a link.

The folder is hostile: the agent may replace any part of a path at any moment. Each part is opened from the one before it, so
what is checked is what is used (openat(2), O_NOFOLLOW).
"""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from bot_bottle.bottles.status import Status, read_status
from bot_bottle.errors import BadUsage, BottleError
from bot_bottle.host import paths
from bot_bottle.host.plain import plain

READ_LIMIT = 64 * 1024 * 1024
"""Bytes of one file that are read at most."""


def workspace_of(status: Status) -> Path:
    """Where the bottle's workspace lies on the host. BadUsage when it is gone: the bottle ended and left no changes."""
    if status.mode == "bind":
        return status.workspace_path
    folder = paths.bottle_dir(status.slug) / "workspace"
    if not folder.is_dir():
        raise BadUsage(f"The bottle {status.slug} left no changes.", facts=(f"{status.workspace} is as it was",))
    return folder


def read(slug: str, path: str, *, limit: int = READ_LIMIT) -> bytes:
    """The content of one regular file. BottleError for anything else, and for a file over the limit."""
    with _beneath(slug, path, make=False) as (folder, name):
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
        with open(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise BottleError(f"{plain(path)} is no regular file.")
            content = file.read(limit + 1)
    if len(content) > limit:
        raise BottleError(f"{plain(path)} is larger than {limit} bytes.")
    return content


def write(slug: str, path: str, content: bytes, *, executable: bool = False) -> None:
    """Write one file, all of it or nothing; folders on the way are made. What was there is replaced, not followed."""
    with _beneath(slug, path, make=True) as (folder, name):
        neighbour = f".{name[:200]}.{os.urandom(4).hex()}"
        mode = 0o755 if executable else 0o644
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        descriptor = os.open(neighbour, flags, mode, dir_fd=folder)
        try:
            with open(descriptor, "wb") as file:
                file.write(content)
            os.rename(neighbour, name, src_dir_fd=folder, dst_dir_fd=folder)
        except OSError:
            os.unlink(neighbour, dir_fd=folder)
            raise


@contextmanager
def _beneath(slug: str, path: str, *, make: bool) -> Iterator[tuple[int, str]]:
    """The folder of the path, open, and the last part; every OSError on the way is a BottleError that names the path."""
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or ".." in parts or "\0" in path:
        raise BadUsage("A path in a workspace is relative and does not climb.", facts=(f"found {path[:200]!a}",))
    opened = [os.open(workspace_of(read_status(slug)), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)]
    try:
        for part in parts[:-1]:
            if make and not _exists(part, opened[-1]):
                os.mkdir(part, 0o755, dir_fd=opened[-1])
            opened.append(os.open(part, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=opened[-1]))
        yield opened[-1], parts[-1]
    except OSError as error:
        raise BottleError(f"{plain(path)} cannot be used in the workspace of {slug}.", facts=(error.strerror or "",)) from error
    finally:
        for descriptor in opened:
            os.close(descriptor)


def _exists(name: str, folder: int) -> bool:
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except FileNotFoundError:
        return False
    return True
