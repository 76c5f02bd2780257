"""Whether bottles of namespaces can be made here. Quick, for every start asks: it reads, and starts nothing."""

import os
import shutil
from pathlib import Path

from bot_bottle.backends.base import Unusable, Usable
from bot_bottle.backends.cgroups import usable_groups
from bot_bottle.backends.namespaces.client import KNOWN_REASONS, forbidding
from bot_bottle.guest import landlock
from bot_bottle.host.syscalls import ARCHITECTURES


def survey() -> Usable | Unusable:
    """Bubblewrap is here, the kernel's settings allow user namespaces, and there is a filter for this machine."""
    machine = os.uname().machine
    if machine not in ARCHITECTURES:
        return Unusable(why=f"There is no system call filter for {machine} yet.", next="Use another backend.")
    bwrap = shutil.which("bwrap")
    if bwrap is None:
        return Unusable(why="bubblewrap is not installed.", next="Install it with your package manager: the package bubblewrap.")
    settings, stops = kernel_settings(), why_not()
    facts = tuple(f"{name} is {settings[name]}" for name in stops)
    if any(name != "kernel.apparmor_restrict_unprivileged_userns" for name in stops):
        return Unusable(why="This kernel's settings do not let you make a bottle.", facts=facts, next=KNOWN_REASONS[stops[0]])
    return Usable(facts=(f"bubblewrap at {bwrap}", *described_kernel(), *facts))


def why_not() -> tuple[str, ...]:
    """The kernel settings that stand in the way, or may. AppArmor's may: its profile for bubblewrap can make an exception."""
    return forbidding(kernel_settings(), is_root=os.geteuid() == 0)


def kernel_settings() -> dict[str, str]:
    """Those that matter to user namespaces, as far as this kernel has them."""
    found = {}
    for name in KNOWN_REASONS:
        path = Path("/proc/sys", *name.split("."))
        if path.exists():
            found[name] = path.read_text().strip()
    return found


def described_kernel() -> tuple[str, ...]:
    """What this kernel adds to the sealing, for doctor."""
    level = landlock.level()
    shown = (
        f"Landlock level {level}" if level >= landlock.LEAST_LEVEL else "no Landlock: the mounts alone say what can be written"
    )
    controllers = sorted({name for group in usable_groups() for name in group.controllers} & {"cpu", "memory", "pids"})
    limits = (
        f"limits by control groups: {', '.join(controllers)}"
        if controllers
        else "no control groups: limits by rlimits and watching"
    )
    return (shown, limits)
