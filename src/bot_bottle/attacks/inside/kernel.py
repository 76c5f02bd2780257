"""Attacks on the kernel: system calls by number, with arguments that do no harm where they work."""

from __future__ import annotations

import ctypes
import errno
import os
import signal
from typing import Any

LIBC = ctypes.CDLL(None, use_errno=True)


def call(number: int, *arguments: int) -> str:
    """One system call: `ok`, or the error's name."""
    ctypes.set_errno(0)
    done = LIBC.syscall(ctypes.c_long(number), *[ctypes.c_long(one) for one in arguments])
    return "ok" if done >= 0 else errno.errorcode.get(ctypes.get_errno(), "?")


def plain(number: int | None, arguments: list[Any]) -> str:
    """A system call with numbers; a text among them is passed by its address."""
    if number is None:
        return "no such call"
    kept = [ctypes.create_string_buffer(one.encode() + b"\0" * 128) if isinstance(one, str) else one for one in arguments]
    return call(number, *[one if isinstance(one, int) else ctypes.addressof(one) for one in kept])


def calls(numbers: list[int | None], arguments: list[Any]) -> str:
    """Several with the same arguments."""
    return "+".join(sorted({plain(number, arguments) for number in numbers if number is not None})) or "no such call"


def traceme() -> str:
    """ptrace(PTRACE_TRACEME)."""
    LIBC.ptrace.restype = ctypes.c_long
    done = LIBC.ptrace(0, 0, 0, 0)
    return "ok" if done == 0 else errno.errorcode.get(ctypes.get_errno(), "?")


def trace_parent() -> str:
    """ptrace(PTRACE_SEIZE) of the process above: it is not stopped, and let go when this one ends."""
    LIBC.ptrace.restype = ctypes.c_long
    ctypes.set_errno(0)
    done = LIBC.ptrace(0x4206, os.getppid(), 0, 0)
    return "ok" if done == 0 else errno.errorcode.get(ctypes.get_errno(), "?")


def read_parent(number: int | None) -> str:
    """process_vm_readv of a byte of the process above; a fork, so our addresses are its addresses."""
    if number is None:
        return "no such call"
    here, there = ctypes.create_string_buffer(8), ctypes.create_string_buffer(b"abcdefg")

    class Vector(ctypes.Structure):
        _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]

    ours, theirs = Vector(ctypes.addressof(here), 4), Vector(ctypes.addressof(there), 4)
    return call(number, os.getppid(), ctypes.addressof(ours), 1, ctypes.addressof(theirs), 1, 0)


def new_namespace(number: int, flags: int) -> str:
    """unshare(2)."""
    return call(number, flags)


def clone_into(number: int, flags: int) -> str:
    """clone(2) with these flags; a child that comes of it ends at once."""
    ctypes.set_errno(0)
    return ended(LIBC.syscall(ctypes.c_long(number), ctypes.c_long(flags | signal.SIGCHLD), *[ctypes.c_long(0)] * 4))


def ended(made: int) -> str:
    """What came of a clone, in both of those that return from it: the child ends here."""
    if made == 0:
        os._exit(0)
    if made < 0:
        return errno.errorcode.get(ctypes.get_errno(), "?")
    os.waitpid(made, 0)
    return "ok"


def join_namespace(number: int, of: str, kind: str) -> str:
    """setns(2) to a namespace of another process."""
    descriptor = os.open("/proc/%s/ns/%s" % (of, kind), os.O_RDONLY)
    return call(number, descriptor, 0)


def tiocsti() -> str:
    """A character typed into a terminal from inside (TIOCSTI)."""
    import fcntl

    _, terminal = os.openpty()
    fcntl.ioctl(terminal, 0x5412, b"x")
    return "ok"


def line_discipline() -> str:
    """Another line discipline for a terminal (TIOCSETD N_HDLC), which loads a module."""
    import fcntl
    import struct

    _, terminal = os.openpty()
    fcntl.ioctl(terminal, 0x5423, struct.pack("i", 13))
    return "ok"


def tun() -> str:
    """An interface by way of /dev/net/tun (TUNSETIFF)."""
    import fcntl
    import struct

    device = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(device, 0x400454CA, struct.pack("16sH22x", b"bottle0", 0x1001))
    return "ok"


def same_kernel(release: str, version: str, boot: str) -> tuple[str, str]:
    """Whether this is the kernel of these words: the host's."""
    name = os.uname()
    try:
        with open("/proc/sys/kernel/random/boot_id") as file:
            here = file.read().strip()
    except OSError:
        here = ""
    same = here == boot if here else (name.release, name.version) == (release, version)
    return ("the host's" if same else "another"), "%s %s" % (name.release, name.version)


def take_descriptor(number: int | None) -> str:
    """pidfd_getfd(2) of the standard output of the process above."""
    pidfd = LIBC.syscall(434, os.getppid(), 0)  # pidfd_open: the same number everywhere
    if pidfd < 0:
        return "ENOSYS"
    return call(number or 438, pidfd, 1, 0)


def compare_parent(number: int | None) -> str:
    """kcmp(2) of our own files with those of the process above (KCMP_FILE)."""
    return "no such call" if number is None else call(number, os.getpid(), os.getppid(), 0, 1, 1)


def handle(name_number: int | None, open_number: int | None) -> str:
    """open_by_handle_at(2) of a handle of one's own making: the inode 2 of the file system that the workspace lies on."""
    if open_number is None or name_number is None:
        return "no such call"
    import struct

    made = ctypes.create_string_buffer(struct.pack("II", 8, 1) + struct.pack("II", 2, 0) + b"\0" * 128)
    place = os.open(".", os.O_RDONLY)
    return call(open_number, place, ctypes.addressof(made), os.O_RDONLY)


def clone3(number: int | None, flags: int) -> str:
    """clone3(2) with these flags; a child that comes of it ends at once."""
    import struct

    arguments = ctypes.create_string_buffer(struct.pack("8Q", flags, 0, 0, 0, signal.SIGCHLD, 0, 0, 0))
    ctypes.set_errno(0)
    return ended(LIBC.syscall(ctypes.c_long(number or 435), ctypes.byref(arguments), ctypes.c_long(64)))


def trace_first() -> str:
    """ptrace(PTRACE_SEIZE) of process 1: it is not stopped, and let go when this one ends."""
    LIBC.ptrace.restype = ctypes.c_long
    ctypes.set_errno(0)
    return "ok" if LIBC.ptrace(0x4206, 1, 0, 0) == 0 else errno.errorcode.get(ctypes.get_errno(), "?")


def find_key(number: int | None, description: str) -> str:
    """A key of the host's by its description, in the keyrings of thread, session and user (request_key(2))."""
    if number is None:
        return "no such call"
    return plain(number, ["user", description, 0, 0])


def bpf_map(number: int | None) -> str:
    """bpf(BPF_MAP_CREATE): an array of one number."""
    import struct

    arguments = ctypes.create_string_buffer(struct.pack("IIII", 2, 4, 4, 1) + b"\0" * 112)
    return call(number or 321, 0, ctypes.addressof(arguments), 128)


def perf(number: int | None) -> str:
    """perf_event_open(2): a software clock of one's own process, user space alone."""
    import struct

    arguments = ctypes.create_string_buffer(struct.pack("IIQQQQQ", 1, 112, 1, 0, 0, 0, 0x60) + b"\0" * 64)
    return call(number or 298, ctypes.addressof(arguments), 0, -1, -1, 0)


def core_limit() -> str:
    """The limits of a core dump, which the host's kernel would hand to a program of the host."""
    import resource

    return "%d %d" % resource.getrlimit(resource.RLIMIT_CORE)


def mount(number: int, source: str, kind: str, flags: int = 0, text: str = "") -> str:
    """mount(2) on a folder of one's own; what works is undone."""
    place = os.path.abspath(".bot-bottle-mount")
    os.makedirs(place, exist_ok=True)
    try:
        done = plain(number, [source, place, kind, flags, text or 0])
        if done == "ok":
            LIBC.umount2(place.encode(), 2)
        return done
    finally:
        os.rmdir(place)
