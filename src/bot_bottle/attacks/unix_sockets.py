"""Attacks by Unix sockets: by a path, by an abstract name, by a descriptor that was left open."""

from bot_bottle.attacks.case import Group, attack
from bot_bottle.attacks.errnos import NO_PEER

OURS = ["/run/bot-bottle/gates/egress", "/run/bot-bottle/gates/git-gate", "/run/bot-bottle/gates/supervise"]
CONTAINERS = [
    "/var/run/docker.sock",
    "/run/docker.sock",
    "/run/containerd/containerd.sock",
    "/run/podman/podman.sock",
    "/run/crio/crio.sock",
    "/run/snapd.socket",
    "/var/run/libvirt/libvirt-sock",
]
SYSTEM = [
    "/run/dbus/system_bus_socket",
    "/run/systemd/private",
    "/run/systemd/journal/stdout",
    "/run/systemd/notify",
    "/run/udev/control",
    "/dev/log",
    "/run/nscd/socket",
]

CASES = (
    attack("unix-containers", "Container engines' sockets", "net.unix", NO_PEER, addresses=CONTAINERS),
    attack("unix-system", "D-Bus, systemd and udev", "net.unix", NO_PEER, addresses=SYSTEM),
    attack("unix-session", "The operator's session: its bus, keyring, ssh and gpg agents", "net.unix", NO_PEER, addresses="$session_sockets", absent={"": "this operator's session has none"}),
    attack("unix-decoy", "A socket of the operator's by its path", "net.unix", NO_PEER, addresses=["$socket_path"], evidence=("untouched", "unix")),
    attack("unix-abstract-decoy", "A socket of the host by its abstract name", "net.unix", NO_PEER, addresses=["$abstract"], evidence=("untouched", "abstract")),
    attack("unix-abstract", "D-Bus, X11 and the journal by abstract names", "net.unix", NO_PEER, addresses=["\0/tmp/dbus-bot-bottle", "\0/tmp/.X11-unix/X0", "\0/run/systemd/journal", "\0/containerd-shim"]),
    attack("unix-abstract-list", "Abstract sockets that are listed", "net.abstract_names", ("none", "ENOENT")),
    attack("unix-neighbour", "A socket of another bottle by its abstract name", "net.unix", NO_PEER, addresses=["$neighbour_abstract"]),
    attack("unix-found", "Every socket in the file system", "net.socket_files", ("none",), tops=["/run", "/tmp", "/var", "/home", "/work", "/root", "/dev", "/etc", "/opt", "/srv", "/mnt"], own=OURS, timeout_s=20.0),
    attack("unix-keeper", "The keeper's and the bundle's sockets", "net.unix", NO_PEER, addresses="$control_sockets"),
    attack("unix-inherited", "Sockets that a command is born with", "net.inherited_sockets", ("none",)),
)  # fmt: skip

GROUP = Group(name="unix", about="Unix and abstract sockets", cases=CASES)
