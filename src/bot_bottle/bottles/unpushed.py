"""What a bottle in mode clone left in its clone and did not push: found by looking at files, never by running git there.

The clone is hostile after a run. Which of its files are nowhere else is asked of the operator's repository, by their ids.
"""

import hashlib
import itertools
import json
import os
import re
import stat
from pathlib import Path
from typing import Any

from bot_bottle.bottles.branches import Repository
from bot_bottle.bottles.workspace import Change, listing, read_regular
from bot_bottle.errors import BottleError
from bot_bottle.host.files import write_file
from bot_bottle.host.plain import plain
from bot_bottle.record import dataclass

CLONED = "cloned.json"
"""What the clone was like when it was made, and the commit that was checked out: in the bottle's folder, outside the clone."""
LARGEST = 512 * 1024 * 1024
"""Bytes of a file that are read to know it; a larger one counts as not pushed."""

OWN = ("refs/heads/", "refs/stash")
REFS_LIMIT = 10_000
TEXT_LIMIT = 1024 * 1024
_PACKED = re.compile(r"([0-9a-f]{40}|[0-9a-f]{64}) (refs/\S+)")
_ID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Cloned:
    """The commit that the clone began with (empty for a repository without one), and its files then."""

    base: str
    files: dict[str, tuple[Any, ...]]  # Any: a row of the listing


def remember(clone: Path) -> None:
    """Write down what a fresh clone is like, before anything runs in it."""
    write_file(clone.parent / CLONED, json.dumps({"base": head_of(clone), "files": listing(clone)}))


def head_of(clone: Path) -> str:
    """The commit that a fresh clone has checked out, from its files."""
    text = (clone / ".git/HEAD").read_text().strip()
    if not text.startswith("ref: "):
        return text
    loose = clone / ".git" / text.removeprefix("ref: ")
    return loose.read_text().strip() if loose.is_file() else ""


def recall(stage_dir: Path) -> Cloned | None:
    """What was written down; None when the clone was never finished."""
    path = stage_dir / CLONED
    if not path.is_file():
        return None
    try:
        row = json.loads(path.read_text())
        return Cloned(base=str(row["base"]), files={str(name): tuple(entry) for name, entry in row["files"].items()})
    except (ValueError, KeyError, AttributeError) as error:
        raise BottleError("What the clone was like cannot be read.", facts=(str(path), type(error).__name__)) from None


def unpushed(stage_dir: Path, repository: Repository) -> list[Change]:
    """Files that the bottle changed, that no branch it pushed has, and that are not ignored; sorted by path."""
    clone, cloned = stage_dir / "workspace", recall(stage_dir)
    if cloned is None or not clone.is_dir():
        return []
    now = listing(clone)
    touched = sorted(path for path in cloned.files.keys() | now.keys() if cloned.files.get(path) != now.get(path))
    odd = {path for path in touched if "\n" in path}  # git takes one path a line
    touched = [path for path in touched if path not in odd]
    hidden = repository.ignored(touched) if touched else set()
    touched = [path for path in touched if path not in hidden or path in cloned.files]
    revisions = [one for one in (cloned.base, *(branch.commit for branch in repository.branches())) if one]
    known = repository.same(revisions, touched) if revisions and touched else {path: {""} for path in touched}
    width = len(revisions[0]) if revisions else 40
    left = {path for path in touched if (identity(clone / path, width=width) if path in now else "") not in known[path]}
    return [Change(path=path, kind=_kind(path, cloned, now)) for path in sorted(left | odd)]


def _kind(path: str, cloned: Cloned, now: dict[str, Any]) -> Any:  # Any: the three words of Change
    return "added" if path not in cloned.files else "changed" if path in now else "removed"


def identity(path: Path, *, width: int) -> str:
    """The id that git gives to this file or link (`blob SIZE NUL content`), by SHA-1 or SHA-256; none for a very large file."""
    status = path.lstat()
    if status.st_size > LARGEST:
        return "large"
    content = os.readlink(os.fsencode(path)) if stat.S_ISLNK(status.st_mode) else read_regular(path)
    algorithm = hashlib.sha256 if width == 64 else hashlib.sha1
    return algorithm(b"blob %d\0" % len(content) + content).hexdigest()


def lost_branches(stage_dir: Path, repository: Repository) -> list[str]:
    """Branches of the clone, and its stash, at commits that are nowhere in the operator's repository."""
    found = local_refs(stage_dir / "workspace" / ".git")
    known = repository.has(sorted(set(found.values())))
    return sorted(plain(name, limit=200) for name, commit in found.items() if commit not in known)


def local_refs(folder: Path) -> dict[str, str]:
    """Ref → id of the clone's own branches and its stash, from files that may be anything: what is no ref is left out."""
    found: dict[str, str] = {}
    for row in _text(folder / "packed-refs").splitlines():
        match = _PACKED.fullmatch(row)
        if match and match[2].startswith(OWN):
            found[match[2]] = match[1]
    for path in _loose(folder):
        ref, value = str(path.relative_to(folder)), _text(path).strip()
        if ref.startswith(OWN) and _ID.fullmatch(value):
            found[ref] = value
    return found


def _loose(folder: Path) -> list[Path]:
    """The files below `refs`, no link followed and not without end."""
    if folder.is_symlink() or (folder / "refs").is_symlink():
        return []
    walked = (Path(top, name) for top, _, names in os.walk(folder / "refs") for name in names)
    return sorted(itertools.islice(walked, REFS_LIMIT))


def _text(path: Path) -> str:
    try:
        return read_regular(path).decode("utf-8", "replace") if path.lstat().st_size <= TEXT_LIMIT else ""
    except OSError:
        return ""
