"""Attacks by namespaces: whether these are the host's, and new ones, which give every capability within."""

from bot_bottle.attacks.case import Group, attack
from bot_bottle.attacks.errnos import HIDDEN, NO_CALL

FLAGS = {
    "user": 0x10000000,
    "mount": 0x20000,
    "net": 0x40000000,
    "pid": 0x20000000,
    "ipc": 0x08000000,
    "uts": 0x04000000,
    "cgroup": 0x02000000,
    "time": 0x80,
}
KINDS = {
    "user": "user",
    "mnt": "mount",
    "net": "network",
    "pid": "process",
    "ipc": "IPC",
    "uts": "host name",
    "cgroup": "control group",
}

CASES = (
    *(
        attack(f"namespace-own-{kind}", f"The host's {name} namespace", "files.namespace", ("its own",), own_kernel=True, kind=kind, host=f"$namespace.{kind}")
        for kind, name in KINDS.items()
    ),
    *(
        attack(f"namespace-unshare-{name}", f"A new {name} namespace (unshare)", "kernel.new_namespace", (*NO_CALL, "EINVAL"), number="$call.unshare", flags=flags, own_kernel=True)
        for name, flags in FLAGS.items()
    ),
    attack("namespace-clone-user", "A new user namespace (clone)", "kernel.clone_into", NO_CALL, number="$call.clone", flags=FLAGS["user"], own_kernel=True),
    attack("namespace-clone-user-net", "New user and network namespaces (clone)", "kernel.clone_into", NO_CALL, number="$call.clone", flags=FLAGS["user"] | FLAGS["net"], own_kernel=True),
    attack("namespace-clone3", "clone3, whose flags no filter can see", "kernel.clone3", NO_CALL, number="$call.clone3", flags=FLAGS["user"], own_kernel=True),
    attack("namespace-join-first", "The first process' network namespace (setns)", "kernel.join_namespace", (*NO_CALL, *HIDDEN), number="$call.setns", of="1", kind="net", own_kernel=True),
    attack("namespace-join-own", "One's own mount namespace, anew (setns)", "kernel.join_namespace", NO_CALL, number="$call.setns", of="self", kind="mnt", own_kernel=True),
)  # fmt: skip

GROUP = Group(name="namespaces", about="the host's namespaces, and new ones", cases=CASES)
