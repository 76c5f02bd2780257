"""Make this process a poor place to steal secrets from: no core dump, no debugger, private files, few descriptors."""

import os
import resource

from bot_bottle.errors import CannotRunHere
from bot_bottle.guest import native

DESCRIPTORS = 4096
"""Enough for the most connections that the gates together accept, twice over (each has one to its upstream)."""


def harden() -> None:
    """Apply all of it; CannotRunHere when the kernel refuses."""
    os.umask(0o077)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    count = DESCRIPTORS if most == resource.RLIM_INFINITY else min(DESCRIPTORS, most)
    resource.setrlimit(resource.RLIMIT_NOFILE, (count, count))
    try:
        native.prctl(native.PR_SET_DUMPABLE, 0)  # it cannot be attached to, and its /proc files belong to root (prctl(2))
    except OSError as error:
        raise CannotRunHere(
            "The kernel refused to protect the bundle's memory.", facts=(os.strerror(error.errno or 0),)
        ) from error
