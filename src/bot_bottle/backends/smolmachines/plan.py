"""What the smolmachines backend decides for one bottle: the machine, all of it, before anything starts."""

from pathlib import Path

from bot_bottle.backends.mounts import Bind, Placeholder
from bot_bottle.plans.bottle import BottlePlan
from bot_bottle.plans.gate import GatePlan, Line
from bot_bottle.record import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class EnginePlan:
    """The engine's program and whole environment, and the folder where it keeps everything of every machine of ours."""

    program: Path
    version: str
    library: Path | None
    env: tuple[tuple[str, str], ...]
    state: Path


@dataclass(frozen=True, kw_only=True, slots=True)
class FromFolder:
    """The machine's file system is this folder, read-only; what it writes lies on a disk of its own."""

    folder: Path

    @property
    def reference(self) -> str:
        """As the engine is told."""
        return str(self.folder)


@dataclass(frozen=True, kw_only=True, slots=True)
class FromArtifact:
    """The machine is made from an artifact in the cache, which is packed from the archive first when it is missing."""

    archive: Path
    artifact: Path

    @property
    def reference(self) -> str:
        """What it was packed from."""
        return str(self.archive)


@dataclass(frozen=True, kw_only=True, slots=True)
class NotMade:
    """The image is not there yet: this plan can be looked at, not launched."""

    origin: str

    @property
    def reference(self) -> str:
        """What it will be made from."""
        return self.origin


MachineImage = FromFolder | FromArtifact | NotMade


@dataclass(frozen=True, kw_only=True, slots=True)
class User:
    """Who the agent is inside: the operator's own number, so that files have the same owner on both sides.

    `gives_files`: the operator is root, who is nobody inside; the bottle's copies are given to this user.
    """

    uid: int
    gid: int
    gives_files: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class MachineSize:
    """Virtual processors, MiB of memory, GiB of disk, most processes. The engine holds the first three, the kernel the last."""

    cpus: int
    memory_mib: int
    disk_gib: int
    processes: int | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Door:
    """A Unix socket of the host that the machine reaches under a path of its own; clients inside find it on a loopback port."""

    name: str
    host_path: Path
    guest_path: str
    port: int | None = None


@dataclass(frozen=True, kw_only=True)
class SmolmachinesBottlePlan(BottlePlan):
    """A bottle in a machine with a kernel of its own and no network card.

    The addresses are empty until `launch` fills them in. `doors` are the gates' sockets and the keeper's line; `binds` are shares
    of the engine's; `held` what of a shared workspace must not change, made mounts of their own inside. `given` is the
    folder that the machine sees read-only, `told` the one in which it reports exit codes.
    """

    machine_name: str
    engine: EnginePlan
    machine_image: MachineImage
    user: User
    size: MachineSize
    binds: tuple[Bind, ...]
    held: tuple[Bind, ...]
    placeholders: tuple[Placeholder, ...]
    doors: tuple[Door, ...]
    given: Path
    told: Path
    labels: tuple[tuple[str, str], ...]
    sealing: tuple[Line, ...]
    agent_proxy_url: str = ""
    agent_git_gate_host: str = ""
    agent_supervise_url: str = ""

    @property
    def agent_image_ref(self) -> str:
        """The image that the machine's file system is."""
        return self.machine_image.reference

    @property
    def proxy_plan(self) -> GatePlan:
        """The gate behind the proxy's address."""
        return self.egress_plan

    @property
    def unproved(self) -> tuple[str, ...]:
        """The machine's kernel and users are its own: its namespaces may have the same numbers as the host's."""
        spaces = ("net", "user", "pid", "mnt", "ipc", "uts", "cgroup")
        return (*(f"a {space} namespace of its own" for space in spaces), *OWN_PATHS)

    @property
    def own_processes(self) -> int:
        """The engine's, our program, and the forwarder."""
        return 3

    def describe_sealing(self) -> tuple[Line, ...]:
        """How the bottle is cut off."""
        return self.sealing


OWN_PATHS = ("/etc/shadow is hidden", "/sys/kernel is hidden")
"""Of the image and of the machine's own kernel."""
