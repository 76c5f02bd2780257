"""Attacks on what processes share: System V memory, message queues, the files of /dev/shm."""

from __future__ import annotations

import ctypes
import os

LIBC = ctypes.CDLL(None, use_errno=True)


def shared_memory(key: int, needle: str) -> str:
    """A System V segment of the host by its key (shmget(2))."""
    import errno

    LIBC.shmat.restype = ctypes.c_void_p
    segment = LIBC.shmget(key, 0, 0)
    if segment < 0:
        return errno.errorcode.get(ctypes.get_errno(), "?")
    at = LIBC.shmat(segment, None, 0o10000)
    if at in (None, ctypes.c_void_p(-1).value):
        return errno.errorcode.get(ctypes.get_errno(), "?")
    return "read" if ctypes.string_at(at, len(needle)) == needle.encode() else "another"


def shared_file(name: str, needle: str) -> str:
    """A file of POSIX shared memory (shm_overview(7))."""
    with open(os.path.join("/dev/shm", name), "rb") as file:
        return "read" if needle.encode() in file.read(1 << 16) else "another"
