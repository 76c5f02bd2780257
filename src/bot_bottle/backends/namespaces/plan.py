"""What the namespaces backend decides for one bottle: every mount, filter and limit, before anything starts."""

from pathlib import Path

from bot_bottle.backends.first_process import FirstProcess
from bot_bottle.backends.limits import LimitPlan
from bot_bottle.backends.mounts import Mounted, Placeholder
from bot_bottle.plans.bottle import BottlePlan
from bot_bottle.plans.gate import Line
from bot_bottle.record import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class LandlockPlan:
    """The kernel's level (ABI), and the paths below which the bottle may write."""

    level: int
    writable: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class NamespacesPlan(BottlePlan):
    """A bottle made of kernel namespaces by bubblewrap.

    `mounts` are made in order, the one of `first_process` among them. `seccomp_file` holds the system call filter.
    """

    bwrap: str
    first_process: FirstProcess
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
