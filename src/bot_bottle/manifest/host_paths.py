"""Paths of the host as a manifest or an option writes them, made whole. Links are followed here and not again later.

What lies in a repository may have been written by a bottle that worked there. So a path that is written as one inside the
repository must lead to a place inside it: a link put there cannot hand out the operator's files.
"""

import os
from pathlib import Path

from bot_bottle.host.paths import cache_dir, config_dir, data_dir, state_dir
from bot_bottle.host.plain import plain
from bot_bottle.manifest.find import repository_top
from bot_bottle.manifest.mistakes import Wrong


def located(base: Path, written: str) -> Path:
    """The place that is meant, absolute and without links, whether anything is there or not. Relative ones start at `base`."""
    if not written:
        raise Wrong("the path is empty")
    try:
        meant = Path(os.path.normpath(base / Path(written).expanduser()))
        found = meant.resolve()
        top = repository_top(base.resolve(), home=Path.home().resolve())
    except (OSError, RuntimeError, ValueError):
        raise Wrong("this is not a path that can be followed") from None
    if meant.is_relative_to(top) and not found.is_relative_to(top):
        shown = plain(str(found), limit=200)
        raise Wrong(
            f"a symbolic link in the repository leads out of it, to {shown}",
            allowed="that place itself, if you mean it",
            hide=True,
        )
    return found


def folder_at(base: Path, written: str) -> Path:
    """An existing folder that a bottle may have."""
    found = located(base, written)
    if not os.path.exists(found):
        raise Wrong("there is no such folder")
    if not os.path.isdir(found):
        raise Wrong("this is not a folder")
    refuse_own_folders(found)
    return found


def anything_at(base: Path, written: str) -> Path:
    """An existing file or folder that a bottle may have."""
    found = located(base, written)
    if not os.path.exists(found):
        raise Wrong("there is no such file or folder")
    refuse_own_folders(found)
    return found


def file_at(base: Path, written: str) -> Path:
    """An existing regular file."""
    found = located(base, written)
    if not os.path.exists(found):
        raise Wrong("there is no such file")
    if not found.is_file():
        raise Wrong("this is not a file")
    return found


def refuse_own_folders(path: Path) -> None:
    """No bottle gets the folders in which its own gates keep keys, policy and trust; nor a folder that holds them."""
    for own in (state_dir(), config_dir(), cache_dir(), data_dir()):
        private = own.resolve()
        if private.is_relative_to(path) or path.is_relative_to(private):
            raise Wrong(
                f"{plain(str(path), limit=200)} holds bot-bottle's own keys and records, or lies in them",
                allowed="a project's folder",
                hide=True,
            )
