"""The workspace copy: how the operator's folder gets into a bottle, and what came of it. Runs no program in either tree.

After a run the copy is hostile: links in it are never followed, its git metadata is never read or landed.
"""

import json
import os
import re
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

from bot_bottle.errors import BadUsage, BottleError
from bot_bottle.host.files import write_file
from bot_bottle.record import dataclass

MANIFESTS = ("bottle.yaml",)
BEFORE = "before.json"
"""The listing of the operator's folder when it was copied, in the bottle's folder."""
FILE_LIMIT = 2_000_000
"""Most files that one copy takes; a folder with more is almost certainly not the one that was meant (a home, a disk)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """One path that differs, relative to the workspace."""

    path: str
    kind: Literal["added", "changed", "removed"]


def check_workspace(folder: Path) -> None:
    """BadUsage for a folder that must not become a workspace: missing, a file, `/`, or a whole home."""
    if not folder.is_dir():
        raise BadUsage("The workspace is not a folder.", facts=(str(folder),), next="Name one with -w PATH.")
    if folder == Path("/") or folder == Path.home():
        raise BadUsage(
            "This folder is too much for a workspace.",
            facts=(f"{folder} holds more than one project, and your keys.",),
            next="Go into a project's folder, or name one with -w PATH.",
        )


def fill(origin: Path, copy: Path) -> None:
    """Copy the tree, links as links, sockets and devices left out; credentials in its git config stay behind.

    Beside the copy, where no bottle sees it, is written what the tree was like: what the operator changes later is theirs.
    """
    write_file(copy.parent / BEFORE, json.dumps(listing(origin)))
    counted = 0

    def copy_file(source: str, target: str) -> str:
        nonlocal counted
        counted += 1
        if counted > FILE_LIMIT:
            raise BottleError("The workspace has too many files to copy.", facts=(f"more than {FILE_LIMIT:,} in {origin}",))
        return shutil.copy2(source, target)

    try:
        shutil.copytree(origin, copy, symlinks=True, ignore=_special_files, copy_function=copy_file)
    except shutil.Error as error:
        facts = tuple(str(row[-1])[:300] for row in error.args[0][:8])
        raise BottleError("Some of the workspace could not be copied.", facts=facts) from error
    copy.chmod(0o700)
    config = copy / ".git" / "config"
    if config.is_file() and not config.is_symlink():
        config.write_text(without_credentials(config.read_text(errors="surrogateescape")), errors="surrogateescape")


def _special_files(folder: str, names: list[str]) -> list[str]:
    modes = ((name, os.lstat(os.path.join(folder, name)).st_mode) for name in names)
    return [name for name, mode in modes if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_ISLNK(mode))]


def without_credentials(config: str) -> str:
    """A git config without user info in URLs, extra headers, and credential sections (git-config(1))."""
    kept = []
    in_credential = False
    for line in config.splitlines(keepends=True):
        section = re.match(r"\s*\[\s*([A-Za-z0-9.-]+)", line)
        if section:
            in_credential = section[1].lower().split(".")[0] == "credential"
        if in_credential or re.match(r"\s*(extraheader|cookiefile|sslkey|proxy)\s*=", line, re.IGNORECASE):
            continue
        kept.append(re.sub(r"(?i)\b((?:https?|ftps?)://)[^/\s@\"]+@", r"\1", line))
    return "".join(kept)


def changes(origin: Path, copy: Path) -> Iterator[Change]:
    """What differs between the operator's folder and the copy, sorted by path, git's metadata aside."""
    before, after = listing(origin), listing(copy)
    for path in sorted(before.keys() | after.keys()):
        if path not in before:
            yield Change(path=path, kind="added")
        elif path not in after:
            yield Change(path=path, kind="removed")
        elif before[path] != after[path] and not _same_content(origin / path, copy / path, before[path], after[path]):
            yield Change(path=path, kind="changed")


def changed_by_operator(origin: Path, copy: Path) -> set[str]:
    """Paths that are not as they were when the folder was copied: made, changed or removed since, whatever their dates say."""
    then = {path: tuple(entry) for path, entry in json.loads((copy.parent / BEFORE).read_text()).items()}
    now = listing(origin)
    return {path for path in then.keys() | now.keys() if then.get(path) != now.get(path)}


_Kind = tuple[str, int, int, int]


def listing(root: Path) -> dict[str, _Kind]:
    """Relative path → (kind, size, mtime in ns, executable bit) of files and links, without following any link.

    A folder that cannot be looked into (deeper than a path can be long) is an entry itself, so that nothing is hidden in it.
    """
    found: dict[str, _Kind] = {}
    pending = [""]
    while pending:
        folder = pending.pop()
        try:
            entries = _entries(root / folder) if folder else _entries(root.resolve())
        except (PermissionError, FileNotFoundError, NotADirectoryError):
            continue  # not ours to read; or an agent at work took it away, or put something else in its place
        except OSError:
            found[folder] = ("folder", 0, 0, 0)
            continue
        for name, status in entries:
            path = f"{folder}/{name}" if folder else name
            if stat.S_ISDIR(status.st_mode):
                if path != ".git":
                    pending.append(path)
            elif stat.S_ISREG(status.st_mode) or stat.S_ISLNK(status.st_mode):
                kind = "link" if stat.S_ISLNK(status.st_mode) else "file"
                found[path] = (kind, status.st_size, status.st_mtime_ns, status.st_mode & 0o100)
    return found


def _entries(folder: Path) -> list[tuple[str, os.stat_result]]:
    """Names in a folder, which must not be a link, and what each is; those that went meanwhile are left out."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    found = []
    try:
        for entry in os.scandir(descriptor):
            try:
                found.append((entry.name, entry.stat(follow_symlinks=False)))
            except FileNotFoundError:
                continue
    finally:
        os.close(descriptor)
    return found


def _same_content(one: Path, other: Path, was: _Kind, now: _Kind) -> bool:
    if was[0] != now[0] or was[1] != now[1] or was[3] != now[3]:
        return False
    if was[0] == "link":
        return os.readlink(one) == os.readlink(other)
    return read_regular(one) == read_regular(other)


def read_regular(path: Path, *, limit: int | None = None) -> bytes:
    """The content of a regular file, never through a link, never of a pipe or device; `limit` bytes at most. Else OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(f"{path} is not a regular file")
        if limit is not None and os.fstat(descriptor).st_size > limit:
            raise OSError(f"{path} is larger than {limit} bytes")
        return file.read() if limit is None else file.read(limit)
