"""This machine's own network addresses and resolvers, from the kernel's and libc's files; no socket is opened."""

import ipaddress
from pathlib import Path


def own_addresses(root: Path = Path("/")) -> tuple[str, ...]:
    """Addresses of this host other than loopback and link-local, from fib_trie and if_inet6 (proc_pid_net(5))."""
    found = {*ipv4_addresses(_text(root / "proc/net/fib_trie")), *ipv6_addresses(_text(root / "proc/net/if_inet6"))}
    return tuple(sorted(one for one in found if not _is_local(one)))


def resolvers(root: Path = Path("/")) -> tuple[str, ...]:
    """The name servers of resolv.conf(5) that are plain addresses, loopback ones included."""
    words = (line.split() for line in _text(root / "etc/resolv.conf").splitlines())
    named = [row[1] for row in words if len(row) > 1 and row[0] == "nameserver"]
    return tuple(dict.fromkeys(one for one in named if _is_address(one)))


def ipv4_addresses(fib_trie: str) -> set[str]:
    """Local host entries of the routing trie: a leaf line `|-- ADDRESS` followed by `/32 host LOCAL`."""
    found, leaf = set(), ""
    for line in fib_trie.splitlines():
        text = line.strip()
        if text.startswith("|--"):
            leaf = text[3:].strip()
        elif text == "/32 host LOCAL":
            found.add(leaf)
    return found


def ipv6_addresses(if_inet6: str) -> set[str]:
    """The first column: 32 hexadecimal digits."""
    columns = (line.split()[0] for line in if_inet6.splitlines() if line.split())
    return {str(ipaddress.IPv6Address(bytes.fromhex(one))) for one in columns if len(one) == 32}


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _is_local(text: str) -> bool:
    address = ipaddress.ip_address(text)
    return address.is_loopback or address.is_link_local
