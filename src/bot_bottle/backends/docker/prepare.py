"""Decides the docker backend's part of a plan. Reads this machine; writes only below the stage dir's `backend/`."""

import os
import stat
from pathlib import Path
from zlib import crc32

from bot_bottle.backends.docker.client import DOOR, GUEST, STAGE_LABEL, Daemon
from bot_bottle.backends.docker.endpoint import Endpoint
from bot_bottle.backends.docker.kept import Kept, kept_in
from bot_bottle.backends.docker.plan import ContainerLimits, DockerPlan, Owner
from bot_bottle.backends.docker.services import describe, plan_services
from bot_bottle.backends.etc import GROUP, HOSTS, USERS, hostname_for
from bot_bottle.backends.first_process import BUILD_IT, BUILT_INSIDE, NOT_BUILT, built_portal
from bot_bottle.backends.mounts import Bind, Memory, memory_files
from bot_bottle.backends.protect import Protection, check_sources, described_protection, workspace_mounts
from bot_bottle.backends.seccomp import required_filter
from bot_bottle.errors import CannotRunHere
from bot_bottle.host.files import make_private_folder, write_file
from bot_bottle.manifest.spec import Image, Mount
from bot_bottle.plans.bottle import BottlePlan
from bot_bottle.plans.gate import Line
from bot_bottle.plans.image import DockerImage, ImageToMake
from bot_bottle.record import field_values

AGENT_ID = 1000
MIB = 1024**2
RUN_SIZE = 64 * MIB
SYSTEM_CA = "/etc/ssl/certs/ca-certificates.crt"
"""Where programs look that read no variable: Debian's place, which Go, OpenSSL, Alpine and Arch know too."""


def prepare(shared: BottlePlan, *, endpoint: Endpoint, daemon: Daemon) -> DockerPlan:
    """The shared decisions plus the container."""
    check_sources(shared, engines=() if endpoint.socket is None else (endpoint.socket,))
    check_runtime(shared.spec.image)
    folder = make_private_folder(shared.stage_dir / "backend")
    owner = owner_of(shared, is_rootless=daemon.is_rootless)
    protection = workspace_mounts(shared)
    door, portal = folder / "door", built_portal()
    if portal is None:
        raise CannotRunHere(NOT_BUILT, next=BUILD_IT)
    mounts = (*_own(folder, shared, owner=owner, door=door, portal=portal), *_of_the_user(shared, protection))
    limits = shared.spec.limits
    kept = kept_in(shared.stage_dir)
    image = image_ref(shared, kept)
    container = container_name(shared.slug, shared.stage_dir)
    services = plan_services(shared.spec.services, shared.image, bottle=container)
    return DockerPlan(
        **field_values(shared),
        docker=endpoint.words,
        socket=endpoint.socket or "",
        container=container,
        labels=(("bot-bottle", shared.slug), (STAGE_LABEL, str(shared.stage_dir))),
        image_ref=image,
        read_only=owner.uid == 0 or (shared.spec.image is not None and shared.spec.image.read_only),
        hostname=hostname_for(shared.slug),
        owner=owner,
        mounts=with_places(folder / "own", mounts),
        placeholders=protection.placeholders,
        shared_memory=memory_files(limits),
        door=door,
        seccomp_file=write_file(folder / "seccomp.bpf", required_filter()),
        container_limits=ContainerLimits(cpus=limits.cpus, memory=limits.memory, pids=limits.pids),
        own_user_namespace=daemon.is_rootless,
        host_user_namespace=daemon.remaps_users,
        runtime=shared.spec.image.runtime if shared.spec.image is not None else None,
        services=services,
        sealing=(*_sealing(shared, daemon, owner, endpoint), *describe_kept(kept, image), *describe(services)),
    )


def describe_kept(kept: Kept | None, image: str) -> tuple[Line, ...]:
    """What becomes of what was kept when the bottle was stopped. Pure."""
    if kept is None:
        return ()
    if kept.identity == image:
        return (Line(label="kept", text="what it changed in its image before it was stopped"),)
    return (Line(label="kept", text="not what it changed in its image: that was another one", why="the image is new"),)


OTHER_KERNELS = {"runsc": "gvisor", "kata": "smolmachines"}
"""Runtimes that give a container a kernel of its own, and our own backend that does the same."""


def check_runtime(image: Image | None) -> None:
    """CannotRunHere for a runtime whose kernel is not this one: the gates' listening sockets could not leave it. Pure."""
    runtime = image.runtime if image is not None else None
    if runtime in OTHER_KERNELS:
        raise CannotRunHere(
            f"A bottle of the docker backend cannot use the runtime {runtime}.",
            facts=("The gates take over sockets that listen inside, and those cannot leave a kernel of its own.",),
            next=f"Use --backend {OTHER_KERNELS[runtime]}: the same kind of kernel, and the same image.",
        )


def container_name(slug: str, stage_dir: Path) -> str:
    """Slugs differ within one operator's state, and containers belong to the whole daemon. Pure."""
    return f"bot-bottle-{slug}-{crc32(str(stage_dir).encode()):08x}"


def image_ref(shared: BottlePlan, kept: Kept | None) -> str:
    """The image's id, so that a moved tag changes nothing; before it is made, what it will be made from. Pure.

    What was kept of the bottle is used on the image that it was made on, and on no other.
    """
    match shared.image:
        case DockerImage() if kept is not None and kept.on == shared.image.reference:
            return kept.identity
        case DockerImage():
            return shared.image.reference
        case ImageToMake():
            return shared.image.origin
    raise CannotRunHere("The docker backend needs an image.", facts=("none was made ready",))


def owner_of(shared: BottlePlan, *, is_rootless: bool) -> Owner:
    """Who can work on the operator's files, and on nobody else's.

    The operator. Where that is root, the owner of a shared workspace; of a copy, an ordinary user to whom the copy is given.
    """
    if is_rootless:
        return Owner(uid=0, gid=0)  # this number is the operator's own, seen from outside
    if os.geteuid() != 0:
        return Owner(uid=os.geteuid(), gid=os.getegid())
    if shared.spec.workspace.mode == "bind":
        status = shared.workspace_dir.stat()
        return Owner(uid=status.st_uid, gid=status.st_gid, gives_files=True)
    return Owner(uid=AGENT_ID, gid=AGENT_ID, gives_files=True)


def _own(folder: Path, shared: BottlePlan, *, owner: Owner, door: Path, portal: Path) -> tuple[Bind | Memory, ...]:
    """What every bottle has: memory, users of its own, no resolver, our programs, its certificates and prompt."""
    size = memory_files(shared.spec.limits)
    files = (
        ("passwd", users(owner, home=shared.guest_home)),
        ("group", groups(owner)),
        ("hosts", HOSTS.format(name=" ".join((hostname_for(shared.slug), *(one.name for one in shared.spec.services))))),
        ("hostname", f"{hostname_for(shared.slug)}\n"),
        ("resolv.conf", "# names are resolved outside, by the gates\n"),
    )
    etc = tuple(Bind(host_path=write_file(folder / name, text, mode=0o644), guest_path=f"/etc/{name}") for name, text in files)
    return (
        Memory(guest_path="/tmp", size=size),  # noqa: S108  # the bottle's own
        Memory(guest_path="/var/tmp", size=size),  # noqa: S108
        Memory(guest_path="/run", size=RUN_SIZE),
        *etc,
        Bind(host_path=folder / "own", guest_path=GUEST),
        Bind(host_path=portal, guest_path=BUILT_INSIDE),
        Bind(host_path=door, guest_path=DOOR),
        Bind(host_path=shared.ca_bundle_file, guest_path=f"{GUEST}/ca.pem"),
        Bind(host_path=shared.ca_bundle_file, guest_path=SYSTEM_CA),
        Bind(host_path=shared.prompt_file, guest_path=f"{GUEST}/prompt.md"),
    )


def with_places(own: Path, mounts: tuple[Bind | Memory, ...]) -> tuple[Bind | Memory, ...]:
    """The mounts, after making a place for each that lies in our own folder, which nothing inside can write to."""
    make_private_folder(own).chmod(0o755)
    for mount in mounts:
        if isinstance(mount, Bind) and mount.guest_path.startswith(f"{GUEST}/"):
            place = own / mount.guest_path.removeprefix(f"{GUEST}/")
            place.parent.mkdir(parents=True, exist_ok=True)
            if mount.host_path.is_dir() or mount.guest_path == DOOR:
                place.mkdir(exist_ok=True)
            else:
                place.touch()
    return mounts


def users(owner: Owner, *, home: str) -> str:
    """/etc/passwd with the bottle's user under the number that it has. Pure."""
    text = USERS.format_map({"home": home, "shell": "/bin/sh"})
    if owner.uid == 0:
        return text.replace("root:x:0:0:root:/root:/bin/sh\n", "").replace("agent:x:1000:1000", "agent:x:0:0")
    return text.replace("agent:x:1000:1000", f"agent:x:{owner.uid}:{owner.gid}")


def groups(owner: Owner) -> str:
    """/etc/group for the same user. Pure."""
    return GROUP if owner.gid == 0 else GROUP.replace("agent:x:1000:", f"agent:x:{owner.gid}:")


def _of_the_user(shared: BottlePlan, protection: Protection) -> tuple[Bind, ...]:
    home = Bind(host_path=shared.home_dir, guest_path=shared.guest_home, writable=True)
    workspace = tuple(mount for mount in protection.mounts if isinstance(mount, Bind))
    assert len(workspace) == len(protection.mounts)
    programs = tuple(bind for mount in shared.agent_provision.mounts for bind in readable(mount))
    named = shared.spec.mounts
    binds = (Bind(host_path=mount.host_path, guest_path=mount.guest_path, writable=mount.writable) for mount in named)
    return (home, *workspace, *programs, *binds)


def readable(mount: Mount) -> tuple[Bind, ...]:
    """An agent's folder, where the bottle's user is not its owner and only the owner may enter it: what it holds, one by one."""
    mode = mount.host_path.stat().st_mode
    if os.geteuid() != 0 or mode & 0o005 == 0o005 or not stat.S_ISDIR(mode):
        return (Bind(host_path=mount.host_path, guest_path=mount.guest_path),)
    inside = sorted(one for one in mount.host_path.iterdir() if one.stat().st_mode & 0o004)
    return tuple(Bind(host_path=one, guest_path=f"{mount.guest_path}/{one.name}") for one in inside)


def _sealing(shared: BottlePlan, daemon: Daemon, owner: Owner, endpoint: Endpoint) -> tuple[Line, ...]:
    gates = ", ".join(shared.gates_inside)
    lines = [
        Line(
            label="sealed by",
            text=f"a container without a network: nothing but its own loopback, on it only {gates}",
            why=f"Docker {daemon.version}, {endpoint.chosen_by}",
        ),
        Line(label="calls", text="filtered twice: by Docker's own list, and by ours as on the namespaces backend"),
        Line(label="writing", text="only its home, its workspace, /tmp and /var/tmp; no capabilities, no new privileges"),
    ]
    if not daemon.has_seccomp:
        lines[2] = Line(label="calls", text="filtered by our list only", why="this daemon has no system call filter")
    if not daemon.is_rootless:
        lines.append(Line(label="users", text="the same numbers outside and inside", why="this daemon is run by root"))
    if owner.uid == 0 and not daemon.is_rootless:
        text = "the bottle's user is root, without any of root's capabilities"
        lines.append(Line(label="as root", text=text, why="you and the shared workspace are root's; use --mode copy"))
    lines += described_protection(shared)
    return (*lines, *_described_limits(shared, daemon))


def _described_limits(shared: BottlePlan, daemon: Daemon) -> tuple[Line, ...]:
    wanted = {"memory": shared.spec.limits.memory, "cpu": shared.spec.limits.cpus, "pids": shared.spec.limits.pids}
    lines = [
        Line(label=name, text="not enforced", why="this machine's kernel or this daemon cannot limit it")
        for name in daemon.lacks
        if wanted[name] is not None
    ]
    if shared.spec.limits.disk is not None:
        lines.append(Line(label="disk", text="not enforced", why="home and workspace lie in this machine's own file system"))
    return tuple(lines)
