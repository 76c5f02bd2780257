"""The system call filter of a bottle, as a classic BPF program (seccomp(2), filter.h). A machine name in, bytes out.

It narrows what a hostile agent can ask of the host's kernel: no new namespaces, no mounts, no tracing, no kernel interfaces that
have a history of holes, only ordinary sockets. What is not named here is allowed: an agent's tools must just work.
"""

import os
from collections.abc import Callable

from bot_bottle.errors import CannotRunHere
from bot_bottle.host.filters import (
    ABSENT,
    ALLOW,
    AND,
    ENOSYS,
    EPERM,
    ERRNO,
    FORBIDDEN,
    Step,
    any_of,
    beginning,
    give,
    low,
    no_new_namespaces,
    on_call,
)
from bot_bottle.host.syscalls import ARCHITECTURES, Architecture

EAFNOSUPPORT, ESOCKTNOSUPPORT, EPROTONOSUPPORT = 97, 94, 93

TIOCSTI, TIOCLINUX, TIOCSETD = 0x5412, 0x541C, 0x5423
"""Put characters into a terminal's input, the console's back doors, and line disciplines (history of kernel holes)."""

AF_UNIX, AF_INET, AF_INET6, AF_NETLINK = 1, 2, 10, 16
SOCK_STREAM, SOCK_DGRAM, SOCK_RAW, SOCK_SEQPACKET, SOCK_TYPE_MASK = 1, 2, 3, 5, 0xF
NETLINK_ROUTE = 0
USUAL_PROTOCOLS = (0, 1, 6, 17, 58, 262)
"""Default, ICMP, TCP, UDP, ICMPv6, MPTCP (linux/in.h). Others, such as SCTP or L2TP, load kernel modules when asked for."""

ADDR_NO_RANDOMIZE = 0x0040000

CORES = ("sched_setaffinity",)
"""Refused too where a cpu limit is held by binding the bottle to cores."""


def filter_for(machine: str, *, hold_cores: bool = False) -> bytes | None:
    """The program for this machine, or None when it is of no known kind. `hold_cores` keeps the cores that are set."""
    known = ARCHITECTURES.get(machine)
    return None if known is None else b"".join(step.packed() for step in program(known, hold_cores=hold_cores))


def required_filter(*, hold_cores: bool = False) -> bytes:
    """The filter for this machine. CannotRunHere when there is none."""
    machine = os.uname().machine
    content = filter_for(machine, hold_cores=hold_cores)
    if content is None:
        raise CannotRunHere(f"There is no system call filter for {machine} yet.", next="Use another backend.")
    return content


def program(kind: Architecture, *, hold_cores: bool = False) -> list[Step]:
    """The whole filter: the right architecture, then one block per call, then allow."""
    steps = beginning(kind)
    for name in (*FORBIDDEN, *(CORES if hold_cores else ())):
        steps += on_call(kind, name, [give(ERRNO | EPERM)])
    for name in ABSENT:
        steps += on_call(kind, name, [give(ERRNO | ENOSYS)])
    for name, body in BLOCKS:
        steps += on_call(kind, name, body())
    return [*steps, give(ALLOW)]


def no_terminal_tricks() -> list[Step]:
    """ioctl: the request is 32 bits wide to the kernel, so only those are compared."""
    return [low(1), *any_of((TIOCSTI, TIOCLINUX, TIOCSETD), then=[give(ERRNO | EPERM)]), give(ALLOW)]


def ordinary_sockets() -> list[Step]:
    """Unix sockets; IPv4 and IPv6 streams and datagrams of the usual protocols; route netlink (getifaddrs needs it).

    The kernel reads each of the three as a 32-bit int, and flags share the type's number, so it is masked (socket(2)).
    """
    usual = [low(2), *any_of(USUAL_PROTOCOLS), give(ERRNO | EPROTONOSUPPORT)]
    kinds = [low(1), Step(code=AND, value=SOCK_TYPE_MASK)]
    internet = [*kinds, *any_of((SOCK_STREAM, SOCK_DGRAM), then=usual), give(ERRNO | ESOCKTNOSUPPORT)]
    local = [*kinds, *any_of((SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET)), give(ERRNO | ESOCKTNOSUPPORT)]
    route = [low(2), *any_of((NETLINK_ROUTE,)), give(ERRNO | EPROTONOSUPPORT)]
    return [
        low(0),
        *any_of((AF_INET, AF_INET6), then=internet),
        *any_of((AF_UNIX,), then=local),
        *any_of((AF_NETLINK,), then=route),
        give(ERRNO | EAFNOSUPPORT),
    ]


def only_plain_personality() -> list[Step]:
    """personality(2): the default, a query, and no address randomisation, which debuggers and sanitizers switch off."""
    return [low(0), *any_of((0, 0xFFFFFFFF, ADDR_NO_RANDOMIZE)), give(ERRNO | EPERM)]


BLOCKS: tuple[tuple[str, Callable[[], list[Step]]], ...] = (
    ("clone", no_new_namespaces),
    ("unshare", no_new_namespaces),
    ("ioctl", no_terminal_tricks),
    ("socket", ordinary_sockets),
    ("socketpair", ordinary_sockets),
    ("personality", only_plain_personality),
)
"""Calls whose arguments decide."""
