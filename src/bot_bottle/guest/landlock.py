"""Landlock (landlock(7)): writing only below named paths, for this process and all that it starts, whatever the mounts say.

Source of the numbers: Linux include/uapi/linux/landlock.h. Reading is not restricted here: the mount namespace does that.
"""

from __future__ import annotations

import posix

from bot_bottle.guest.native import syscall

CREATE_RULESET, ADD_RULE, RESTRICT_SELF = 444, 445, 446
VERSION = 1
PATH_BENEATH = 1
O_PATH = 0o10000000

WRITE_FILE = 1 << 1
REMOVE_AND_MAKE = sum(1 << bit for bit in range(4, 13))
MAKE_DEVICES = 1 << 6 | 1 << 11
REFER, TRUNCATE, IOCTL_DEVICE = 1 << 13, 1 << 14, 1 << 15
FILE_RIGHTS = WRITE_FILE | TRUNCATE | IOCTL_DEVICE
SCOPE_ABSTRACT_SOCKETS, SCOPE_SIGNALS = 1, 2

LEAST_LEVEL = 2
"""Level 1 cannot allow a rename between two folders, which git and npm need."""


def level() -> int:
    """The kernel's Landlock level (ABI), 0 when it has none or has it switched off."""
    try:
        return syscall(CREATE_RULESET, 0, 0, VERSION)
    except OSError:
        return 0


def rights(at: int) -> int:
    """Every right to change something that this level knows."""
    known = WRITE_FILE | REMOVE_AND_MAKE | REFER
    return known | (TRUNCATE if at >= 3 else 0) | (IOCTL_DEVICE if at >= 5 else 0)


def restrict(writable: list[str], *, at: int) -> None:
    """From here on nothing can be written but below these paths. OSError when the kernel refuses. Cannot be undone."""
    handled = rights(at)
    scoped = SCOPE_ABSTRACT_SOCKETS | SCOPE_SIGNALS if at >= 6 else 0
    sizes = {2: 8, 3: 8, 4: 16, 5: 16}
    settings = handled.to_bytes(8, "little") + bytes(8) + scoped.to_bytes(8, "little")
    ruleset = syscall(CREATE_RULESET, settings[: sizes.get(at, 24)], sizes.get(at, 24), 0)
    for path in writable:
        allow(ruleset, path, handled)
    syscall(RESTRICT_SELF, ruleset, 0)
    posix.close(ruleset)


def allow(ruleset: int, path: str, handled: int) -> None:
    """Let everything be changed below the path; device files cannot be made anywhere, ioctls on devices work in /dev."""
    granted = handled & ~MAKE_DEVICES & ~(0 if path == "/dev" else IOCTL_DEVICE)
    place = posix.open(path, O_PATH | posix.O_CLOEXEC)
    if posix.fstat(place).st_mode & 0o170000 != 0o040000:
        granted &= FILE_RIGHTS
    rule = granted.to_bytes(8, "little") + place.to_bytes(4, "little")
    syscall(ADD_RULE, ruleset, PATH_BENEATH, rule, 0)
    posix.close(place)
