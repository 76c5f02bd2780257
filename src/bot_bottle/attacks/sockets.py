"""Attacks by sockets that are no connections: raw, packet, netlink, vsock, and families with a history of kernel holes."""

from bot_bottle.attacks.case import Case, Group, attack
from bot_bottle.attacks.errnos import NO_NETWORK, NO_SOCKET
from bot_bottle.bottles.contain import AF_ALG, AF_BLUETOOTH, AF_NETLINK, AF_PACKET, AF_VSOCK, SOCK_DGRAM, SOCK_RAW, SOCK_STREAM

SEQPACKET = 5


def _family(name: str, title: str, family: int, kind: int, protocol: int = 0, *, own_kernel: bool = True) -> Case:
    return attack(
        f"socket-{name}", title, "net.make", NO_SOCKET, own_kernel=own_kernel, family=family, kind=kind, protocol=protocol
    )


CASES = (
    _family("raw", "A raw IPv4 socket", 2, SOCK_RAW, 255),
    _family("icmp", "A raw ICMP socket", 2, SOCK_RAW, 1),
    _family("raw6", "A raw IPv6 socket", 10, SOCK_RAW, 58),
    _family("packet", "A packet socket, all protocols", AF_PACKET, SOCK_RAW, 0x0300),
    _family("packet-dgram", "A packet socket without headers", AF_PACKET, SOCK_DGRAM, 0x0300),
    _family("audit", "The kernel's audit (netlink)", AF_NETLINK, SOCK_RAW, 9),
    _family("netfilter", "The firewall (netlink)", AF_NETLINK, SOCK_RAW, 12),
    _family("uevent", "Device events (netlink)", AF_NETLINK, SOCK_RAW, 15),
    _family("genl", "Generic netlink", AF_NETLINK, SOCK_RAW, 16),
    _family("xfrm", "IPsec's tables (netlink)", AF_NETLINK, SOCK_RAW, 6),
    _family("diag", "Other sockets' states (netlink)", AF_NETLINK, SOCK_RAW, 4),
    _family("vsock", "vsock", AF_VSOCK, SOCK_STREAM),
    _family("bluetooth", "Bluetooth", AF_BLUETOOTH, SOCK_RAW, 1),
    _family("alg", "The kernel's cryptography", AF_ALG, SEQPACKET),
    _family("can", "CAN", 29, SOCK_RAW, 1),
    _family("xdp", "XDP", 44, SOCK_RAW),
    _family("rds", "RDS", 21, SEQPACKET),
    _family("tipc", "TIPC", 30, SOCK_STREAM),
    _family("key", "PF_KEY", 15, SOCK_RAW, 2),
    _family("nfc", "NFC", 39, SOCK_RAW),
    _family("sctp", "SCTP", 2, SOCK_STREAM, 132),
    _family("dccp", "DCCP", 2, 6, 33),
    _family("l2tp", "L2TP", 2, SOCK_DGRAM, 115),
    _family("smc", "SMC", 43, SOCK_STREAM),
    _family("ax25", "AX.25, a module of old", 3, SEQPACKET),
    attack("socket-vsock-host", "The hypervisor by vsock", "net.vsock", (*NO_SOCKET, *NO_NETWORK, "ENODEV"), cid=2, port=22),
    attack("socket-route", "A default route, asked of the kernel", "net.route_change", ("EPERM", "EACCES"), own_kernel=True),
    attack("socket-link", "An interface, asked of the kernel", "net.interface_up", ("EPERM", "EACCES", "EOPNOTSUPP"), own_kernel=True),
    attack("socket-tun", "An interface by way of /dev/net/tun", "kernel.tun", ("ENOENT", "EPERM", "EACCES")),
)  # fmt: skip

GROUP = Group(name="sockets", about="raw, packet, netlink and vsock sockets, and odd families", cases=CASES)
