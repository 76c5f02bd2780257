"""Where things live on the host: the XDG base directories (freedesktop.org, version 0.8), per user."""

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def _folder(variable: str, fallback: str) -> str:
    """Our folder in an XDG directory; a relative value is ignored, as the specification asks."""
    value = os.environ.get(variable, "")
    return os.path.join(value if value.startswith("/") else os.path.expanduser(f"~/{fallback}"), "bot-bottle")


def _path(folder: str) -> "Path":
    from pathlib import Path  # 4 ms, which the very first step of a start does without

    return Path(folder)


def config_dir() -> "Path":
    """The operator's policy and defaults."""
    return _path(_folder("XDG_CONFIG_HOME", ".config"))


def state_folder() -> str:
    """The state dir as a string."""
    return _folder("XDG_STATE_HOME", ".local/state")


def state_dir() -> "Path":
    """One folder per bottle: the stage dir."""
    return _path(state_folder())


def cache_dir() -> "Path":
    """What can be made again: agents, mirrors, images, compiled databases."""
    return _path(_folder("XDG_CACHE_HOME", ".cache"))


def data_dir() -> "Path":
    """What outlives bottles and cannot be made again: the agents' kept homes."""
    return _path(_folder("XDG_DATA_HOME", ".local/share"))


def bottle_dir(slug: str) -> "Path":
    """The stage dir of one bottle."""
    return state_dir() / "bottles" / slug
