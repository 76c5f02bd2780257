"""What the namespaces backend decides for one bottle: every mount and every flag, before anything starts."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from bot_bottle.plans.bottle import BottlePlan
from bot_bottle.plans.gate import Line


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


Mounted = Bind | Link | Memory | Special


@dataclass(frozen=True, kw_only=True)
class NamespacesPlan(BottlePlan):
    """A bottle made of kernel namespaces by bubblewrap.

    `mounts` are made in order. `python` runs the first process inside. `seccomp_file` holds the system call filter.
    """

    mounts: tuple[Mounted, ...]
    python: str
    seccomp_file: Path | None
    sealing: tuple[Line, ...]

    def describe_sealing(self) -> tuple[Line, ...]:
        """How the bottle is cut off, and what this machine cannot enforce."""
        return self.sealing
