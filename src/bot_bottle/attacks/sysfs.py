"""Attacks on /sys: devices, control groups, the kernel's debugging and security file systems."""

from bot_bottle.attacks.case import Group, attack
from bot_bottle.attacks.errnos import HIDDEN, NOT_WRITTEN

CASES = (
    attack("sys-kernel", "The kernel's own folder", "files.exists", HIDDEN, paths=["/sys/kernel", "/sys/kernel/debug", "/sys/kernel/security", "/sys/kernel/tracing"], own_kernel=True),
    attack("sys-devices", "The host's devices", "files.exists", HIDDEN, paths=["/sys/class/net/eth0", "/sys/class/block", "/sys/bus/pci/devices", "/sys/class/dmi/id/product_uuid"], own_kernel=True),
    attack("sys-modules", "Parameters of modules", "files.exists", HIDDEN, paths=["/sys/module"], own_kernel=True),
    attack("sys-uevent", "The helper that device events start", "files.write", NOT_WRITTEN, paths=["/sys/kernel/uevent_helper"]),
    attack("sys-power", "To put the host to sleep", "files.write", NOT_WRITTEN, paths=["/sys/power/state", "/sys/power/disk"], own_kernel=True),
    attack("sys-firmware", "Variables and tables of the firmware", "files.exists", HIDDEN, paths=["/sys/firmware/efi/efivars", "/sys/firmware/acpi/tables"], own_kernel=True),
    attack("sys-make", "A file or folder of one's own below /sys", "files.make", NOT_WRITTEN, folders=["/sys", "/sys/fs", "/sys/kernel"]),
    attack("sys-mount", "To mount it oneself", "kernel.mount", ("EPERM",), number="$call.mount", source="sysfs", kind="sysfs", own_kernel=True),
)  # fmt: skip

GROUP = Group(name="sys", about="devices and the kernel by /sys", cases=CASES)
