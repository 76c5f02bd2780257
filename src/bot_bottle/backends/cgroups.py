"""Which control groups (cgroups(7)) can hold a bottle's limits here, version 2 or 1. Decided from what the file system shows.

Only groups that this user may make are used: below the root's own, or beside our own where a service manager delegated it.
"""

import os
from pathlib import Path

from bot_bottle.manifest.spec import Limits
from bot_bottle.record import dataclass

CPU_PERIOD_US = 100_000
"""The kernel's default period (cpu.max, cgroup-v2.rst)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Group:
    """A cgroup in which a child could be made: its folder, and the controllers that the child would have."""

    folder: Path
    version: int
    controllers: frozenset[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class CgroupPlan:
    """Folders to make, texts to write into files, in order; processes join every folder. `controllers` are those that hold."""

    folders: tuple[Path, ...]
    settings: tuple[tuple[Path, str], ...]
    controllers: frozenset[str]


def usable_groups(root: Path = Path("/")) -> tuple[Group, ...]:
    """The cgroups that we could make a child in. Reads below `root`; changes nothing."""
    own = own_groups((root / "proc/self/cgroup").read_text(errors="replace"))
    found = []
    for mount, version, options in cgroup_mounts((root / "proc/self/mountinfo").read_text(errors="replace")):
        top = root / mount.lstrip("/")
        if version == 2:
            found += _second(top, own.get("", "/"))
        else:
            found += _first(top, {name: own[name] for name in options if name in own})
    return tuple(found)


def _second(top: Path, own: str) -> list[Group]:
    """Beside our own group, for no group may hold both processes and controlled children; at the top, which may."""
    here = top / own.strip("/")
    parent = here if here == top else here.parent
    try:
        controllers = frozenset((parent / "cgroup.subtree_control").read_text().split())
    except OSError:
        return []
    is_ours = os.access(parent, os.W_OK) and os.access(parent / "cgroup.procs", os.W_OK)
    return [Group(folder=parent, version=2, controllers=controllers)] if is_ours and controllers else []


def _first(top: Path, own: dict[str, str]) -> list[Group]:
    """Below our own group: version 1 allows it."""
    places = {(top / path.strip("/")) for path in own.values()}
    return [
        Group(folder=place, version=1, controllers=frozenset(own))
        for place in places
        if os.access(place, os.W_OK) and os.access(place / "cgroup.procs", os.W_OK)
    ]


def own_groups(text: str) -> dict[str, str]:
    """Controller → our group's path, from /proc/self/cgroup; the empty name is version 2 (cgroups(7))."""
    groups: dict[str, str] = {}
    for line in text.splitlines():
        parts = line.split(":", 2)
        if len(parts) == 3:
            groups |= dict.fromkeys(parts[1].split(","), parts[2])
    return groups


def cgroup_mounts(text: str) -> list[tuple[str, int, tuple[str, ...]]]:
    """Mount point, version and options of each cgroup file system, from mountinfo (proc_pid_mountinfo(5))."""
    found = []
    for line in text.splitlines():
        before, _, after = line.partition(" - ")
        fields, kind = before.split(), after.split()
        if len(fields) > 5 and len(kind) > 2 and kind[0] in ("cgroup", "cgroup2") and fields[3] == "/":
            found.append((fields[4], 2 if kind[0] == "cgroup2" else 1, tuple(kind[2].split(","))))
    return found


def plan_cgroups(limits: Limits, groups: tuple[Group, ...], *, name: str) -> CgroupPlan | None:
    """The folders and settings for these limits, each controller in the first group that has it. Pure."""
    folders: list[Path] = []
    settings: list[tuple[Path, str]] = []
    held = set()
    for controller, wanted in (("pids", limits.pids), ("memory", limits.memory), ("cpu", limits.cpus)):
        group = next((group for group in groups if controller in group.controllers), None)
        if wanted is None or group is None:
            continue
        folder = group.folder / name
        if folder not in folders:
            folders.append(folder)
        settings += [(folder / file, text) for file, text in texts(controller, wanted, version=group.version)]
        held.add(controller)
    return CgroupPlan(folders=tuple(folders), settings=tuple(settings), controllers=frozenset(held)) if held else None


def texts(controller: str, wanted: float, *, version: int) -> tuple[tuple[str, str], ...]:
    """The files and texts that set one limit."""
    quota = str(max(1000, int(wanted * CPU_PERIOD_US)))
    return {
        ("pids", 2): (("pids.max", str(int(wanted))),),
        ("pids", 1): (("pids.max", str(int(wanted))),),
        ("memory", 2): (("memory.max", str(int(wanted))),),
        ("memory", 1): (("memory.limit_in_bytes", str(int(wanted))),),
        ("cpu", 2): (("cpu.max", f"{quota} {CPU_PERIOD_US}"),),
        ("cpu", 1): (("cpu.cfs_period_us", str(CPU_PERIOD_US)), ("cpu.cfs_quota_us", quota)),
    }[controller, version]
