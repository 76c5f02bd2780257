"""Attacks on control groups: to leave one's own, to loosen it, and the release agent, which the host would run."""

from bot_bottle.attacks.case import Group, attack
from bot_bottle.attacks.errnos import HIDDEN, NO_CALL, NOT_WRITTEN

TOP = "/sys/fs/cgroup"
CONTROLLERS = ["memory", "pids", "cpu", "devices", "rdma"]

CASES = (
    attack("cgroup-there", "The tree of control groups", "files.exists", HIDDEN, paths=[f"{TOP}/cgroup.procs", f"{TOP}/memory", f"{TOP}/unified"], own_kernel=True),
    attack("cgroup-leave", "To move to the root group", "files.write", NOT_WRITTEN, paths=[f"{TOP}/cgroup.procs", f"{TOP}/tasks", *(f"{TOP}/{name}/tasks" for name in CONTROLLERS)], own_kernel=True),
    attack("cgroup-loosen", "To raise one's own limits", "files.write", NOT_WRITTEN, paths=[f"{TOP}/memory.max", f"{TOP}/pids.max", f"{TOP}/memory/memory.limit_in_bytes", f"{TOP}/pids/pids.max"], own_kernel=True),
    attack("cgroup-devices", "To allow oneself devices", "files.write", NOT_WRITTEN, paths=[f"{TOP}/devices/devices.allow"], own_kernel=True),
    attack("cgroup-release-agent", "A release agent, which the host would run", "files.write", NOT_WRITTEN, paths=[f"{TOP}/release_agent", *(f"{TOP}/{name}/release_agent" for name in CONTROLLERS)]),
    attack("cgroup-make", "A group of one's own", "files.make", NOT_WRITTEN, folders=[TOP, *(f"{TOP}/{name}" for name in CONTROLLERS)]),
    attack("cgroup-mount-1", "The tree of version 1, mounted anew", "kernel.mount", NO_CALL, number="$call.mount", source="cgroup", kind="cgroup", text="rdma", own_kernel=True),
    attack("cgroup-mount-2", "The tree of version 2, mounted anew", "kernel.mount", NO_CALL, number="$call.mount", source="cgroup", kind="cgroup2", own_kernel=True),
    attack("cgroup-freeze", "To stop all of the bottle, the first process too", "files.write", NOT_WRITTEN, paths=[f"{TOP}/cgroup.freeze", f"{TOP}/cgroup.kill"], own_kernel=True),
)  # fmt: skip

GROUP = Group(name="cgroups", about="control groups, and what the host runs for them", cases=CASES)
