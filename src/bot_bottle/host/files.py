"""Files that are never half written, and folders that only their owner can open."""

import errno
import os
from pathlib import Path

PRIVATE_FILE = 0o600
PRIVATE_FOLDER = 0o700


def make_private_folder(path: Path) -> Path:
    """Make the folder and its parents; the last one is 0700 whatever the umask."""
    path.mkdir(parents=True, exist_ok=True)
    path.chmod(PRIVATE_FOLDER)
    return path


def write_file(path: Path, content: str | bytes, *, mode: int = PRIVATE_FILE) -> Path:
    """Write all of it or nothing: a neighbour is written, synced to the file system's order, and renamed over `path`."""
    encoded = content.encode() if isinstance(content, str) else content
    neighbour = path.with_name(f".{path.name}.{os.urandom(4).hex()}")
    descriptor = os.open(neighbour, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        with open(descriptor, "wb") as file:
            file.write(encoded)
        neighbour.chmod(mode)
        neighbour.replace(path)
    except OSError:
        neighbour.unlink(missing_ok=True)
        raise
    return path


def write_below(folder: Path, path: str, content: str | bytes, *, mode: int = PRIVATE_FILE) -> None:
    """Write a file below a folder whose content somebody hostile made, who is not there now: through no link of theirs.

    Each name on the way that is no folder, and what has the file's own name, is replaced; OSError for what cannot be.
    """
    *folders, name = path.split("/")
    encoded = content.encode() if isinstance(content, str) else content
    at = os.open(folder, FOLDER_ONLY)
    try:
        for step in folders:
            inner = _enter(at, step)
            os.close(at)
            at = inner
        _unlink(at, name)
        descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, mode, dir_fd=at)
        with open(descriptor, "wb") as file:
            os.fchmod(descriptor, mode)
            file.write(encoded)
    finally:
        os.close(at)


FOLDER_ONLY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def _enter(at: int, name: str) -> int:
    if name in ("", ".", ".."):
        raise OSError(f"{name!r} is no name of a folder")
    try:
        return os.open(name, FOLDER_ONLY, dir_fd=at)
    except FileNotFoundError:
        pass
    except (NotADirectoryError, OSError) as error:
        if not isinstance(error, NotADirectoryError) and error.errno != errno.ELOOP:
            raise
        _unlink(at, name)
    os.mkdir(name, 0o777, dir_fd=at)
    return os.open(name, FOLDER_ONLY, dir_fd=at)


def _unlink(at: int, name: str) -> None:
    try:
        os.unlink(name, dir_fd=at)
    except FileNotFoundError:
        return
