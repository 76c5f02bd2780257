"""Puts placeholders into the operator's workspace for as long as a bottle runs, and takes them away again.

A journal in the stage dir is written before the first of them, so that they can be removed after a killed keeper. Two bottles
may share a workspace: what another bottle's journal names stays for the other to remove.
"""

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path

from bot_bottle.backends.mounts import Placeholder
from bot_bottle.host.files import write_file

JOURNAL = "placeholders.json"


@contextlib.contextmanager
def placed(placeholders: tuple[Placeholder, ...], *, stage_dir: Path) -> Iterator[None]:
    """Placeholders that are there now and gone afterwards."""
    if not placeholders:
        yield
        return
    write_file(stage_dir / "backend" / JOURNAL, json.dumps([[str(one.host_path), one.content] for one in placeholders]))
    try:
        for one in placeholders:
            place(one)
        yield
    finally:
        remove_left(stage_dir)


def place(one: Placeholder) -> None:
    """Make it where nothing is; what came into being since the plan was made stays as it is and is covered just the same."""
    with contextlib.suppress(FileExistsError):
        if one.content is None:
            one.host_path.mkdir()
        else:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
            with open(one.host_path, "x", opener=lambda name, _: os.open(name, flags, 0o644)) as file:
                file.write(one.content)
        if one.mode is not None:
            one.host_path.chmod(one.mode)


def remove_left(stage_dir: Path) -> None:
    """Take away what this bottle's journal names, unless another bottle's does too; then the journal. Twice is harmless."""
    journal = stage_dir / "backend" / JOURNAL
    kept = of_others(stage_dir)
    for path, content in reversed(read(journal)):  # what lies in another one goes before it
        if path not in kept:
            remove(Path(path), content)
    journal.unlink(missing_ok=True)


def of_others(stage_dir: Path) -> frozenset[str]:
    """The paths that the journals of other bottles name."""
    others = (found for found in stage_dir.parent.glob(f"*/backend/{JOURNAL}") if found.parents[1] != stage_dir)
    return frozenset(path for other in others for path, _ in read(other))


def read(journal: Path) -> list[tuple[str, str | None]]:
    """The entries; none when there is no journal, or only half of one."""
    try:
        return [(str(path), content) for path, content in json.loads(journal.read_text())]
    except (OSError, ValueError, TypeError):
        return []


def remove(path: Path, content: str | None) -> None:
    """Only if it is still the placeholder: an empty folder, or a file with exactly that content."""
    with contextlib.suppress(OSError):
        if content is None:
            path.rmdir()
        elif not path.is_symlink() and path.read_text() == content:
            path.unlink()
