"""Which resolved addresses the gate may dial: public unicast, or what a rule permits by name. An answer of DNS is not trusted.

The table is our own, from the IANA special-purpose registries (RFC 6890 and its updates) and the address-embedding formats:
`ipaddress.is_global` says yes to NAT64 and IPv4-compatible forms of loopback and to multicast.
"""

import ipaddress
from collections.abc import Iterator, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from bot_bottle.errors import Refused

Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address

NOT_PUBLIC: tuple[tuple[str, str], ...] = (
    ("169.254.169.254/32", "a cloud metadata address"),
    ("169.254.170.2/32", "a cloud metadata address"),
    ("169.254.170.23/32", "a cloud metadata address"),
    ("100.100.100.200/32", "a cloud metadata address"),
    ("192.0.0.192/32", "a cloud metadata address"),
    ("168.63.129.16/32", "a cloud metadata address"),
    ("fd00:ec2::254/128", "a cloud metadata address"),
    ("fd00:ec2::23/128", "a cloud metadata address"),
    ("fd20:ce::254/128", "a cloud metadata address"),
    ("255.255.255.255/32", "broadcast (RFC 919)"),
    ("0.0.0.0/8", "this network (RFC 791)"),
    ("10.0.0.0/8", "private (RFC 1918)"),
    ("100.64.0.0/10", "carrier-grade NAT (RFC 6598)"),
    ("127.0.0.0/8", "loopback (RFC 1122)"),
    ("169.254.0.0/16", "link-local (RFC 3927)"),
    ("172.16.0.0/12", "private (RFC 1918)"),
    ("192.0.0.0/24", "protocol assignments (RFC 6890)"),
    ("192.0.2.0/24", "documentation (RFC 5737)"),
    ("192.31.196.0/24", "AS112 (RFC 7535)"),
    ("192.52.193.0/24", "AMT (RFC 7450)"),
    ("192.88.99.0/24", "6to4 relay (RFC 7526)"),
    ("192.168.0.0/16", "private (RFC 1918)"),
    ("192.175.48.0/24", "AS112 (RFC 7534)"),
    ("198.18.0.0/15", "benchmarking (RFC 2544)"),
    ("198.51.100.0/24", "documentation (RFC 5737)"),
    ("203.0.113.0/24", "documentation (RFC 5737)"),
    ("224.0.0.0/4", "multicast (RFC 5771)"),
    ("240.0.0.0/4", "reserved (RFC 1112)"),
    ("::/128", "unspecified (RFC 4291)"),
    ("::1/128", "loopback (RFC 4291)"),
    ("::ffff:0:0/96", "IPv4-mapped (RFC 4291)"),
    ("::ffff:0:0:0/96", "IPv4-translated (RFC 2765)"),
    ("::/96", "IPv4-compatible (RFC 4291)"),
    ("64:ff9b::/96", "NAT64 (RFC 6052)"),
    ("64:ff9b:1::/48", "local NAT64 (RFC 8215)"),
    ("100::/64", "discard-only (RFC 6666)"),
    ("100:0:0:1::/64", "dummy prefix (RFC 9780)"),
    ("2001::/32", "Teredo (RFC 4380)"),
    ("2001::/23", "protocol assignments (RFC 2928)"),
    ("2001:db8::/32", "documentation (RFC 3849)"),
    ("2002::/16", "6to4 (RFC 3056)"),
    ("2620:4f:8000::/48", "AS112 (RFC 7534)"),
    ("3ffe::/16", "returned 6bone space (RFC 3701)"),
    ("3fff::/20", "documentation (RFC 9637)"),
    ("5f00::/16", "segment routing (RFC 9602)"),
    ("fc00::/7", "unique local (RFC 4193)"),
    ("fe80::/10", "link-local (RFC 4291)"),
    ("fec0::/10", "site-local (RFC 3879)"),
    ("ff00::/8", "multicast (RFC 4291)"),
)
"""Blocks that are not public unicast, the narrower before the wider where the name differs. Outside them IPv6 is public in
2000::/3 only (IANA, IPv6 address space)."""

_BLOCKS = tuple((ipaddress.ip_network(block), name) for block, name in NOT_PUBLIC)
_UNICAST = IPv6Network("2000::/3")
_LAST_32 = tuple(
    (IPv6Network(block), name)
    for block, name in (
        ("::ffff:0:0/96", "mapped"),
        ("::ffff:0:0:0/96", "translated"),
        ("::/96", "compatible"),
        ("64:ff9b::/96", "NAT64"),
    )
)
_LOCAL_NAT64 = IPv6Network("64:ff9b:1::/48")
_ISATAP = (0x0000_5EFE, 0x0200_5EFE)
# RFC 5214: the interface identifier of an ISATAP address is one of these followed by an IPv4 address.


def check(address: str, *, permitted: Sequence[Network], own: Sequence[str] = ()) -> Address:
    """The parsed address when it may be dialled; Refused with the reason otherwise.

    `permitted` are the blocks that a rule for this very host names. They do not reach through an embedding: an IPv4 address
    inside the IPv6 one is checked as well. `own` are this machine's addresses, refused like private ones.
    """
    parsed = parse(address)
    for one in (parsed, *embedded(parsed)):
        if not _is_permitted(one, permitted):
            why = not_public(one) or ("an address of this machine" if _is_own(one, own) else None)
            if why is not None:
                inside = "" if one == parsed else f" holds {one}, which"
                raise Refused(f"The address {parsed}{inside} is {why}, and no rule for the host permits it.")
    return parsed


def parse(address: str) -> Address:
    """An address as getaddrinfo gives it; Refused for a zone id, a short or octal form, anything else."""
    if "%" in address:
        raise Refused("The address has a zone id, so it is not a public one.")
    try:
        return ipaddress.ip_address(address)
    except ValueError:
        raise Refused("The name resolved to something that is not an address.") from None


def not_public(address: Address) -> str | None:
    """Which kind of address it is, in words, or None when it is public unicast."""
    for block, name in _BLOCKS:
        if address.version == block.version and address in block:
            return name
    if isinstance(address, IPv6Address) and address not in _UNICAST:
        return "not in the global unicast space (2000::/3)"
    return None


def embedded(address: Address) -> Iterator[Address]:
    """The IPv4 addresses that an IPv6 address leads to by its format: RFC 4291, 6052, 8215, 3056, 4380, 5214."""
    if isinstance(address, IPv4Address):
        return
    number = int(address)
    if any(address in block for block, _ in _LAST_32) and number > 1:
        yield IPv4Address(number & 0xFFFF_FFFF)
    if address in _LOCAL_NAT64:
        yield from _in_local_nat64(number)
    if address.sixtofour is not None:
        yield address.sixtofour
    if address.teredo is not None:
        yield from address.teredo
    if (number >> 32) & 0xFFFF_FFFF in _ISATAP:
        yield IPv4Address(number & 0xFFFF_FFFF)


def _in_local_nat64(number: int) -> Iterator[IPv4Address]:
    """RFC 6052, 2.2: the prefix may be a /48, /56, /64 or /96 of the block; bits 64 to 71 are skipped."""
    octets = number.to_bytes(16, "big")
    for places in ((6, 7, 9, 10), (7, 9, 10, 11), (9, 10, 11, 12), (12, 13, 14, 15)):
        yield IPv4Address(bytes(octets[place] for place in places))


def _is_permitted(address: Address, permitted: Sequence[Network]) -> bool:
    return any(address.version == block.version and address in block for block in permitted)


def _is_own(address: Address, own: Sequence[str]) -> bool:
    return any(address == ipaddress.ip_address(one.partition("%")[0]) for one in own)
