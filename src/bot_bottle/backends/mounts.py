"""What a bottle sees where: records that every backend with a file system of its own decides in."""

from pathlib import Path
from typing import Literal

from bot_bottle.manifest.spec import Limits
from bot_bottle.record import dataclass

MEMORY_FILES = 1024**3
"""Size of /tmp where memory has no limit."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Bind:
    """A host path seen inside."""

    host_path: Path
    guest_path: str
    writable: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Link:
    """A symbolic link inside."""

    target: str
    guest_path: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Memory:
    """A file system in memory, at most `size` bytes, gone with the bottle."""

    guest_path: str
    size: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Special:
    """The bottle's own /proc or its minimal /dev."""

    kind: Literal["proc", "dev"]
    guest_path: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Closed:
    """From here on nothing in this mount can be written; mounts inside it are not touched."""

    guest_path: str


Mounted = Bind | Link | Memory | Special | Closed


@dataclass(frozen=True, kw_only=True, slots=True)
class Placeholder:
    """Stands in the operator's workspace, while the bottle runs, for something that must not come into being there.

    An empty folder, which git does not see, or a file with `content`. It is removed afterwards if it is still exactly that. With
    `mode` it has this one, whatever the umask.
    """

    host_path: Path
    content: str | None = None
    mode: int | None = None


def memory_files(limits: Limits) -> int:
    """Bytes that /tmp and /dev/shm may hold each: they are memory, so no more than half of it."""
    return MEMORY_FILES if limits.memory is None else max(1024**2, limits.memory // 2)
