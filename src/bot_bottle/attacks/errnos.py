"""Errors by which a closed door answers, grouped by what was tried. A time-out is in none: a filter may only be slow."""

from bot_bottle.bottles.contain import UNREACHABLE

NO_NETWORK = UNREACHABLE
NOBODY = ("ECONNREFUSED",)
"""On a loopback of the bottle's own, where nobody listens."""
NOT_THERE = ("ENOENT", "ENOTDIR")
HIDDEN = (*NOT_THERE, "EACCES", "EPERM", "EROFS", "ENXIO", "ENODEV", "ELOOP")
NOT_WRITTEN = (*NOT_THERE, "EACCES", "EPERM", "EROFS", "ETXTBSY", "EISDIR")
NO_SOCKET = ("EAFNOSUPPORT", "EPROTONOSUPPORT", "ESOCKTNOSUPPORT", "EPERM", "EACCES", "EINVAL")
NO_PEER = (*NOT_THERE, "ECONNREFUSED", "EACCES", "EPERM")
NO_CALL = ("EPERM", "ENOSYS", "SIGSYS")
"""What a system call answers that is filtered, absent, or kept for those with capabilities."""
