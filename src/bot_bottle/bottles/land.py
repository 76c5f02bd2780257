"""What a bottle changed in its copy of the workspace: shown as a diff, or taken into the operator's folder.

The copy is hostile. Only regular files and links that stay inside the workspace are landed, never git's own metadata or what
tools on the host would run by themselves; a file that the operator changed meanwhile is a conflict, and then nothing is landed.
"""

import difflib
import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from bot_bottle.bottles.listing import tidy
from bot_bottle.bottles.status import Status, is_kept, read_status
from bot_bottle.bottles.workspace import Change, changed_by_operator, changes, read_regular
from bot_bottle.errors import BadUsage, BottleError
from bot_bottle.host import paths
from bot_bottle.host.files import write_file
from bot_bottle.host.plain import plain
from bot_bottle.record import dataclass

TEXT_LIMIT = 2 * 1024 * 1024
"""Largest file in bytes that is shown as a text diff."""

LAND_LIMIT = 1 << 30
"""Bytes of a file that is taken without being named; an agent can make one of a terabyte that holds nothing."""

PATH_LIMIT = 4096
"""PATH_MAX of Linux (limits.h), the NUL at the end included."""

RUN_BY_TOOLS = (
    ".claude", ".codex", ".gemini", ".cursor", ".opencode", "opencode.json", "opencode.jsonc", ".qwen", ".amp", ".aider.conf.yml",
    ".vscode", ".idea", ".husky", ".envrc", ".mcp.json", "bottle.yaml", ".git",
)  # fmt: skip
"""First parts of paths that editors, agents and shells on the host run or obey by themselves: landed only when named."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Landing:
    """What a landing did, and what it left out with the reason."""

    landed: tuple[Change, ...]
    left_out: tuple[tuple[Change, str], ...]


def work_of(slug: str) -> tuple[Status, Path, Path]:
    """The bottle, the operator's folder and the copy. BadUsage where there is no copy."""
    status = read_status(slug)
    copy = paths.bottle_dir(slug) / "workspace"
    if status.mode != "copy":
        raise BadUsage(f"The bottle {slug} works in your folder itself; its changes are there already.")
    if not copy.is_dir():
        raise BadUsage(f"The bottle {slug} left no changes.")
    return status, Path(status.workspace), copy


def diff(slug: str) -> Iterator[str]:
    """A unified diff of every changed file, lines without control characters; binary files by name only."""
    _, origin, copy = work_of(slug)
    for change in changes(origin, copy):
        before = None if change.kind == "added" else _text(origin / change.path)
        yield from diff_texts(change, before, None if change.kind == "removed" else copy / change.path)


def diff_texts(change: Change, before: bytes | None, after_path: Path | None) -> Iterator[str]:
    """One file's lines; `before` is its text, b"" for what is not shown as text, and None for a file that was not there."""
    after = None if after_path is None else _text(after_path)
    name = plain(change.path)
    if b"" in (before, after):
        yield f"{change.kind}: {name} (not shown: binary, large, or a link)"
        return
    yield from (
        plain(line)
        for line in difflib.unified_diff(
            before.decode().splitlines() if before else [],
            after.decode().splitlines() if after else [],
            f"a/{name}" if before is not None else "/dev/null",
            f"b/{name}" if after is not None else "/dev/null",
            lineterm="",
        )
    )


def _text(path: Path) -> bytes:
    """The file's text with a line end, or b"" when it is not to be shown as text."""
    try:
        return text_of(read_regular(path, limit=TEXT_LIMIT)) or b""
    except OSError:
        return b""


def text_of(content: bytes | None) -> bytes | None:
    """The content when it is text to be shown, b"" when it is not, None for none."""
    if content is None:
        return None
    try:
        content.decode()
    except UnicodeDecodeError:
        return b""
    return b"" if len(content) > TEXT_LIMIT or b"\0" in content else content or b"\n"


def land(slug: str, *, named: Sequence[str] = ()) -> Landing:
    """Take the changes into the operator's folder: all of `named`, or everything that is safe to take.

    A change whose file the operator also changed since the start raises BottleError before anything is written.
    """
    status, origin, copy = work_of(slug)
    wanted, left_out = [], []
    for change in changes(origin, copy):
        if named and change.path not in named:
            continue
        reason = "" if change.path in named else why_not(change, copy)
        if reason:
            left_out.append((change, reason))
        else:
            wanted.append(change)
    theirs = changed_by_operator(origin, copy) if wanted else set()
    conflicts = [change.path for change in wanted if change.path in theirs]
    if conflicts:
        raise BottleError(
            "You changed some of these files yourself since the bottle started; nothing was landed.",
            facts=tuple(plain(path) for path in conflicts[:20]),
            next=f"Compare with `bot-bottle diff {slug}`; the bottle's files are in {copy}.",
        )
    for change in wanted:
        land_file(change, origin, copy)
    if not is_kept(slug):
        # what is landed in full is not kept twice, except by a bottle that may go on
        tidy(paths.bottle_dir(slug), origin=origin, mode=status.mode, keeps=status.state == "stopped")
    return Landing(landed=tuple(wanted), left_out=tuple(left_out))


def why_not(change: Change, copy: Path) -> str:
    """Why this change is not landed unless the operator names it; empty when it is safe."""
    parts = PurePosixPath(change.path).parts
    if parts[0].lower() in RUN_BY_TOOLS or ".git" in (part.lower() for part in parts):
        return "tools on this machine act on it by themselves"
    path = copy / change.path
    if len(os.fsencode(path)) >= PATH_LIMIT or (change.kind != "removed" and path.is_dir() and not path.is_symlink()):
        return "it lies deeper than a path can be long"
    if change.kind != "removed" and path.lstat().st_size > LAND_LIMIT:
        return "it is larger than 1 GiB"
    if change.kind != "removed" and path.is_symlink():
        target = os.path.normpath(os.path.join(os.path.dirname(change.path), os.readlink(path)))
        if os.path.isabs(target) or target.startswith(".."):
            return "a link that leads out of the workspace"
    return ""


def land_file(change: Change, origin: Path, copy: Path) -> None:
    """Take one change into the operator's folder, never through a link."""
    target = origin / change.path
    _check_parents(origin, target)
    if change.kind == "removed":
        target.unlink(missing_ok=True)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    source = copy / change.path
    if source.is_symlink():
        target.unlink(missing_ok=True)
        os.symlink(os.readlink(source), target)
        return
    if target.is_dir() and not target.is_symlink():
        shutil.rmtree(target)
    write_file(target, read_regular(source), mode=0o755 if source.stat().st_mode & 0o100 else 0o644)


def _check_parents(origin: Path, target: Path) -> None:
    """No part of the way to the target may be a link: it could lead out of the operator's folder."""
    for parent in target.parents:
        if parent == origin:
            return
        if parent.is_symlink():
            raise BottleError("A folder on the way is a link; nothing more was landed.", facts=(str(parent),))
