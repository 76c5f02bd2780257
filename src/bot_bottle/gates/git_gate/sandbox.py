"""Sandboxes for git children that read what the bottle sent: no network, no other process, of the host only programs. Pure.

Defence in depth for a fault in git's own readers of packs and requests. Where the kernel has Landlock a child is confined by it,
else by bubblewrap; where neither works it runs without, and the log says so.
"""

import os
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from bot_bottle.host.confine import Confinement, can_confine
from bot_bottle.host.filters import (
    ABSENT,
    ALLOW,
    ENOSYS,
    EPERM,
    ERRNO,
    FORBIDDEN,
    any_of,
    beginning,
    give,
    low,
    no_new_namespaces,
    on_call,
)
from bot_bottle.host.syscalls import ARCHITECTURES

FOLDERS = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/opt", "/nix/store", "/gnu/store")
FILES = ("/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d")
DEVICES = ("/dev/zero", "/dev/random", "/dev/urandom")

NOT_FOR_GIT = (
    "socket", "socketpair", "kill", "tkill", "tgkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "pidfd_send_signal", "pidfd_open",
    "chmod", "fchmod", "fchmodat", "fchmodat2", "chown", "fchown", "lchown", "fchownat", "truncate", "utime", "utimes",
    "futimesat", "utimensat", "setxattr", "lsetxattr", "fsetxattr", "removexattr", "lremovexattr", "fremovexattr", "setxattrat",
    "removexattrat", "file_setattr", "setpriority", "mq_open", "shmget", "shmat", "semget", "msgget",
)  # fmt: skip
"""What Landlock does not cover: sockets, signals, shared memory, changes of files by path. git's readers need none of it."""


def confinement(read: Sequence[Path], write: Sequence[Path]) -> Confinement:
    """For a git child that sees these folders and files besides what programs need."""
    return Confinement(
        programs=tuple(Path(folder) for folder in FOLDERS),
        read=(*(Path(file) for file in (*FILES, *DEVICES)), *read),
        write=(Path("/dev/null"), *write),
        filter=filter_for(os.uname().machine),
    )


def landlock_here() -> bool:
    """Whether this kernel has Landlock, and there is a filter for this kind of machine."""
    return can_confine() and os.uname().machine in ARCHITECTURES


@cache
def filter_for(machine: str) -> bytes:
    """The filter of system calls for this kind of machine."""
    kind = ARCHITECTURES[machine]
    steps = beginning(kind)
    for name in (*FORBIDDEN, *NOT_FOR_GIT):
        steps += on_call(kind, name, [give(ERRNO | EPERM)])
    for name in ABSENT:
        steps += on_call(kind, name, [give(ERRNO | ENOSYS)])
    for name in ("clone", "unshare"):
        steps += on_call(kind, name, no_new_namespaces())
    steps += on_call(kind, "prlimit64", [low(0), *any_of((0,)), give(ERRNO | EPERM)])  # one's own limits only
    return b"".join(step.packed() for step in (*steps, give(ALLOW)))


def leashed(bwrap: str, argv: Sequence[str]) -> tuple[str, ...]:
    """The command with all that it starts in a process namespace that ends with us: no push goes on when its gate was killed."""
    return (
        *(bwrap, "--dev-bind", "/", "/", "--proc", "/proc", "--unshare-user", "--unshare-pid", "--die-with-parent"),
        *("--", *argv),
    )


def sealed(bwrap: str, argv: Sequence[str], *, read: Sequence[Path], write: Sequence[Path] = ()) -> tuple[str, ...]:
    """The command inside a sandbox that sees these folders and files at their own paths."""
    words = [bwrap, "--unshare-all", "--die-with-parent", "--cap-drop", "ALL"]
    for folder in FOLDERS:
        path = Path(folder)
        if path.is_symlink():
            words += ["--symlink", os.readlink(path), folder]
        elif path.is_dir():
            words += ["--ro-bind", folder, folder]
    for file in FILES:
        words += ["--ro-bind-try", file, file]
    words += ["--dev", "/dev", "--tmpfs", "/tmp"]  # noqa: S108  # the sandbox's own
    for path in read:
        words += ["--ro-bind", str(path), str(path)]
    for path in write:
        words += ["--bind", str(path), str(path)]
    return (*words, "--chdir", "/", "--", *argv)
