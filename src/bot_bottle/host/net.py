"""The network as this host sees it."""

import socket


def lookup(name: str) -> tuple[str, ...]:
    """Every address that this host's resolver gives for the name; none when it gives none."""
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except OSError:
        return ()
    return tuple(dict.fromkeys(str(row[4][0]) for row in found))
