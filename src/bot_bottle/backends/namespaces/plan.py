"""What the namespaces backend decides for one bottle: every mount, filter and limit, before anything starts."""

from pathlib import Path
from typing import Literal

from bot_bottle.backends.namespaces.cgroups import CgroupPlan
from bot_bottle.plans.bottle import BottlePlan
from bot_bottle.plans.gate import Line
from bot_bottle.record import dataclass


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

    An empty folder, which git does not see, or a file with `content`. It is removed afterwards if it is still exactly that.
    """

    host_path: Path
    content: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class LandlockPlan:
    """The kernel's level (ABI), and the paths below which the bottle may write."""

    level: int
    writable: tuple[str, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class LimitPlan:
    """How each limit is enforced here. `watched_*` are looked at each second by the keeper, which ends the bottle over them."""

    processes: int | None = None
    cores: tuple[int, ...] = ()
    watched_memory: int | None = None
    watched_processes: int | None = None
    cgroup: CgroupPlan | None = None


@dataclass(frozen=True, kw_only=True)
class NamespacesPlan(BottlePlan):
    """A bottle made of kernel namespaces by bubblewrap.

    `mounts` are made in order. `python` runs the first process inside. `seccomp_file` holds the system call filter.
    """

    bwrap: str
    python: str
    hostname: str
    mounts: tuple[Mounted, ...]
    placeholders: tuple[Placeholder, ...]
    seccomp_file: Path
    landlock: LandlockPlan | None
    limits: LimitPlan
    sealing: tuple[Line, ...]

    def describe_sealing(self) -> tuple[Line, ...]:
        """How the bottle is cut off, and what this machine cannot enforce."""
        return self.sealing
