"""An agent's place in the cache: installed once, whole or not at all, read-only, one installer at a time."""

import contextlib
import fcntl
import hashlib
import json
import os
import secrets
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from bot_bottle.host.files import make_private_folder, write_file

RECORD = "install.json"
LINE_LIMIT = 200


def folder_of(cache: Path, agent: str, version: str) -> Path:
    """Where this version of an agent lives in the cache."""
    return cache / "agents" / agent / version


def bring(folder: Path, *, is_there: Callable[[], bool], fill: Callable[[Path], None]) -> None:
    """Make `folder` hold what `fill` puts into a work folder, unless it is there. Whoever comes second waits and finds it."""
    shelf = make_private_folder(folder.parent)
    with locked(shelf / ".lock"):
        if is_there():
            return
        sweep(shelf)
        work = make_private_folder(shelf / f".new.{secrets.token_hex(4)}")
        try:
            fill(work)
            make_read_only(work)
            put_in_place(work, folder)
        finally:
            shutil.rmtree(work, ignore_errors=True)


def read_record(folder: Path) -> dict[str, Any] | None:  # Any: JSON
    """The install record, or None when there is none that can be read."""
    try:
        record = json.loads((folder / RECORD).read_bytes())
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) else None


def holds(folder: Path, *, packages: list[dict[str, str]], program: Path) -> bool:
    """Whether the record names exactly these packages and the program has the recorded size."""
    record = read_record(folder)
    if record is None or record.get("packages") != packages:
        return False
    try:
        return program.stat().st_size == record.get("program_bytes")
    except OSError:
        return False


def is_unchanged(folder: Path) -> bool:
    """Whether all files are, byte for byte, those that were installed. Reads them all: 0.2 s for 100 MB."""
    record = read_record(folder)
    return record is not None and hash_tree(folder) == record.get("tree_sha256")


def write_record(work: Path, *, agent: str, version: str, packages: list[dict[str, str]], program: Path) -> None:
    """install.json: which packages, the program's size, and the hash of everything."""
    record = {
        "agent": agent,
        "version": version,
        "packages": packages,
        "program": str(program.relative_to(work)),
        "program_bytes": program.stat().st_size,
        "tree_sha256": hash_tree(work),
    }
    write_file(work / RECORD, json.dumps(record, indent=1) + "\n")


def printable(line: str) -> str:
    """One line of another program's output, without control characters, cut."""
    return "".join(char if char.isprintable() else "?" for char in line)[:LINE_LIMIT]


def hash_tree(folder: Path) -> str:
    """The SHA-256 over every file's path and SHA-256, the record left out; links by what they say."""
    whole = hashlib.sha256()
    for path, folders, files in os.walk(folder):
        folders.sort()
        for name in sorted((*files, *(each for each in folders if Path(path, each).is_symlink()))):
            entry = Path(path, name)
            relative = entry.relative_to(folder)
            if str(relative) != RECORD:
                whole.update(f"{relative}\0{hash_entry(entry)}\n".encode(errors="surrogateescape"))
    return whole.hexdigest()


def hash_entry(entry: Path) -> str:
    """The SHA-256 of one file; of a link's words; empty when it cannot be read."""
    try:
        if entry.is_symlink():
            return "-> " + str(entry.readlink())
        with entry.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


def make_read_only(folder: Path) -> None:
    """Take write permission from every file below `folder`. Folders stay writable, so that `rm -rf` on the cache works."""
    for path, _, files in os.walk(folder):
        for entry in (Path(path, name) for name in files):
            if not entry.is_symlink():
                entry.chmod(0o555 if entry.stat().st_mode & 0o100 else 0o444)


def put_in_place(work: Path, folder: Path) -> None:
    """Rename into place; a broken earlier version goes first. Its name is never half full."""
    if folder.exists():
        aside = folder.with_name(f".old.{secrets.token_hex(4)}")
        folder.rename(aside)
        work.rename(folder)
        shutil.rmtree(aside)
    else:
        work.rename(folder)


def sweep(shelf: Path) -> None:
    """Remove what an earlier, killed install left. Called with the lock held."""
    for pattern in (".new.*", ".old.*"):
        for left in shelf.glob(pattern):
            shutil.rmtree(left)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on `path`; the kernel frees it when we die."""
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
