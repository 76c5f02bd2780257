"""Attacks on the network: connections, datagrams, names, interfaces, sockets of families that lead elsewhere."""

from __future__ import annotations

import errno
import os
import socket
import struct
from functools import partial
from typing import Callable, Sequence

SECONDS = 1.0


def one_of(outcomes: list[str]) -> str:
    """What several attempts met, each once: contained only when each of them is."""
    return "+".join(sorted(set(outcomes))) or "none"


def together(attempts: Sequence[Callable[[], str]]) -> str:
    """The same of attempts that are made at the same time: where something answers late, they wait together."""
    import threading

    met: list[str] = []
    threads = [threading.Thread(target=lambda one=one: met.append(one())) for one in attempts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return one_of(met)


def family_of(host: str) -> int:
    """By the literal's form."""
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def attempt(host: str, port: int, *, kind: int = socket.SOCK_STREAM, payload: bytes = b"", reply: bool = False) -> str:
    """One connection, and for datagrams one that is sent, and with `reply` answered or refused."""
    with socket.socket(family_of(host), kind) as channel:
        channel.settimeout(SECONDS)
        try:
            channel.connect((host, port))
            if channel.getsockname() == channel.getpeername():
                return "ECONNREFUSED"  # TCP's simultaneous open with itself: nobody is there
            if payload:
                channel.send(payload)
            if reply:
                channel.recv(1)
        except socket.timeout:
            return "no answer"
        except OSError as error:
            return errno.errorcode.get(error.errno or 0, type(error).__name__)
    return "reached"


def tcp(hosts: list[str], ports: list[int]) -> str:
    """A connection to each."""
    return together([partial(attempt, host, port) for host in hosts for port in ports])


def udp(hosts: list[str], port: int, text: str = "bot-bottle", reply: bool = False) -> str:
    """A datagram to each."""
    sent = partial(attempt, kind=socket.SOCK_DGRAM, payload=text.encode(), reply=reply)
    return together([partial(sent, host, port) for host in hosts])


def every_port(skip: list[int]) -> tuple[str, str]:
    """Which ports of the loopback somebody listens on, beside those to skip."""
    found = []
    for port in range(1, 65536):
        if port in skip:
            continue
        with socket.socket() as channel:
            channel.settimeout(SECONDS)
            if channel.connect_ex(("127.0.0.1", port)) == 0 and channel.getsockname() != channel.getpeername():
                found.append(port)
    return ("listening" if found else "none"), " ".join(map(str, found[:20]))


def broadcast(host: str, port: int) -> str:
    """A datagram to everybody."""
    with socket.socket(family_of(host), socket.SOCK_DGRAM) as channel:
        channel.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        channel.sendto(b"bot-bottle", (host, port))
    return "sent"


def join_group(group: str) -> str:
    """Membership of a multicast group, on whatever interface there is."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as channel:
        channel.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton(group) + socket.inet_aton("0.0.0.0"))
        channel.sendto(b"bot-bottle", (group, 5353))
    return "sent"


def interfaces() -> tuple[str, str]:
    """Interfaces beside the loopback."""
    found = [name for _, name in socket.if_nameindex() if name != "lo"]
    return ("found" if found else "only lo"), " ".join(found)


def routes() -> tuple[str, str]:
    """Routes of the kernel's tables that lead off the loopback."""
    found = []
    with open("/proc/net/route") as file:
        found += [row.split()[0] for row in file.read().splitlines()[1:]]
    if os.path.exists("/proc/net/ipv6_route"):
        with open("/proc/net/ipv6_route") as file:
            found += [row.split()[-1] for row in file.read().splitlines()]
    led = [name for name in found if name != "lo"]
    return ("found" if led else "none"), " ".join(led[:10])


def resolve(name: str) -> tuple[str, str]:
    """A name, as programs ask for it."""
    try:
        found = socket.getaddrinfo(name, 443)
    except socket.gaierror as error:
        return "no name service", str(error)
    return "resolved", str(found[0][4])


def dns(hosts: list[str], name: str) -> str:
    """A question in the form of RFC 1035 to each server, by datagram and by connection; only an answer is an answer."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    question = struct.pack(">HHHHHH", 0x1234, 0x0100, 1, 0, 0, 0) + labels + b"\0" + struct.pack(">HH", 1, 1)
    framed = struct.pack(">H", len(question)) + question
    over_udp = [partial(attempt, host, 53, kind=socket.SOCK_DGRAM, payload=question, reply=True) for host in hosts]
    return together(over_udp + [partial(attempt, host, 53, payload=framed, reply=True) for host in hosts])


def make(family: int, kind: int, protocol: int = 0) -> str:
    """A socket that must not be had."""
    socket.socket(family, kind, protocol).close()
    return "made"


def vsock(cid: int, port: int) -> str:
    """A connection to the hypervisor's side."""
    with socket.socket(getattr(socket, "AF_VSOCK", 40), socket.SOCK_STREAM) as channel:
        channel.settimeout(SECONDS)
        channel.connect((cid, port))
    return "reached"


def bind_outside(host: str) -> str:
    """To pose as an address of the host."""
    with socket.socket(family_of(host)) as channel:
        channel.bind((host, 0))
    return "bound"


def route_change() -> str:
    """A new default route, asked of the kernel (rtnetlink(7)): RTM_NEWROUTE, through the loopback."""
    route = struct.pack("BBBBBBBBI", socket.AF_INET, 0, 0, 0, 254, 4, 0, 1, 0) + struct.pack("HHI", 8, 4, 1)
    header = struct.pack("IHHII", 16 + len(route), 24, 0x5 | 0x400, 1, 0)  # REQUEST, ACK, CREATE
    return netlink(header + route)


def interface_up() -> str:
    """A new dummy interface (RTM_NEWLINK with IFLA_LINKINFO)."""
    kind = struct.pack("HH", 10, 1) + b"dummy\0" + b"\0\0"
    attribute = struct.pack("HH", 4 + len(kind), 18) + kind
    link = struct.pack("BBHiII", 0, 0, 0, 0, 0, 0) + attribute
    return netlink(struct.pack("IHHII", 16 + len(link), 16, 0x5 | 0x400 | 0x200, 1, 0) + link)


def netlink(message: bytes) -> str:
    """What the kernel answers to a route message: the error in its NLMSG_ERROR, `done` when there is none."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as channel:
        channel.settimeout(SECONDS)
        channel.send(message)
        answer = channel.recv(4096)
    (code,) = struct.unpack_from("i", answer, 16)
    return errno.errorcode.get(-code, str(code)) if code else "done"


def unix(addresses: list[str]) -> str:
    """A Unix socket by path, or by an abstract name (leading NUL)."""
    outcomes = []
    for address in addresses:
        met = []
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_SEQPACKET):
            with socket.socket(socket.AF_UNIX, kind) as channel:
                channel.settimeout(SECONDS)
                try:
                    channel.connect(short(address))
                    met.append("reached")
                except OSError as error:
                    met.append(errno.errorcode.get(error.errno or 0, type(error).__name__))
        outcomes.append("reached" if "reached" in met else one_of(met))
    return "+".join(sorted({part for outcome in outcomes for part in outcome.split("+")}))


def short(address: str) -> str:
    """The same socket by a name that fits into 108 bytes (unix(7)): by way of its folder, which is opened."""
    if address.startswith("\0") or len(address) < 100:
        return address
    folder, _, name = address.rpartition("/")
    return "/proc/self/fd/%d/%s" % (os.open(folder, os.O_PATH), name)


def abstract_names() -> tuple[str, str]:
    """Names in the kernel's list of abstract sockets, and those of them that answer."""
    with open("/proc/net/unix") as file:
        names = [row.split()[7] for row in file.read().splitlines()[1:] if len(row.split()) > 7]
    found = sorted({name for name in names if name.startswith("@")})
    return ("found" if found else "none"), " ".join(found[:10])


def socket_files(tops: list[str], own: list[str]) -> tuple[str, str]:
    """Every socket in the file system that a connection is accepted on, beside our own."""
    import stat

    found = []
    for top in tops:
        for folder, below, names in os.walk(top):
            below[:] = [name for name in below if not os.path.ismount(os.path.join(folder, name)) or top == "/run"]
            for name in names:
                path = os.path.join(folder, name)
                try:
                    is_socket = stat.S_ISSOCK(os.lstat(path).st_mode)
                except OSError:
                    continue
                if is_socket and path not in own and unix([path]) == "reached":
                    found.append(path)
    return ("found" if found else "none"), " ".join(found[:10])


def inherited_sockets() -> tuple[str, str]:
    """Sockets that this process was born with, beside its standard streams."""
    import stat

    found = []
    for descriptor in range(3, 1024):
        try:
            if stat.S_ISSOCK(os.fstat(descriptor).st_mode):
                found.append(str(descriptor))
        except OSError:
            continue
    return ("found" if found else "none"), " ".join(found)


def packet_filter() -> str:
    """A socket that sees every packet, with a filter (SO_ATTACH_FILTER)."""
    with socket.socket(17, socket.SOCK_RAW, 0x0300) as channel:
        channel.settimeout(SECONDS)
    return "made"
