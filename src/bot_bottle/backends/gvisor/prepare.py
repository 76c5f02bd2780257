"""Decides the gVisor backend's part of a plan. Reads this machine; writes only below the stage dir's `backend/`."""

import os
import stat
from pathlib import Path
from zlib import crc32

from bot_bottle.backends.cgroups import Group, usable_groups
from bot_bottle.backends.etc import generated, hostname_for
from bot_bottle.backends.guest_programs import forwarder_path, portal_path
from bot_bottle.backends.gvisor.layout import fill_own, make_mount_points, missing_places, mounts_of
from bot_bottle.backends.gvisor.plan import GvisorPlan
from bot_bottle.backends.gvisor.survey import find_runsc
from bot_bottle.backends.limits import LimitPlan, describe_limits, plan_limits
from bot_bottle.backends.mounts import Bind, Mounted, memory_files
from bot_bottle.backends.protect import check_sources, described_protection, workspace_mounts
from bot_bottle.backends.system import etc_mounts, program_mounts, with_python
from bot_bottle.errors import CannotRunHere
from bot_bottle.host.files import make_private_folder, write_file
from bot_bottle.plans.bottle import BottlePlan
from bot_bottle.plans.gate import Line
from bot_bottle.plans.image import ReadyImage, RootFolder
from bot_bottle.record import field_values, replace


def prepare(shared: BottlePlan) -> GvisorPlan:
    """The shared decisions plus every mount, flag and limit of this backend."""
    check_sources(shared)
    check_image(shared.image)
    is_image = shared.image is not None
    if not is_image:
        shared = replace(shared, guest_env=with_python(shared.guest_env))
    folder = make_private_folder(shared.stage_dir / "backend")
    hostname = hostname_for(shared.slug)
    protection = workspace_mounts(shared)
    root, own = folder / "root", folder / "own"
    mounts = mounts_of(
        shared,
        system=image_etc(shared, folder, hostname) if is_image else host_system(shared, folder, hostname),
        own=own,
        nothing=write_file(folder / "nothing", b"", mode=0o444),
        workspace=protection.mounts,
        memory_files=memory_files(shared.spec.limits),
    )
    make_mount_points(root, own, mounts)
    fill_own(own, shared)
    places = missing_places(shared.image.folder, mounts) if isinstance(shared.image, RootFolder) else ()
    limits = limits_of(shared, usable_groups())
    return GvisorPlan(
        **field_values(shared),
        runsc=find_runsc() or "runsc",
        is_rootless=os.geteuid() != 0,
        container=f"bot-bottle-{crc32(str(shared.stage_dir).encode()):08x}",
        hostname=hostname,
        root=shared.image.folder if isinstance(shared.image, RootFolder) else root,
        is_image=is_image,
        mounts=mounts,
        placeholders=(*protection.placeholders, *places),
        portal=portal_path(),
        forwarder=forwarder_path(),
        limits=limits,
        sealing=sealing(shared, limits),
    )


def check_image(image: ReadyImage | None) -> None:
    """CannotRunHere when runsc's helper, who connects to the gates as another user, could not enter the image's folder."""
    if os.geteuid() == 0 and isinstance(image, RootFolder) and not image.folder.stat().st_mode & stat.S_IXOTH:
        raise CannotRunHere(
            "Users other than root cannot enter the image's root folder, and a bottle's first process is one of them.",
            facts=(f"{image.folder} has mode {stat.filemode(image.folder.stat().st_mode)}",),
            next=f"Open it: chmod 755 {image.folder}",
        )


def host_system(shared: BottlePlan, folder: Path, hostname: str) -> tuple[Mounted, ...]:
    """This machine's programs and libraries, and an /etc that is made for the bottle."""
    return (
        *program_mounts(),
        *etc_mounts(folder / "etc", hostname=hostname, home=shared.guest_home, presets=shared.spec.egress.presets),
    )


def image_etc(shared: BottlePlan, folder: Path, hostname: str) -> tuple[Mounted, ...]:
    """Over the image's own: who the agent is, what the bottle is called, and that names are resolved outside."""
    texts = generated(hostname=hostname, home=shared.guest_home, shell="/bin/sh")  # noqa: S604  # a field of passwd
    texts = {name: texts[name] for name in ("passwd", "group", "hosts", "hostname")}
    texts["resolv.conf"] = "# names are resolved outside, by the gates\n"
    etc = make_private_folder(folder / "etc")
    return tuple(
        Bind(host_path=write_file(etc / name, text, mode=0o644), guest_path=f"/etc/{name}") for name, text in texts.items()
    )


def limits_of(shared: BottlePlan, groups: tuple[Group, ...]) -> LimitPlan:
    """As everywhere, but processes are always counted: a group would count gVisor's own threads, and end it without a word."""
    groups = tuple(replace(group, controllers=group.controllers - {"pids"}) for group in groups)
    cores = sorted(os.sched_getaffinity(0))
    planned = plan_limits(
        shared.spec.limits, groups, slug=shared.slug, stage_dir=shared.stage_dir, is_root=os.geteuid() == 0, cores=cores
    )
    return replace(planned, processes=None, watched_processes=shared.spec.limits.pids)


def sealing(shared: BottlePlan, limits: LimitPlan) -> tuple[Line, ...]:
    """The preflight's lines."""
    gates = ", ".join(shared.gates_inside)
    writing = "only its home, its workspace, /tmp and /run"
    if shared.image is not None:
        writing = "everything, on a layer over the image that ends with the bottle; outside, only its home and its workspace"
    lines = [
        Line(label="sealed by", text=f"a kernel of its own, gVisor: no network but its own loopback, on it only {gates}"),
        Line(label="calls", text="served by gVisor in user space; the host's kernel sees none of the bottle's"),
        Line(label="writing", text=writing),
        Line(
            label="events",
            text="a socket for device events can be opened inside",
            why="gVisor's own, on which nothing is ever said",
        ),
    ]
    if os.geteuid() == 0 and shared.image is None:
        text = "files below /usr and /opt that only root may read can be read inside"
        lines.append(Line(label="as root", text=text, why="you are root; as an ordinary user they could not"))
    lines += described_protection(shared)
    held = (
        replace(line, why="a control group would count gVisor's own") if line.label == "processes" else line
        for line in describe_limits(shared.spec.limits, limits)
    )
    return (*lines, *held)
