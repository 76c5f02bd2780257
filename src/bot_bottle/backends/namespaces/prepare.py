"""Decides the namespaces backend's part of a plan. Reads this machine; writes only below the stage dir's `backend/`."""

import os
import shutil
from pathlib import Path

from bot_bottle.backends.cgroups import usable_groups
from bot_bottle.backends.etc import hostname_for
from bot_bottle.backends.first_process import FirstProcess, built_portal, first_process, python_inside
from bot_bottle.backends.limits import LimitPlan, describe_limits, plan_limits
from bot_bottle.backends.mounts import Mounted, memory_files
from bot_bottle.backends.namespaces.layout import mounts_of, writable_paths
from bot_bottle.backends.namespaces.plan import LandlockPlan, NamespacesPlan
from bot_bottle.backends.protect import Protection, check_sources, described_protection, workspace_mounts
from bot_bottle.backends.seccomp import required_filter
from bot_bottle.backends.system import etc_mounts, with_python
from bot_bottle.guest import landlock
from bot_bottle.host.files import make_private_folder, write_file
from bot_bottle.plans.bottle import BottlePlan
from bot_bottle.plans.gate import Line
from bot_bottle.record import field_values, replace

NEWEST_LEVEL = 7
"""Of Landlock: what `guest/landlock.py` was written for; newer kernels keep older levels' meaning (landlock(7))."""


def prepare(shared: BottlePlan) -> NamespacesPlan:
    """The shared decisions plus every mount, filter and limit of this backend."""
    check_sources(shared)
    shared = replace(shared, guest_env=with_python(shared.guest_env))
    folder = make_private_folder(shared.stage_dir / "backend")
    hostname = hostname_for(shared.slug)
    protection = workspace_mounts(shared)
    first = first_process(built_portal(), python_inside())
    mounts = _mounts(shared, folder, hostname, protection, first)
    level = min(landlock.level(), NEWEST_LEVEL)
    locked = LandlockPlan(level=level, writable=writable_paths(mounts)) if level >= landlock.LEAST_LEVEL else None
    limits = plan_limits(
        shared.spec.limits,
        usable_groups(),
        slug=shared.slug,
        stage_dir=shared.stage_dir,
        is_root=os.geteuid() == 0,
        cores=sorted(os.sched_getaffinity(0)),
    )
    return NamespacesPlan(
        **field_values(shared),
        bwrap=shutil.which("bwrap") or "bwrap",
        first_process=first,
        hostname=hostname,
        mounts=mounts,
        placeholders=protection.placeholders,
        seccomp_file=write_file(folder / "seccomp.bpf", required_filter(hold_cores=bool(limits.cores))),
        landlock=locked,
        limits=limits,
        sealing=_sealing(shared, locked, limits),
    )


def _mounts(shared: BottlePlan, folder: Path, hostname: str, protection: Protection, first: FirstProcess) -> tuple[Mounted, ...]:
    empty = folder / "empty"
    empty.mkdir(exist_ok=True)
    return mounts_of(
        shared,
        etc=etc_mounts(folder / "etc", hostname=hostname, home=shared.guest_home, presets=shared.spec.egress.presets),
        empty=empty,
        first=first,
        workspace=protection.mounts,
        memory_files=memory_files(shared.spec.limits),
    )


def _sealing(shared: BottlePlan, locked: LandlockPlan | None, limits: LimitPlan) -> tuple[Line, ...]:
    gates = ", ".join(shared.gates_inside)
    lines = [
        Line(label="sealed by", text=f"kernel namespaces (bubblewrap): no network but its own loopback, on it only {gates}"),
        Line(label="calls", text="filtered: no namespaces, mounts, tracing, raw sockets, io_uring, bpf, keyrings"),
        Line(
            label="writing",
            text="only its home, its workspace, /tmp and /run" + (f"; Landlock level {locked.level} too" if locked else ""),
            why="" if locked else "this kernel has no Landlock, so the mounts alone hold that",
        ),
    ]
    if os.geteuid() == 0:
        text = "files below /usr and /opt that only root may read can be read inside"
        lines.append(Line(label="as root", text=text, why="you are root; as an ordinary user they could not"))
    lines += described_protection(shared)
    return (*lines, *describe_limits(shared.spec.limits, limits))
