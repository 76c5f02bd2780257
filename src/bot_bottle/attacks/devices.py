"""Attacks on devices: those that are there, and those that one could make."""

from bot_bottle.attacks.case import Group, attack
from bot_bottle.attacks.errnos import HIDDEN

USUAL = ["c 1:3", "c 1:5", "c 1:7", "c 1:8", "c 1:9", "c 5:0", "c 5:2"]
"""null, zero, full, random, urandom, tty, ptmx (Documentation/admin-guide/devices.txt)."""
PLACES = ["/tmp", "/dev/shm", "/run", "/home/agent", "."]
NO_NODE = ("EPERM", "EACCES", "ENOENT", "EROFS", "ENXIO")

CASES = (
    attack("device-kvm", "The hypervisor", "files.exists", HIDDEN, paths=["/dev/kvm", "/dev/vhost-net", "/dev/vhost-vsock"]),
    attack("device-memory", "Memory and ports", "files.exists", HIDDEN, paths=["/dev/mem", "/dev/kmem", "/dev/port", "/dev/nvram"], own_kernel=True),
    attack("device-kmsg", "The kernel's log", "files.exists", HIDDEN, paths=["/dev/kmsg"], own_kernel=True),
    attack("device-disks", "Disks", "files.exists", HIDDEN, paths=["/dev/sda", "/dev/vda", "/dev/nvme0n1", "/dev/dm-0", "/dev/loop0", "/dev/loop-control", "/dev/mapper/control"], own_kernel=True),
    attack("device-fuse", "File systems and containers of one's own", "files.exists", HIDDEN, paths=["/dev/fuse", "/dev/btrfs-control", "/dev/autofs"], own_kernel=True),
    attack("device-input", "Keyboard, screen and sound", "files.exists", HIDDEN, paths=["/dev/input", "/dev/uinput", "/dev/fb0", "/dev/dri", "/dev/snd", "/dev/video0"], own_kernel=True),
    attack("device-console", "The host's consoles", "files.open_tty", HIDDEN, paths=["/dev/tty0", "/dev/tty1", "/dev/ttyS0", "/dev/vcs", "/dev/vcsa1"], own_kernel=True),
    attack("device-other", "Any device but the usual ones", "files.devices", ("nothing else",), top="/dev", allowed=USUAL, own_kernel=True),
    attack("device-disk-node", "A disk, made oneself", "files.node", NO_NODE, folders=PLACES, mode="b", major=8, minor=0),
    attack("device-disk-node-virtual", "A virtual machine's disk, made oneself", "files.node", NO_NODE, folders=PLACES, mode="b", major=254, minor=0),
    attack("device-memory-node", "Memory, made oneself", "files.node", NO_NODE, folders=PLACES, mode="c", major=1, minor=1),
    attack("device-kmsg-node", "The kernel's log, made oneself", "files.node", NO_NODE, folders=PLACES, mode="c", major=1, minor=11),
)  # fmt: skip

GROUP = Group(name="devices", about="devices that are there or could be made", cases=CASES)
