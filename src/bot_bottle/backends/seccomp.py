"""The system call filter of a bottle, as a classic BPF program (seccomp(2), filter.h). A machine name in, bytes out.

It narrows what a hostile agent can ask of the host's kernel: no new namespaces, no mounts, no tracing, no kernel interfaces that
have a history of holes, only ordinary sockets. What is not named here is allowed: an agent's tools must just work.
"""

import os
import struct
from collections.abc import Callable, Sequence

from bot_bottle.backends.syscalls import ARCHITECTURES, Architecture
from bot_bottle.errors import CannotRunHere
from bot_bottle.record import dataclass

ALLOW = 0x7FFF0000
KILL = 0x80000000
ERRNO = 0x00050000
EPERM, ENOSYS, EAFNOSUPPORT, ESOCKTNOSUPPORT, EPROTONOSUPPORT = 1, 38, 97, 94, 93

LOAD, JUMP_EQUAL, JUMP_AT_LEAST, JUMP_ANY_BIT, AND, RETURN = 0x20, 0x15, 0x35, 0x45, 0x54, 0x06
NUMBER_AT, ARCH_AT = 0, 4
X32_BIT = 0x40000000

NEW_NAMESPACES = 0x7E020080
"""CLONE_NEWUSER, NEWPID, NEWNET, NEWIPC, NEWUTS, NEWCGROUP, NEWNS, NEWTIME (linux/sched.h)."""

TIOCSTI, TIOCLINUX, TIOCSETD = 0x5412, 0x541C, 0x5423
"""Put characters into a terminal's input, the console's back doors, and line disciplines (history of kernel holes)."""

AF_UNIX, AF_INET, AF_INET6, AF_NETLINK = 1, 2, 10, 16
SOCK_STREAM, SOCK_DGRAM, SOCK_RAW, SOCK_SEQPACKET, SOCK_TYPE_MASK = 1, 2, 3, 5, 0xF
NETLINK_ROUTE = 0
USUAL_PROTOCOLS = (0, 1, 6, 17, 58, 262)
"""Default, ICMP, TCP, UDP, ICMPv6, MPTCP (linux/in.h). Others, such as SCTP or L2TP, load kernel modules when asked for."""

ADDR_NO_RANDOMIZE = 0x0040000

FORBIDDEN = (
    "mount", "umount2", "pivot_root", "chroot", "open_tree", "open_tree_attr", "move_mount", "fsopen", "fsconfig", "fsmount",
    "fspick", "mount_setattr", "listmount", "statmount", "setns", "ptrace", "process_vm_readv", "process_vm_writev",
    "pidfd_getfd", "kcmp", "keyctl", "add_key", "request_key", "bpf", "perf_event_open", "userfaultfd", "kexec_load",
    "kexec_file_load", "init_module", "finit_module", "delete_module", "create_module", "query_module", "get_kernel_syms",
    "open_by_handle_at", "name_to_handle_at", "quotactl", "quotactl_fd", "swapon", "swapoff", "reboot", "settimeofday",
    "clock_settime", "clock_adjtime", "adjtimex", "syslog", "acct", "iopl", "ioperm", "fanotify_init", "vhangup", "nfsservctl",
    "lookup_dcookie", "uselib", "ustat", "sysfs", "_sysctl", "vserver", "sethostname", "setdomainname", "modify_ldt",
    "migrate_pages", "move_pages",
)  # fmt: skip
"""Answered with EPERM, whatever the arguments."""

CORES = ("sched_setaffinity",)
"""Refused too where a cpu limit is held by binding the bottle to cores."""

ABSENT = ("io_uring_setup", "io_uring_enter", "io_uring_register", "clone3")
"""Answered with ENOSYS, so that programs fall back: io_uring to epoll, clone3 (whose flags no filter can see) to clone."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One instruction; `yes` and `no` are how many instructions to skip."""

    code: int
    value: int
    yes: int = 0
    no: int = 0

    def packed(self) -> bytes:
        """struct sock_filter."""
        return struct.pack("=HBBI", self.code, self.yes, self.no, self.value)


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
    steps = [load(ARCH_AT), Step(code=JUMP_EQUAL, value=kind.audit, yes=1), give(KILL), load(NUMBER_AT)]
    if kind.has_x32:
        steps += [Step(code=JUMP_AT_LEAST, value=X32_BIT, no=1), give(ERRNO | ENOSYS)]
    for name in (*FORBIDDEN, *(CORES if hold_cores else ())):
        steps += on_call(kind, name, [give(ERRNO | EPERM)])
    for name in ABSENT:
        steps += on_call(kind, name, [give(ERRNO | ENOSYS)])
    for name, body in BLOCKS:
        steps += on_call(kind, name, body())
    return [*steps, give(ALLOW)]


def load(offset: int) -> Step:
    """Load 32 bits of struct seccomp_data."""
    return Step(code=LOAD, value=offset)


def low(argument: int) -> Step:
    """Load the low half of an argument (both architectures are little-endian); the kernel looks at no more of these."""
    return load(16 + 8 * argument)


def give(verdict: int) -> Step:
    """End with this verdict."""
    return Step(code=RETURN, value=verdict)


def on_call(kind: Architecture, name: str, body: Sequence[Step]) -> list[Step]:
    """`body` for this call only; it must end in a verdict. Nothing where the architecture has no such call."""
    number = kind.numbers.get(name)
    return [] if number is None else [Step(code=JUMP_EQUAL, value=number, no=len(body)), *body]


def no_new_namespaces() -> list[Step]:
    """clone and unshare with any namespace flag."""
    return [low(0), Step(code=JUMP_ANY_BIT, value=NEW_NAMESPACES, no=1), give(ERRNO | EPERM), give(ALLOW)]


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


def any_of(values: Sequence[int], then: Sequence[Step] = ()) -> list[Step]:
    """`then`, which must end in a verdict and is to allow if it is empty, when the loaded value is one of these."""
    body = list(then) or [give(ALLOW)]
    last = len(values) - 1
    tests = [
        Step(code=JUMP_EQUAL, value=value, yes=last - at, no=len(body) if at == last else 0) for at, value in enumerate(values)
    ]
    return [*tests, *body]


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
