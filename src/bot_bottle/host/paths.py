"""Where things live on the host: the XDG base directories (freedesktop.org, version 0.8), per user."""

import os
from pathlib import Path


def _base(variable: str, fallback: str) -> Path:
    """The XDG directory; a relative value is ignored, as the specification asks."""
    value = os.environ.get(variable, "")
    return Path(value) if value.startswith("/") else Path.home() / fallback


def config_dir() -> Path:
    """The operator's policy and defaults."""
    return _base("XDG_CONFIG_HOME", ".config") / "bot-bottle"


def state_dir() -> Path:
    """One folder per bottle: the stage dir."""
    return _base("XDG_STATE_HOME", ".local/state") / "bot-bottle"


def cache_dir() -> Path:
    """What can be made again: agents, mirrors, images, compiled databases."""
    return _base("XDG_CACHE_HOME", ".cache") / "bot-bottle"


def bottle_dir(slug: str) -> Path:
    """The stage dir of one bottle."""
    return state_dir() / "bottles" / slug
