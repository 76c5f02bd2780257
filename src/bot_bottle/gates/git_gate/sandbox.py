"""A sandbox for a git child that reads what the bottle sent: no network, no other process, of the host only programs. Pure.

Defence in depth for a fault in git's own readers of packs and requests. Where bubblewrap is missing, the child runs without it.
"""

import os
from collections.abc import Sequence
from pathlib import Path

FOLDERS = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/opt", "/nix/store", "/gnu/store")
FILES = ("/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d")


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
