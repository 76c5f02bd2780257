"""Filters of system calls as classic BPF programs (seccomp(2), filter.h): instructions, and what every filter of ours refuses.

A machine's kind and names of calls in, instructions out; what is put together of them is the caller's.
"""

import struct
from collections.abc import Sequence

from bot_bottle.host.syscalls import Architecture
from bot_bottle.record import dataclass

ALLOW = 0x7FFF0000
KILL = 0x80000000
ERRNO = 0x00050000
EPERM, ENOSYS = 1, 38

LOAD, JUMP_EQUAL, JUMP_AT_LEAST, JUMP_ANY_BIT, AND, RETURN = 0x20, 0x15, 0x35, 0x45, 0x54, 0x06
NUMBER_AT, ARCH_AT = 0, 4
X32_BIT = 0x40000000

NEW_NAMESPACES = 0x7E020080
"""CLONE_NEWUSER, NEWPID, NEWNET, NEWIPC, NEWUTS, NEWCGROUP, NEWNS, NEWTIME (linux/sched.h)."""

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


def beginning(kind: Architecture) -> list[Step]:
    """No other architecture's calls, and none that exist beside this one's; then the call's number is loaded."""
    steps = [load(ARCH_AT), Step(code=JUMP_EQUAL, value=kind.audit, yes=1), give(KILL), load(NUMBER_AT)]
    if kind.has_x32:
        steps += [Step(code=JUMP_AT_LEAST, value=X32_BIT, no=1), give(ERRNO | ENOSYS)]
    return steps


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


def any_of(values: Sequence[int], then: Sequence[Step] = ()) -> list[Step]:
    """`then`, which must end in a verdict and is to allow if it is empty, when the loaded value is one of these."""
    body = list(then) or [give(ALLOW)]
    last = len(values) - 1
    tests = [
        Step(code=JUMP_EQUAL, value=value, yes=last - at, no=len(body) if at == last else 0) for at, value in enumerate(values)
    ]
    return [*tests, *body]
