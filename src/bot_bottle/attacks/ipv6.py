"""Attacks by IPv6, which filters written for IPv4 forget."""

from bot_bottle.attacks.case import Group, attack
from bot_bottle.attacks.errnos import NO_NETWORK, NOBODY
from bot_bottle.bottles.contain import OUTSIDE_V6

CASES = (
    attack("ipv6-tcp", "TCP to an outside address (RFC 3849)", "net.tcp", NO_NETWORK, hosts=[OUTSIDE_V6], ports=[80, 443]),
    attack("ipv6-udp", "UDP to an outside address", "net.udp", NO_NETWORK, hosts=[OUTSIDE_V6], port=443),
    attack("ipv6-mapped", "An IPv4 address in IPv6's clothes", "net.tcp", NO_NETWORK, hosts=["::ffff:192.0.2.1"], ports=[80]),
    attack("ipv6-nat64", "The NAT64 prefix", "net.tcp", NO_NETWORK, hosts=["64:ff9b::c000:201"], ports=[80]),
    attack("ipv6-link-local", "Link-local neighbours, on each interface", "net.tcp", (*NO_NETWORK, "EINVAL", "ENODEV", "gaierror"), hosts=["fe80::1", "fe80::1%lo", "fe80::1%eth0"], ports=[80]),
    attack("ipv6-unique-local", "Unique local addresses", "net.tcp", NO_NETWORK, hosts=["fd00::1", "fd00:ec2::254"], ports=[80]),
    attack("ipv6-multicast", "All nodes and all routers", "net.udp", (*NO_NETWORK, "EINVAL", "ENODEV"), hosts=["ff02::1", "ff02::2", "ff05::2"], port=5353),
    attack("ipv6-decoy", "A listener on the host's IPv6 loopback", "net.tcp", (*NOBODY, *NO_NETWORK), hosts=["::1"], ports=["$tcp6_port"], evidence=("untouched", "tcp6"), absent={"none": "this host has no IPv6"}),
    attack("ipv6-mapped-loopback", "The host's loopback in IPv6's clothes", "net.tcp", (*NOBODY, *NO_NETWORK), hosts=["::ffff:127.0.0.1"], ports=["$tcp_port"], evidence=("untouched", "tcp")),
)  # fmt: skip

GROUP = Group(name="ipv6", about="the other internet protocol", cases=CASES)
