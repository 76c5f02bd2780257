"""Decides the smolmachines backend's part of a plan. Reads this machine; writes only below the stage dir's `backend/`."""

import math
import os
from collections.abc import Mapping
from pathlib import Path
from zlib import crc32

from bot_bottle.backends.etc import GROUP, USERS
from bot_bottle.backends.mounts import Bind
from bot_bottle.backends.protect import check_sources, described_protection, workspace_mounts
from bot_bottle.backends.seccomp import required_filter
from bot_bottle.backends.smolmachines.engine import Engine, engine_env
from bot_bottle.backends.smolmachines.plan import (
    Door,
    EnginePlan,
    FromArtifact,
    FromFolder,
    MachineImage,
    MachineSize,
    NotMade,
    SmolmachinesBottlePlan,
    User,
)
from bot_bottle.errors import CannotRunHere
from bot_bottle.host.files import make_private_folder, write_file
from bot_bottle.host.paths import cache_dir, state_dir
from bot_bottle.manifest.spec import Limits
from bot_bottle.plans.bottle import BottlePlan
from bot_bottle.plans.gate import GATE_PORTS, Line
from bot_bottle.plans.image import DockerImage, ImageArchive, ImageToMake, RootFolder
from bot_bottle.record import field_values

GIVEN = "/run/bot-bottle"
TOLD = "/run/bot-bottle-told"
DOORS = "/run/bot-bottle-doors"
KEEPER = "keeper"
AGENT_ID = 1000
MIB, GIB = 1024**2, 1024**3
DISK_GIB = 20
MEMORY_MIB = 4096
LEAST_MEMORY_MIB = 256
ADDRESS_LIMIT = 107
"""Bytes of a Unix socket's address (unix(7)); the engine connects to it by its name."""

BELOW_STATE = len("/.cache/smolvm/vms/0123456789abcdef/port-forward.sock")
"""What the engine's longest address adds to its state folder. With one that is too long it says only "Invalid argument"."""


def prepare(shared: BottlePlan, engine: Engine, *, host: Mapping[str, str]) -> SmolmachinesBottlePlan:
    """The shared decisions plus the machine."""
    check_sources(shared)
    folder = make_private_folder(shared.stage_dir / "backend")
    user = user_of(shared, uid=os.geteuid(), gid=os.getegid())
    protection = workspace_mounts(shared)
    given, told = folder / "given", folder / "told"
    write_given(given, shared, user)
    size = size_of(shared.spec.limits)
    return SmolmachinesBottlePlan(
        **field_values(shared),
        machine_name=machine_name(shared.slug, shared.stage_dir),
        engine=engine_plan(engine, host=host),
        machine_image=image_of(shared, engine.version),
        user=user,
        size=size,
        binds=_binds(shared, given=given, told=told),
        held=tuple(mount for mount in protection.mounts[1:] if isinstance(mount, Bind)),
        placeholders=protection.placeholders,
        doors=doors_of(shared, folder / "doors"),
        given=given,
        told=told,
        labels=(("bot-bottle", shared.slug), ("bot-bottle.stage", str(shared.stage_dir))),
        sealing=_sealing(shared, engine, size),
    )


def engine_plan(engine: Engine, *, host: Mapping[str, str]) -> EnginePlan:
    """The engine with its environment and its folder."""
    return EnginePlan(
        program=engine.program,
        version=engine.version,
        library=engine.library,
        env=tuple(sorted(engine_env(host, library=engine.library).items())),
        state=engine_state(),
    )


def engine_state() -> Path:
    """Where the engine keeps its machines. CannotRunHere when the sockets that it makes there would have too long an address."""
    folder = state_dir() / "vm"
    if len(os.fsencode(folder)) + BELOW_STATE > ADDRESS_LIMIT:
        raise CannotRunHere(
            "The engine cannot make its sockets in bot-bottle's state folder.",
            facts=(f"below {folder} their addresses have over {ADDRESS_LIMIT} bytes, the kernel's limit",),
            next="Set XDG_STATE_HOME to a folder with a short path.",
        )
    return folder


def machine_name(slug: str, stage_dir: Path) -> str:
    """Slugs differ within one operator's state; the engine's folder may be shared by several states (tests). Pure."""
    return f"bb-{slug[:40]}-{crc32(str(stage_dir).encode()):08x}"


def image_of(shared: BottlePlan, version: str) -> MachineImage:
    """The machine's file system. Pure but for where the cache is."""
    match shared.image:
        case RootFolder(folder=folder):
            return FromFolder(folder=folder)
        case ImageArchive(archive=archive, digest=digest):
            name = f"{digest.partition(':')[2]}-{version}"
            return FromArtifact(archive=archive, artifact=cache_dir() / "smolmachines" / "artifacts" / name)
        case ImageToMake(origin=origin):
            return NotMade(origin=origin)
        case DockerImage() | None:
            raise CannotRunHere(
                "A machine needs a root file system.",
                facts=("image is not set in the manifest",) if shared.image is None else (),
                next="Name one in the manifest: image: {archive: FILE.tar} (as docker save writes it) or {rootfs: FOLDER}.",
            )


def user_of(shared: BottlePlan, *, uid: int, gid: int) -> User:
    """The operator's own number. Where that is root, an ordinary one to whom the copies are given."""
    if uid != 0:
        return User(uid=uid, gid=gid)
    if shared.spec.workspace.mode != "bind":
        return User(uid=AGENT_ID, gid=AGENT_ID, gives_files=True)
    status = shared.workspace_dir.stat()
    if status.st_uid == 0 or status.st_gid == 0:
        raise CannotRunHere(
            "A machine's agent is never root, and this folder belongs to root.",
            facts=(f"{shared.workspace_dir} is owned by {status.st_uid}:{status.st_gid}",),
            next="Use --mode copy, or share a folder of an ordinary user.",
        )
    return User(uid=status.st_uid, gid=status.st_gid, gives_files=True)


def size_of(limits: Limits) -> MachineSize:
    """Whole processors, MiB and GiB, rounded in the bottle's favour. Pure."""
    memory = MEMORY_MIB if limits.memory is None else max(LEAST_MEMORY_MIB, math.ceil(limits.memory / MIB))
    disk = DISK_GIB if limits.disk is None else max(1, math.ceil(limits.disk / GIB))
    cpus = 2 if limits.cpus is None else max(1, math.ceil(limits.cpus))
    return MachineSize(cpus=cpus, memory_mib=memory, disk_gib=disk, processes=limits.pids)


def doors_of(shared: BottlePlan, folder: Path) -> tuple[Door, ...]:
    """One socket for each gate, and the keeper's. CannotRunHere when their paths are too long for the kernel."""
    names = [*shared.gates_inside, KEEPER]
    made = [Door(name=name, host_path=folder / name, guest_path=f"{DOORS}/{name}", port=GATE_PORTS.get(name)) for name in names]
    longest = max((len(os.fsencode(door.host_path)) for door in made), default=0)
    if longest > ADDRESS_LIMIT or any(":" in str(door.host_path) for door in made):
        raise CannotRunHere(
            "The engine cannot reach sockets in bot-bottle's state folder.",
            facts=(f"{folder} gives addresses of {longest} bytes; the kernel takes {ADDRESS_LIMIT}, and no colon",),
            next="Set XDG_STATE_HOME to a folder with a short path.",
        )
    return tuple(made)


def write_given(given: Path, shared: BottlePlan, user: User) -> None:
    """The folder that the machine sees read-only, but for what launch adds: programs, certificates and settings."""
    content = required_filter()
    given.mkdir(exist_ok=True)
    given.chmod(0o755)
    named = (mount.guest_path for mount in (*shared.agent_provision.mounts, *shared.spec.mounts))
    places = [path.removeprefix(f"{GIVEN}/") for path in named if path.startswith(f"{GIVEN}/")]  # where shares are mounted in it
    for name in ("commands", "etc", *places):
        (given / name).mkdir(parents=True, exist_ok=True)
    write_file(given / "seccomp.bpf", content, mode=0o644)
    write_file(given / "prompt.md", shared.prompt_file.read_bytes(), mode=0o644)
    passwd = USERS.format_map({"home": shared.guest_home, "shell": "/bin/sh"})
    files = {
        "passwd": passwd.replace("agent:x:1000:1000", f"agent:x:{user.uid}:{user.gid}"),
        "group": GROUP.replace("agent:x:1000:", f"agent:x:{user.gid}:"),
        "resolv.conf": "# names are resolved outside, by the gates\n",
    }
    for name, text in files.items():
        write_file(given / "etc" / name, text, mode=0o644)


def _binds(shared: BottlePlan, *, given: Path, told: Path) -> tuple[Bind, ...]:
    home = Bind(host_path=shared.home_dir, guest_path=shared.guest_home, writable=True)
    own = (Bind(host_path=given, guest_path=GIVEN), Bind(host_path=told, guest_path=TOLD, writable=True))
    workspace = Bind(host_path=shared.workspace_dir, guest_path=shared.guest_workspace, writable=True)
    named = (*shared.agent_provision.mounts, *shared.spec.mounts)
    if (other := next((mount.host_path for mount in named if not mount.host_path.is_dir()), None)) is not None:
        raise CannotRunHere("Only folders can be mounted into a machine.", facts=(f"{other} is none",), next="Mount its folder.")
    binds = (Bind(host_path=mount.host_path, guest_path=mount.guest_path, writable=mount.writable) for mount in named)
    return (*own, home, workspace, *binds)


def _sealing(shared: BottlePlan, engine: Engine, size: MachineSize) -> tuple[Line, ...]:
    gates = ", ".join(shared.gates_inside)
    lines = [
        Line(
            label="sealed by",
            text=f"a machine with its own kernel and no network card: nothing but its own loopback, on it only {gates}",
            why=f"smolvm {engine.version}",
        ),
        Line(
            label="calls",
            text="filtered inside, as on the namespaces backend; the engine's own are filtered outside, with Landlock",
        ),
        Line(
            label="writing",
            text="its home and its workspace; what it writes elsewhere lies on the machine's own disk, which is removed",
        ),
        Line(label="machine", text=f"{size.cpus} cpus, {size.memory_mib} MiB of memory, {size.disk_gib} GiB of disk"),
    ]
    if os.geteuid() == 0:
        text = "the machine's process on this host is root, held by its filters"
        lines.append(Line(label="as root", text=text, why="you are root; as an ordinary user in the group kvm it would be you"))
    lines += described_protection(shared)
    return tuple(lines)
