"""Compiled pattern databases on disk: made again whenever anything about them differs, never trusted unless ours and whole.

An attacker who can write into the operator's cache folder already runs as the operator; the checks here are against half
written, foreign and stale files. Patterns are public; secrets are never stored.
"""

import hashlib
import os
import stat
from collections.abc import Sequence
from pathlib import Path

from bot_bottle.host import files, paths

LIMIT = 64 * 1024 * 1024
"""Largest database in bytes that is read back."""

DIGEST = 32


def place(patterns: Sequence[bytes], *, engine: str) -> Path:
    """Where the database of exactly these patterns and this engine is kept."""
    name = hashlib.sha256(engine.encode())
    for pattern in patterns:
        name.update(len(pattern).to_bytes(4, "big") + pattern)
    return paths.cache_dir() / "dlp" / f"{name.hexdigest()[:40]}.db"


def load(path: Path) -> bytes | None:
    """The database, or None when there is none that is ours, private and whole."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return None
    with open(descriptor, "rb") as file:
        status = os.fstat(file.fileno())
        if status.st_uid != os.getuid() or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH) or status.st_size > LIMIT:
            return None
        content = file.read(LIMIT)
    digest, database = content[:DIGEST], content[DIGEST:]
    return database if hashlib.sha256(database).digest() == digest else None


def store(path: Path, database: bytes) -> None:
    """Keep it for the next start. A cache that cannot be written costs time, nothing else."""
    try:
        files.make_private_folder(path.parent)
        files.write_file(path, hashlib.sha256(database).digest() + database)
    except OSError:
        return
