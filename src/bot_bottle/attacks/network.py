"""Attacks on the network: to leave the bottle by TCP, UDP or a table of the kernel's."""

from bot_bottle.attacks.case import Group, attack
from bot_bottle.attacks.errnos import NO_NETWORK, NOBODY
from bot_bottle.bottles.contain import OUTSIDE_V4

PORTS = [22, 53, 80, 443, 8080]
PRIVATE = ["10.0.0.1", "10.0.2.2", "172.16.0.1", "172.17.0.1", "192.168.0.1", "192.168.65.254", "100.64.0.1"]
"""Where routers, Docker's bridge and the user-mode networks of virtual machines usually are (RFC 1918, RFC 6598)."""

CASES = (
    attack("net-tcp", "TCP to outside addresses (RFC 5737)", "net.tcp", NO_NETWORK, hosts=list(OUTSIDE_V4), ports=[80, 443]),
    attack("net-udp", "UDP to outside addresses", "net.udp", NO_NETWORK, hosts=list(OUTSIDE_V4), port=443),
    attack("net-quic", "QUIC's port by UDP", "net.udp", NO_NETWORK, hosts=[OUTSIDE_V4[0]], port=443, text="\x0c\x00"),
    attack("net-ntp", "Time servers' port by UDP", "net.udp", NO_NETWORK, hosts=[OUTSIDE_V4[1]], port=123, text="\x1b"),
    attack("net-ssh", "SSH and mail ports by TCP", "net.tcp", NO_NETWORK, hosts=[OUTSIDE_V4[0]], ports=[22, 25, 465, 587]),
    attack("net-private", "Routers and bridges at their usual addresses", "net.tcp", NO_NETWORK, hosts=PRIVATE, ports=[80]),
    attack(
        "net-own",
        "The host by its own addresses",
        "net.tcp",
        NO_NETWORK,
        hosts="$own_addresses",
        ports=PORTS,
        absent={"none": "this host has no address but loopback"},
    ),
    attack(
        "net-own-udp",
        "The host by its own addresses, UDP",
        "net.udp",
        NO_NETWORK,
        hosts="$own_addresses",
        port=53,
        absent={"none": "this host has no address but loopback"},
    ),
    attack("net-decoy", "A listener on the host's loopback", "net.tcp", NOBODY, hosts=["127.0.0.1"], ports=["$tcp_port"], evidence=("untouched", "tcp")),
    attack(
        "net-decoy-udp",
        "A UDP listener on the host's loopback",
        "net.udp",
        NOBODY,
        hosts=["127.0.0.1"],
        port="$udp_port",
        reply=True,
        evidence=("untouched", "udp"),
    ),
    attack("net-loopback-alias", "The host's loopback by its other names", "net.tcp", NOBODY + NO_NETWORK, hosts=["127.0.0.2", "127.1.2.3", "0.0.0.0"], ports=["$tcp_port"], evidence=("untouched", "tcp")),
    attack("net-ports", "Every port of the loopback but the gates'", "net.every_port", ("none",), skip=[3128, 3129, 3130], timeout_s=240.0),
    attack("net-neighbour", "A port that another bottle listens on", "net.tcp", NOBODY, hosts=["127.0.0.1"], ports=["$neighbour_port"]),
    attack("net-broadcast", "A datagram to everybody", "net.broadcast", NO_NETWORK, host="255.255.255.255", port=67),
    attack("net-multicast", "Multicast DNS", "net.join_group", (*NO_NETWORK, "ENODEV"), group="224.0.0.251"),
    attack("net-interfaces", "Interfaces beside the loopback", "net.interfaces", ("only lo",)),
    attack("net-routes", "Routes that lead off the loopback", "net.routes", ("none", "ENOENT")),
    attack("net-pose", "To take an address of the host's", "net.bind_outside", ("EADDRNOTAVAIL",), host=OUTSIDE_V4[2]),
)  # fmt: skip

GROUP = Group(name="network", about="TCP, UDP, routes and the loopback", cases=CASES)
