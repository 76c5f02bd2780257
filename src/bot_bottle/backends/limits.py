"""How each limit of a bottle is enforced on this machine, and what to say about it. Pure."""

import math
from collections.abc import Sequence
from pathlib import Path
from zlib import crc32

from bot_bottle.backends.cgroups import CgroupPlan, Group, plan_cgroups
from bot_bottle.manifest.spec import Limits
from bot_bottle.plans.gate import Line
from bot_bottle.record import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class LimitPlan:
    """How each limit is enforced here. `watched_*` are looked at each second by the keeper, which ends the bottle over them."""

    processes: int | None = None
    cores: tuple[int, ...] = ()
    watched_memory: int | None = None
    watched_processes: int | None = None
    cgroup: CgroupPlan | None = None


def group_name(slug: str, stage_dir: Path) -> str:
    """The name of a bottle's control groups: slugs differ within one operator's state, and groups belong to the whole machine."""
    return f"bot-bottle-{slug}-{crc32(str(stage_dir).encode()):08x}"


def plan_limits(
    limits: Limits, groups: tuple[Group, ...], *, slug: str, stage_dir: Path, is_root: bool, cores: Sequence[int]
) -> LimitPlan:
    """Control groups where they can be had; otherwise what the kernel offers each process, and the keeper's watch."""
    cgroup = plan_cgroups(limits, groups, name=group_name(slug, stage_dir))
    held = cgroup.controllers if cgroup is not None else frozenset()
    return LimitPlan(
        processes=limits.pids,
        cores=() if limits.cpus is None or "cpu" in held else some_cores(limits.cpus, cores, slug=slug),
        watched_memory=None if "memory" in held else limits.memory,
        watched_processes=limits.pids if is_root and "pids" not in held else None,
        cgroup=cgroup,
    )


def some_cores(wanted: float, cores: Sequence[int], *, slug: str) -> tuple[int, ...]:
    """As many whole cores as asked for, begun at a place that differs by bottle; none when that would be all of them."""
    count = math.ceil(wanted)
    if count >= len(cores):
        return ()
    first = crc32(slug.encode()) % len(cores)
    return tuple(sorted(cores[(first + step) % len(cores)] for step in range(count)))


def describe_limits(limits: Limits, plan: LimitPlan) -> tuple[Line, ...]:
    """Which limit holds by what, and which does not hold here."""
    held = plan.cgroup.controllers if plan.cgroup is not None else frozenset()
    lines = []
    if limits.memory is not None:
        text = "by control group" if "memory" in held else "looked at each second; over it, the bottle is ended"
        lines.append(Line(label="memory", text=text, why="" if "memory" in held else NO_GROUP))
    if limits.pids is not None:
        by = "by control group" if "pids" in held else "by the kernel's limit per user"
        text = "looked at each second; over it, the bottle is ended" if plan.watched_processes is not None else by
        lines.append(Line(label="processes", text=text, why="" if "pids" in held else NO_GROUP))
    if limits.cpus is not None:
        cores = f"bound to {len(plan.cores)} whole cores" if plan.cores else "does not bind: this machine has no more cores"
        text = "by control group" if "cpu" in held else cores
        lines.append(Line(label="cpus", text=text, why="" if "cpu" in held else NO_GROUP))
    if limits.disk is not None:
        lines.append(Line(label="disk", text="not enforced", why="this backend writes to this machine's own file system"))
    return tuple(lines)


NO_GROUP = "no control group can be made here"
