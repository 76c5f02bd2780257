"""This machine's own system folders as a bottle's: programs and libraries read-only, an /etc of its own, our interpreter."""

import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from bot_bottle.backends.etc import copy_apt, generated, make_etc
from bot_bottle.backends.mounts import Bind, Link, Mounted
from bot_bottle.errors import CannotRunHere
from bot_bottle.manifest.spec import Mount

PROGRAM_FOLDERS = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/opt", "/nix/store", "/gnu/store")
DPKG_STATUS = Path("/var/lib/dpkg/status")
SHELLS = ("/bin/bash", "/bin/sh")


def bind(mount: Mount) -> Bind:
    """A mount of the manifest or of the agent."""
    return Bind(host_path=mount.host_path, guest_path=mount.guest_path, writable=mount.writable)


def program_mounts() -> Iterator[Mounted]:
    """The folders of programs and libraries that this machine has, and our interpreter's."""
    for folder in PROGRAM_FOLDERS:
        path = Path(folder)
        if path.is_symlink():
            yield Link(target=os.readlink(path), guest_path=folder)
        elif path.is_dir():
            yield Bind(host_path=path, guest_path=folder)
    prefix = python_prefix()
    if prefix is not None:
        yield Bind(host_path=prefix, guest_path=str(prefix))


def etc_mounts(folder: Path, *, hostname: str, home: str, presets: tuple[str, ...]) -> tuple[Bind, ...]:
    """Make the bottle's /etc in this folder, anew; the folder itself and those to bind over it."""
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir(mode=0o755)
    shell = next((shell for shell in SHELLS if os.access(shell, os.X_OK)), SHELLS[-1])
    texts = generated(hostname=hostname, home=home, shell=shell)
    made = (Bind(host_path=folder, guest_path="/etc"), *make_etc(folder, host=Path("/etc"), texts=texts))
    if "apt" not in presets or not DPKG_STATUS.is_file():
        return made
    copy_apt(folder, host=Path("/etc"))
    return (*made, Bind(host_path=DPKG_STATUS, guest_path=str(DPKG_STATUS)))


def with_python(env: tuple[tuple[str, str], ...]) -> tuple[tuple[str, str], ...]:
    """The environment with our interpreter's folder last on PATH, so that `python3` and `pip` are there at all."""
    prefix = python_prefix()
    if prefix is None:
        return env
    path = dict(env).get("PATH", "/usr/local/bin:/usr/bin:/bin")
    return tuple(sorted((dict(env) | {"PATH": f"{path}:{prefix}/bin"}).items()))


def python_prefix() -> Path | None:
    """The folder of our interpreter where the program folders do not hold it already. CannotRunHere if it is too much to show."""
    prefix = Path(sys.base_prefix).resolve()
    if any(prefix.is_relative_to(folder) for folder in PROGRAM_FOLDERS):
        return None
    if Path.home().resolve().is_relative_to(prefix):
        raise CannotRunHere(
            "The Python that runs bot-bottle is installed in a folder that a bottle must not see.",
            facts=(f"{prefix} holds your home.",),
            next="Install bot-bottle with another Python, for instance your system's.",
        )
    return prefix
