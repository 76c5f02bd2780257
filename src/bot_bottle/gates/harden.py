"""Make this process a poor place to steal secrets from: no core dump, no debugger, private files, few descriptors."""

import ctypes
import os
import resource

from bot_bottle.errors import CannotRunHere

PR_SET_DUMPABLE = 4
"""prctl(2): a process that is not dumpable cannot be attached to, and its /proc files belong to root."""

DESCRIPTORS = 4096
"""Enough for the most connections that the gates together accept, twice over (each has one to its upstream)."""


def harden() -> None:
    """Apply all of it; CannotRunHere when the kernel refuses."""
    os.umask(0o077)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    count = DESCRIPTORS if most == resource.RLIM_INFINITY else min(DESCRIPTORS, most)
    resource.setrlimit(resource.RLIMIT_NOFILE, (count, count))
    if ctypes.CDLL(None, use_errno=True).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0:
        raise CannotRunHere("The kernel refused to protect the bundle's memory.", facts=(os.strerror(ctypes.get_errno()),))
