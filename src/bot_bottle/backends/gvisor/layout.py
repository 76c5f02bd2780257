"""What a bottle of gVisor sees: this machine's programs and libraries read-only, or an image; its own /etc; the gates' sockets.

`/proc` and `/dev` are gVisor's own and show nothing of this machine. Unix sockets of the host can be reached only where a folder
that holds some is shown: here the gates', and whatever lies in a folder that the manifest shares.
"""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from bot_bottle.backends.mounts import Bind, Link, Memory, Mounted, Placeholder, Special
from bot_bottle.backends.system import bind
from bot_bottle.host.files import make_private_folder
from bot_bottle.plans.bottle import BottlePlan

MIB = 1024**2
RUN_SIZE = 64 * MIB
OWN = "/run/bot-bottle"
GATES = f"{OWN}/gates"
PORTAL = f"{OWN}/portal"
FORWARDER = f"{OWN}/forwarder"


def mounts_of(
    plan: BottlePlan,
    *,
    system: tuple[Mounted, ...],
    own: Path,
    nothing: Path,
    workspace: tuple[Mounted, ...],
    memory_files: int,
) -> tuple[Mounted, ...]:
    """Every mount, in order. Pure.

    `system` is this machine's folders and /etc, or the few files of /etc that are written for a bottle from an image. `own` holds
    what is ours: each mount costs a start a millisecond, so our files lie in one. `nothing` is an empty file.
    """
    return (
        *system,
        Special(kind="proc", guest_path="/proc"),
        Bind(host_path=nothing, guest_path="/proc/sysrq-trigger"),  # gVisor's does nothing, and can be written to
        Memory(guest_path="/sys", size=0),  # otherwise gVisor shows one of its own
        Special(kind="dev", guest_path="/dev"),
        Memory(guest_path="/dev/shm", size=memory_files),  # noqa: S108  # the bottle's own
        Memory(guest_path="/tmp", size=memory_files),  # noqa: S108
        Link(target="/tmp", guest_path="/var/tmp"),  # noqa: S108
        Memory(guest_path="/run", size=RUN_SIZE),
        Link(target="/run", guest_path="/var/run"),
        Bind(host_path=own, guest_path=OWN),
        *(bind(mount) for mount in plan.agent_provision.mounts),
        Bind(host_path=plan.home_dir, guest_path=plan.guest_home, writable=True),
        *workspace,
        *(bind(mount) for mount in plan.spec.mounts),
    )


def make_mount_points(root: Path, own: Path, mounts: tuple[Mounted, ...]) -> None:
    """Make `root` and `own` anew, with a place for every mount that lies directly in them, and the links.

    What lies in a mount of memory is made by the engine; what lies in a folder of the host is there. The workspace's copy is not
    there now, and will be.
    """
    for folder in (root, own):
        if folder.exists():
            shutil.rmtree(folder)
        make_private_folder(folder).chmod(0o755)
    inner = {PurePosixPath(mount.guest_path): mount for mount in mounts if not isinstance(mount, Link)}
    for mount in mounts:
        holder = _holder(PurePosixPath(mount.guest_path), inner)
        if holder is None:
            _make(root / mount.guest_path.lstrip("/"), mount)
        elif isinstance(holder, Bind) and holder.host_path == own:
            _make(own / PurePosixPath(mount.guest_path).relative_to(holder.guest_path), mount)


def _holder(path: PurePosixPath, inner: Mapping[PurePosixPath, Mounted]) -> Mounted | None:
    """The mount in which this path lies; None is the root."""
    return next((inner[parent] for parent in path.parents if parent in inner), None)


def _make(place: Path, mount: Mounted) -> None:
    for parent in reversed(place.parents):
        _make_open(parent)
    if isinstance(mount, Link):
        os.symlink(mount.target, place)
    elif isinstance(mount, Bind) and mount.host_path.is_file():
        place.touch()
    else:
        _make_open(place)


def _make_open(folder: Path) -> None:
    """Whatever the umask: runsc's helper passes as another user."""
    if not folder.exists():
        folder.mkdir()
        folder.chmod(0o755)


def fill_own(own: Path, plan: BottlePlan) -> None:
    """The certificates and the prompt, as second names of the stage dir's files: the first is completed while runsc starts."""
    os.link(plan.ca_bundle_file, own / "ca.pem")
    os.link(plan.prompt_file, own / "prompt.md")
    make_private_folder(own / "gates").chmod(0o755)  # the stage dir around it is private


def missing_places(root: Path, mounts: tuple[Mounted, ...]) -> tuple[Placeholder, ...]:
    """What an image lacks of the places that the engine's helper mounts on; it would make them there and leave them.

    Those in memory count too: the helper knows only the folders of this machine.
    """
    binds = [mount for mount in mounts if isinstance(mount, Bind)]
    inner = {PurePosixPath(mount.guest_path): mount for mount in binds}
    found: dict[Path, Placeholder] = {}
    for mount in binds:
        path = PurePosixPath(mount.guest_path)
        if _holder(path, inner) is not None:
            continue
        for parent in (*reversed(path.parents), path):
            place = root / str(parent).lstrip("/")
            is_file = parent == path and mount.host_path.is_file()
            if not os.path.lexists(place):
                found.setdefault(place, Placeholder(host_path=place, content="" if is_file else None, mode=0o755))
    return tuple(found.values())
