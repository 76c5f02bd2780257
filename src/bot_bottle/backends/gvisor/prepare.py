"""Decides the gVisor backend's part of a plan. Reads this machine; writes only below the stage dir's `backend/`."""

import os
from pathlib import Path
from zlib import crc32

from bot_bottle.backends.cgroups import Group, usable_groups
from bot_bottle.backends.etc import hostname_for
from bot_bottle.backends.forwarder import forwarder_path, portal_path
from bot_bottle.backends.gvisor.layout import FORWARDER, PORTAL, make_mount_points, mounts_of
from bot_bottle.backends.gvisor.plan import GvisorPlan
from bot_bottle.backends.gvisor.survey import find_runsc
from bot_bottle.backends.limits import LimitPlan, describe_limits, plan_limits
from bot_bottle.backends.mounts import Bind, memory_files
from bot_bottle.backends.protect import check_sources, workspace_mounts
from bot_bottle.backends.system import etc_mounts, program_mounts, with_python
from bot_bottle.host.files import make_private_folder, write_file
from bot_bottle.plans.bottle import BottlePlan
from bot_bottle.plans.gate import GATE_PORTS, Line
from bot_bottle.record import field_values, replace


def prepare(shared: BottlePlan) -> GvisorPlan:
    """The shared decisions plus every mount, flag and limit of this backend."""
    check_sources(shared)
    shared = replace(shared, guest_env=with_python(shared.guest_env))
    folder = make_private_folder(shared.stage_dir / "backend")
    hostname = hostname_for(shared.slug)
    portal, forwarder = portal_path(), forwarder_path()
    protection = workspace_mounts(shared)
    root, own = folder / "root", folder / "own"
    mounts = mounts_of(
        shared,
        system=(*program_mounts(), *etc_mounts(folder / "etc", hostname=hostname, home=shared.guest_home)),
        own=own,
        nothing=write_file(folder / "nothing", b"", mode=0o444),
        programs=(Bind(host_path=portal, guest_path=PORTAL), Bind(host_path=forwarder, guest_path=FORWARDER)),
        workspace=protection.mounts,
        memory_files=memory_files(shared.spec.limits),
    )
    make_mount_points(root, own, mounts)
    make_private_folder(own / "gates").chmod(0o755)  # the stage dir around it is private
    limits = limits_of(shared, usable_groups())
    return GvisorPlan(
        **field_values(shared),
        runsc=find_runsc() or "runsc",
        is_rootless=os.geteuid() != 0,
        container=f"bot-bottle-{crc32(str(shared.stage_dir).encode()):08x}",
        hostname=hostname,
        root=root,
        is_image=False,
        mounts=mounts,
        placeholders=protection.placeholders,
        gates=tuple(gate.gate for gate in shared.gate_plans if gate.gate in GATE_PORTS),
        portal=portal,
        forwarder=forwarder,
        limits=limits,
        sealing=sealing(shared, limits),
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
    gates = ", ".join(gate.gate for gate in shared.gate_plans if gate.gate in GATE_PORTS)
    lines = [
        Line(label="sealed by", text=f"a kernel of its own, gVisor: no network but its own loopback, on it only {gates}"),
        Line(label="calls", text="served by gVisor in user space; the host's kernel sees none of the bottle's"),
        Line(label="writing", text="only its home, its workspace, /tmp and /run"),
        Line(
            label="events",
            text="a socket for device events can be opened inside",
            why="gVisor's own, on which nothing is ever said",
        ),
    ]
    if os.geteuid() == 0:
        text = "files below /usr and /opt that only root may read can be read inside"
        lines.append(Line(label="as root", text=text, why="you are root; as an ordinary user they could not"))
    if shared.spec.workspace.mode == "bind":
        text = "git's hooks and settings, editors' and agents' settings and the manifest cannot be changed inside"
        why = "a new repository in a folder further down can still carry hooks: run no git there, or use --mode copy"
        lines.append(Line(label="shared", text=text, why=why))
    return (*lines, *describe_limits(shared.spec.limits, limits))


def overlay_folder(plan: GvisorPlan) -> Path:
    """Where changes to an image are kept until the bottle is gone."""
    return plan.folder / "overlay"
