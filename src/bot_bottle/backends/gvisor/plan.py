"""What the gVisor backend decides for one bottle: its file system, its engine's flags, its limits, before anything starts."""

from pathlib import Path

from bot_bottle.backends.limits import LimitPlan
from bot_bottle.backends.mounts import Mounted, Placeholder
from bot_bottle.plans.bottle import BottlePlan
from bot_bottle.plans.gate import Line
from bot_bottle.record import dataclass

OF_AN_IMAGE = (
    "/etc/shadow is hidden",
    *(f"{path} is read-only" for path in ("/usr/lib/os-release", "/usr", "/usr/bin", "/etc")),
)


@dataclass(frozen=True, kw_only=True)
class GvisorPlan(BottlePlan):
    """A bottle whose every system call is served by gVisor's kernel, in user space, through `runsc run`.

    `container` is its name for runsc, unlike any other's on this machine. `root` is the folder that becomes `/`: one of ours
    that holds mount points only, or an image's, written to in an overlay (`is_image`). `mounts` are made in order. `portal`
    and `forwarder` are programs of ours that launch compiles where they are missing.
    """

    runsc: str
    is_rootless: bool
    container: str
    hostname: str
    root: Path
    is_image: bool
    mounts: tuple[Mounted, ...]
    placeholders: tuple[Placeholder, ...]
    portal: Path
    forwarder: Path
    limits: LimitPlan
    sealing: tuple[Line, ...]

    @property
    def own_processes(self) -> int:
        """The portal and the forwarder."""
        return 2

    @property
    def unproved(self) -> tuple[str, ...]:
        """gVisor offers this socket and never says anything on it (pkg/sentry/socket/netlink/uevent).

        An image has users of its own, and may be written to, on a layer that nobody else sees.
        """
        return ("netlink device event socket", *(OF_AN_IMAGE if self.is_image else ()))

    @property
    def folder(self) -> Path:
        """Where the engine's files of this bottle are: the bundle, the sockets, the log."""
        return self.stage_dir / "backend"

    def describe_sealing(self) -> tuple[Line, ...]:
        """How the bottle is cut off, and what this machine cannot enforce."""
        return self.sealing
