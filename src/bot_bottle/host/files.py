"""Files that are never half written, and folders that only their owner can open."""

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
