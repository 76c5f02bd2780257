"""What cases can name of this host and this bottle, beside the bait: addresses, paths, processes, numbers of system calls."""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bot_bottle.bottles.contain import hidden_paths, host_namespaces
from bot_bottle.bottles.status import read_status
from bot_bottle.host import paths
from bot_bottle.host.addresses import own_addresses, resolvers
from bot_bottle.host.syscalls import AARCH64, ARCHITECTURES, X86_64
from bot_bottle.plans.bottle import BottlePlan

HOME_LIMIT = 100
"""Entries of the operator's home that are looked for inside."""
X32_GETPID = 0x40000000 + 39
OURS_INSIDE = 3
"""Processes of the attack itself: the agent, the program that asks, and its child that tries."""


def facts_of(plan: BottlePlan, *, secret_path: str, decoy_pid: int) -> dict[str, Any]:  # Any: JSON
    """Everything that is known once the bottle runs."""
    machine, boot = os.uname(), Path("/proc/sys/kernel/random/boot_id")
    proc_of_bait = [f"/proc/{decoy_pid}/{name}" for name in ("environ", "cmdline")]
    return {
        **{f"namespace.{kind}": name for kind, name in host_namespaces().items()},
        **{f"call.{name}": number for name, number in call_numbers().items()},
        "x32_getpid": X32_GETPID if machine.machine == "x86_64" else None,
        "own_addresses": list(own_addresses()),
        "resolvers": list(resolvers()),
        "own_processes": plan.own_processes + OURS_INSIDE,
        "our_pids": our_pids(plan.slug),
        "decoy_proc": proc_of_bait,
        "session_sockets": session_sockets(os.environ),
        "control_sockets": [str(plan.stage_dir / name) for name in ("keeper.sock", "bundle.sock")],
        "stage_paths": [str(plan.stage_dir / name) for name in ("", "plan.json", "status.json", "ca/key.pem", "events.jsonl")],
        "host_paths": [str(plan.stage_dir), str(paths.state_dir()), str(paths.config_dir()), "/boot/vmlinuz", "/lost+found"],
        "operator_paths": operator_paths(plan),
        "root_links": [f"/proc/{name}{secret_path}" for name in ("1/root", "self/root", "1/cwd/../../../..")],
        "shadow_digest": digest(Path("/etc/shadow")),
        "release": machine.release,
        "version": machine.version,
        "boot_id": boot.read_text().strip() if boot.exists() else "",
    }


def call_numbers() -> dict[str, int | None]:
    """Every system call that either architecture has, by name; None where this one has it not."""
    known = ARCHITECTURES.get(os.uname().machine)
    numbers = known.numbers if known else {}
    return {name: numbers.get(name) for name in {*X86_64, *AARCH64}}


def our_pids(slug: str) -> list[int]:
    """The keeper and its children: the bundle, and what holds the bottle."""
    keeper = read_status(slug).keeper_pid
    if keeper is None:
        return []
    try:
        children = Path(f"/proc/{keeper}/task/{keeper}/children").read_text().split()
    except OSError:
        children = []
    return [keeper, *map(int, children)]


def session_sockets(host: Mapping[str, str]) -> list[str]:
    """Sockets of the operator's session, by its variables and by their usual names."""
    runtime = host.get("XDG_RUNTIME_DIR", f"/run/user/{os.getuid()}")
    usual = (
        "bus",
        "gnupg/S.gpg-agent",
        "keyring/control",
        "keyring/ssh",
        "wayland-0",
        "pulse/native",
        "docker.sock",
        "podman/podman.sock",
    )
    bus = host.get("DBUS_SESSION_BUS_ADDRESS", "").partition("unix:path=")[2].partition(",")[0]
    named = [host.get("SSH_AUTH_SOCK", ""), bus, "/tmp/.X11-unix/X0"]  # where X servers put it
    return [*(f"{runtime}/{name}" for name in usual), *(one for one in named if one.startswith("/"))]


def operator_paths(plan: BottlePlan) -> list[str]:
    """What the operator's home holds, and other paths that stay hidden; but not what is shown on purpose."""
    home = Path.home()
    shown = [plan.guest_home, *(one.guest_path for one in (*plan.spec.mounts, *plan.agent_provision.mounts))]
    shown += [os.path.realpath(os.path.dirname(os.__file__)), str(Path(__file__).resolve().parents[1])]
    if str(home) == plan.guest_home:
        return list(hidden_paths(plan))
    entries = [str(home / name) for name in sorted(os.listdir(home))[:HOME_LIMIT]]
    private = [one for one in entries if not any(is_above(one, path) or is_above(path, one) for path in shown)]
    return [*private, *(path for path in hidden_paths(plan) if path.startswith(str(home)) and path not in private)]


def is_above(one: str, other: str) -> bool:
    """Whether `other` is `one` or lies below it."""
    return Path(other).is_relative_to(one)


def digest(path: Path) -> str:
    """That of a file which we can read; empty otherwise."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""
