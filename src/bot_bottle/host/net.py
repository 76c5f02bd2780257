"""The network as this host sees it."""

import socket
from pathlib import Path


def lookup(name: str) -> tuple[str, ...]:
    """Every address that this host's resolver gives for the name; none when it gives none."""
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except OSError:
        return ()
    return tuple(dict.fromkeys(str(row[4][0]) for row in found))


def own_addresses(proc: Path = Path("/proc/net")) -> tuple[str, ...]:
    """Every local IPv4 and IPv6 address of this network namespace, loopback included (proc(5): fib_trie, if_inet6)."""
    return tuple(dict.fromkeys([*_ipv4(proc / "fib_trie"), *_ipv6(proc / "if_inet6")]))


def _ipv4(table: Path) -> list[str]:
    found, address = [], ""
    for line in _lines(table):
        words = line.split()
        if words[:1] == ["|--"]:
            address = words[1]
        elif words[:2] == ["/32", "host"] and words[2:3] == ["LOCAL"]:
            found.append(address)
    return found


def _ipv6(table: Path) -> list[str]:
    from ipaddress import IPv6Address

    return [str(IPv6Address(bytes.fromhex(line.split()[0]))) for line in _lines(table)]


def _lines(table: Path) -> list[str]:
    """A kernel without IPv6, or a system without these tables, has none."""
    try:
        return table.read_text("ascii").splitlines()
    except FileNotFoundError:
        return []
