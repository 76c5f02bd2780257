"""What was learned about an image once, and no start learns again: which digest a compressed file or a daemon's image has."""

import contextlib
import hashlib
import json
import os
import secrets
import time
from collections.abc import Iterator
from pathlib import Path

from bot_bottle.backends.images.store import SCRATCH_AFTER_S, store_dir
from bot_bottle.host.files import make_private_folder, write_file


def file_key(archive: Path) -> str:
    """A file as it lies there now: another content has another time."""
    status = archive.stat()
    return f"{archive}\0{status.st_size}\0{status.st_mtime_ns}\0{status.st_ino}\0{status.st_ctime_ns}"


def recall(key: str) -> str | None:
    """The digest that was noted under this key."""
    try:
        digest = json.loads(_place(key).read_bytes())["digest"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return digest if isinstance(digest, str) else None


def remember(key: str, digest: str) -> None:
    """Note the digest under this key."""
    make_private_folder(_place(key).parent)
    write_file(_place(key), json.dumps({"digest": digest}))


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """The path of a file to be made, for as long as it is needed; it lies in the cache, where there is room for images."""
    folder = make_private_folder(store_dir() / "scratch")
    for left in folder.iterdir():
        with contextlib.suppress(OSError):
            if left.stat().st_mtime < time.time() - SCRATCH_AFTER_S:
                left.unlink()
    path = folder / f"{secrets.token_hex(8)}.tar"
    try:
        yield path
    finally:
        path.unlink(missing_ok=True)


def _place(key: str) -> Path:
    return store_dir() / "notes" / f"{hashlib.sha256(os.fsencode(key)).hexdigest()}.json"
