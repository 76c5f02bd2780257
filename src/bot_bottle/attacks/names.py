"""Attacks by way of names: DNS is a channel out of many a sandbox that has no other."""

from bot_bottle.attacks.case import Group, attack
from bot_bottle.attacks.errnos import NO_NETWORK, NOBODY
from bot_bottle.bottles.contain import OUTSIDE_V4, OUTSIDE_V6

NAME = "c2VjcmV0LXRoYXQtbGVhdmVz.bot-bottle.invalid"  # RFC 6761: nobody has it
CLOSED = (*NO_NETWORK, *NOBODY)

CASES = (
    attack("dns-libc", "A name, as programs ask for it", "net.resolve", ("no name service",), name="example.com"),
    attack("dns-libc-data", "Data in a name, as programs ask for it", "net.resolve", ("no name service",), name=NAME),
    attack("dns-outside", "A server outside, by UDP and TCP", "net.dns", CLOSED, hosts=[OUTSIDE_V4[0], OUTSIDE_V6], name=NAME),
    attack("dns-host", "The host's own servers", "net.dns", CLOSED, hosts="$resolvers", name=NAME, absent={"none": "this host has no name servers"}),
    attack("dns-stub", "systemd's and Docker's stubs", "net.dns", CLOSED, hosts=["127.0.0.53", "127.0.0.54", "127.0.0.11"], name=NAME),
    attack("dns-loopback", "A server on the loopback", "net.dns", CLOSED, hosts=["127.0.0.1", "::1"], name=NAME),
    attack("dns-over-tls", "DNS over TLS' port", "net.tcp", NO_NETWORK, hosts=list(OUTSIDE_V4), ports=[853]),
    attack("dns-mdns", "Multicast DNS and LLMNR by UDP", "net.udp", NO_NETWORK, hosts=["224.0.0.251", "224.0.0.252"], port=5355),
    attack("dns-netbios", "NetBIOS names by UDP", "net.udp", NO_NETWORK, hosts=[OUTSIDE_V4[0]], port=137),
)  # fmt: skip

GROUP = Group(name="dns", about="names as a way out", cases=CASES)
