"""The only file that knows runsc: its bundle's config.json (OCI runtime specification 1.1, config.md), its flags and words. Pure.

Tried with the build of May 2025; flags as `runsc flags` explains them. No annotations of mounts: any of them makes runsc write an
overlay's file into the host's folder.
"""

import re
from collections.abc import Sequence
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
OWN_ID = 65532
"""The user of the portal (guest/portal_c/user.c) and the forwarder: no command can look into them or signal them."""

FIRST_CAPABILITIES = ("CAP_CHOWN", "CAP_KILL", "CAP_SETGID", "CAP_SETUID", "CAP_SETPCAP")
"""What the first process gets, of gVisor's kernel and not the host's: to become that user, to start commands as another, and to
signal them. Commands hold none."""


def config(plan: GvisorPlan) -> dict[str, Any]:  # Any: JSON
    """The bundle's config.json."""
    entries = [mount_entry(mount) for mount in plan.mounts if not isinstance(mount, Link | Closed)]
    return specification(
        first_words(plan), plan.root, read_only=not plan.is_image, hostname=plan.hostname, folder=GATES, mounts=entries
    )


def trial_config(root: Path) -> dict[str, Any]:  # Any: JSON
    """Of a sandbox that holds the portal and nothing else."""
    return specification(("/portal", str(CONTROL)), root, read_only=True, hostname="trial", folder="/", mounts=[])


def specification(
    argv: Sequence[str],
    root: Path,
    *,
    read_only: bool,
    hostname: str,
    folder: str,
    mounts: list[dict[str, Any]],  # Any: JSON
) -> dict[str, Any]:  # Any: JSON
    """The parts that every sandbox of ours has."""
    return {
        "ociVersion": "1.1.0",
        "process": {
            "terminal": False,
            "user": {"uid": 0, "gid": 0},  # whom files of the host's user belong to: rootless runsc maps nobody else
            "args": list(argv),
            "env": ["PATH=/usr/local/bin:/usr/bin:/bin"],
            "cwd": folder,
            "capabilities": {name: list(FIRST_CAPABILITIES) for name in CAPABILITY_SETS},
            "rlimits": [{"type": "RLIMIT_NOFILE", "soft": OPEN_FILES, "hard": OPEN_FILES}],
            "noNewPrivileges": True,
        },
        "root": {"path": str(root), "readonly": read_only},
        "hostname": hostname,
        "mounts": mounts,
        "linux": {"namespaces": [{"type": kind} for kind in ("pid", "network", "ipc", "uts", "mount")]},
    }


def first_words(plan: GvisorPlan) -> tuple[str, ...]:
    """The first process: the forwarder, which becomes the portal once it listens."""
    relays = (f"{GATE_PORTS[gate]}={gate}" for gate in plan.gates_inside)  # from the folder of the gates
    return (FORWARDER, "--user", str(OWN_ID), *relays, "--", PORTAL, str(CONTROL))


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
    return common_flags(plan.folder / "state", overlay=overlay, is_rootless=plan.is_rootless)


def common_flags(state: Path, *, overlay: str, is_rootless: bool) -> tuple[str, ...]:
    """Limits are ours (backends/groups.py), so runsc makes no groups."""
    rootless = ("--rootless",) if is_rootless else ()
    return (f"--root={state}", "--network=none", "--host-uds=open", f"--overlay2={overlay}", "--ignore-cgroups", *rootless)


def trial_argv(runsc: str, folder: Path, *, control: int, is_rootless: bool, name: str) -> tuple[str, ...]:
    """Start the sandbox of `trial_config`, written in this folder."""
    start = ("run", f"--bundle={folder}", f"--pass-fd={control}:{CONTROL}", name)
    return (runsc, *common_flags(folder / "state", overlay="none", is_rootless=is_rootless), *start)


def run_argv(plan: GvisorPlan, *, control: int, parent: int) -> tuple[str, ...]:
    """Start the bottle; it ends with the process `parent`, and inherits the descriptor `control`."""
    run = ("run", f"--bundle={plan.folder}/bundle", f"--pass-fd={control}:{CONTROL}", plan.container)
    return (str(plan.forwarder), "--die-with", str(parent), "--", plan.runsc, *flags(plan), *run)


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
