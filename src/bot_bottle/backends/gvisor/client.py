"""The only file that knows runsc: its bundle's config.json (OCI runtime specification 1.1, config.md), its flags and words. Pure.

Tried with the build of May 2025; flags as `runsc flags` explains them. No annotations of mounts: any of them makes runsc write an
overlay's file into the host's folder.
"""

import re
from pathlib import Path
from typing import Any

from bot_bottle.backends.gvisor.layout import FORWARDER, GATES, PORTAL
from bot_bottle.backends.gvisor.plan import GvisorPlan
from bot_bottle.backends.mounts import Bind, Closed, Link, Memory, Mounted, Special
from bot_bottle.plans.gate import GATE_PORTS

GUEST_ID = 1000
CONTROL = 3
"""The control channel's number inside."""

OPEN_FILES = 65536
OLDEST = 20240513
"""The first release that we know to have everything (`--pass-fd` with `--host-uds`); builds without a number are tried out."""

EVERYBODYS = ("/tmp", "/dev/shm")  # noqa: S108  # the bottle's own
CAPABILITY_SETS = ("bounding", "effective", "inheritable", "permitted", "ambient")


def config(plan: GvisorPlan) -> dict[str, Any]:  # Any: JSON
    """The bundle's config.json."""
    return {
        "ociVersion": "1.1.0",
        "process": {
            "terminal": False,
            "user": {"uid": 0, "gid": 0},  # the only one that rootless runsc maps; the portal takes another number
            "args": list(first_words(plan)),
            "env": ["PATH=/usr/local/bin:/usr/bin:/bin"],
            "cwd": "/",
            "capabilities": {name: [] for name in CAPABILITY_SETS},
            "rlimits": [{"type": "RLIMIT_NOFILE", "soft": OPEN_FILES, "hard": OPEN_FILES}],
            "noNewPrivileges": True,
        },
        "root": {"path": str(plan.root), "readonly": not plan.is_image},
        "hostname": plan.hostname,
        "mounts": [mount_entry(mount) for mount in plan.mounts if not isinstance(mount, Link | Closed)],
        "linux": {"namespaces": [{"type": kind} for kind in ("pid", "network", "ipc", "uts", "mount")]},
    }


def first_words(plan: GvisorPlan) -> tuple[str, ...]:
    """The first process: the forwarder, which becomes the portal once it listens."""
    relays = (f"{GATE_PORTS[gate]}={GATES}/{gate}" for gate in plan.gates)
    return (FORWARDER, *relays, "--", PORTAL, str(CONTROL))


def mount_entry(mount: Mounted) -> dict[str, Any]:  # Any: JSON
    """One mount as the specification has it."""
    match mount:
        case Bind():
            options = ["rbind", "rw" if mount.writable else "ro", "nosuid", "nodev"]
            return {"destination": mount.guest_path, "type": "bind", "source": str(mount.host_path), "options": options}
        case Memory():
            options = ["nosuid", "nodev", "mode=1777" if mount.guest_path in EVERYBODYS else "mode=755"]
            options += [f"size={mount.size}"] if mount.size else ["ro"]
            return {"destination": mount.guest_path, "type": "tmpfs", "source": "tmpfs", "options": options}
        case Special(kind="proc"):
            return {"destination": mount.guest_path, "type": "proc", "source": "proc"}
        case Special(kind="dev"):
            return {"destination": mount.guest_path, "type": "tmpfs", "source": "dev"}  # runsc puts its own devices there
        case _:
            raise AssertionError(mount)


def flags(plan: GvisorPlan) -> tuple[str, ...]:
    """runsc's own, before the verb."""
    overlay = f"root:dir={plan.folder}/overlay" if plan.is_image else "none"
    return (
        f"--root={plan.folder}/state",
        "--network=none",
        "--host-uds=open",
        f"--overlay2={overlay}",
        "--ignore-cgroups",  # limits are ours: backends/groups.py
        *(("--rootless",) if plan.is_rootless else ()),
    )


def run_argv(plan: GvisorPlan, *, control: int, parent: int) -> tuple[str, ...]:
    """Start the bottle; it ends with the process `parent`, and inherits the descriptor `control`."""
    run = ("run", f"--bundle={plan.folder}/bundle", f"--pass-fd={control}:{CONTROL}", plan.container)
    return (str(plan.forwarder), "--die-with", str(parent), "--", plan.runsc, *flags(plan), *run)


def delete_argv(plan: GvisorPlan) -> tuple[str, ...]:
    """Remove what runsc keeps of an ended bottle."""
    return (plan.runsc, *flags(plan), "delete", "--force", plan.container)


RELEASE = re.compile(r"release-([0-9]{8})\.[0-9]+")


def release_of(words: str) -> int | None:
    """The day of the release as a number, from `runsc --version`; None for a build that does not know its own."""
    found = RELEASE.search(words)
    return int(found[1]) if found else None


def shown_log(path: Path, *, lines: int = 8) -> tuple[str, ...]:
    """runsc's last words, made harmless to print."""
    try:
        words = path.read_text(errors="replace").splitlines()[-lines:]
    except FileNotFoundError:
        return ()
    return tuple(ascii(word)[1:-1] for word in words)
