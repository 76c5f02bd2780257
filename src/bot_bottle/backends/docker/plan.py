"""What the docker backend decides for one bottle: the container, all of it, before anything starts."""

from pathlib import Path

from bot_bottle.backends.mounts import Bind, Memory, Placeholder
from bot_bottle.plans.bottle import BottlePlan
from bot_bottle.plans.gate import Line
from bot_bottle.record import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Owner:
    """Who the bottle's processes are to the kernel that runs them, and whether prepared files must be given to them."""

    uid: int
    gid: int
    gives_files: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class ContainerLimits:
    """What the daemon's control groups hold. `None` is no limit."""

    cpus: float | None
    memory: int | None
    pids: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class ServicePlan:
    """One service: its container, which joins the bottle's network namespace. `ports` are waited for."""

    name: str
    container: str
    image: str
    origin: str
    env: tuple[tuple[str, str], ...]
    command: tuple[str, ...]
    ports: tuple[int, ...]
    limits: ContainerLimits


@dataclass(frozen=True, kw_only=True)
class DockerPlan(BottlePlan):
    """A bottle in a container without a network, whose first process is our portal.

    `docker` are the words of the docker command that name the daemon, `socket` is where it answers. `door` is the folder with
    the socket on which the portal reaches its keeper.
    """

    docker: tuple[str, ...]
    socket: str
    container: str
    labels: tuple[tuple[str, str], ...]
    image_ref: str
    read_only: bool
    hostname: str
    owner: Owner
    mounts: tuple[Bind | Memory, ...]
    placeholders: tuple[Placeholder, ...]
    shared_memory: int
    door: Path
    seccomp_file: Path
    container_limits: ContainerLimits
    own_user_namespace: bool
    host_user_namespace: bool
    runtime: str | None
    sealing: tuple[Line, ...]
    services: tuple[ServicePlan, ...] = ()

    @property
    def unproved(self) -> tuple[str, ...]:
        """The image has users of its own; and a daemon that is run by root shares its user namespace with its containers."""
        shared = () if self.own_user_namespace else ("a user namespace of its own",)
        return ("/etc/shadow is hidden", *shared)

    def describe_sealing(self) -> tuple[Line, ...]:
        """How the bottle is cut off, and what this daemon cannot enforce."""
        return self.sealing
