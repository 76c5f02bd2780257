"""Where the programs that run inside a bottle with another kernel are: in the installed package, in the cache, or made now.

They are the guest forwarder and the portal. A wheel holds them for x86-64 and arm64. A checkout compiles them once into the cache,
with the Zig compiler from PyPI when that is installed, else with the machine's own C compiler. The `…_path` functions only look;
`ready_program` may compile.
"""

import hashlib
import importlib.util
import os
import platform
import shutil
import sys
import tempfile
from pathlib import Path

from bot_bottle import guest
from bot_bottle.backends.first_process import built_portal
from bot_bottle.errors import CannotRunHere
from bot_bottle.host.paths import cache_dir
from bot_bottle.host.run import Command, Run, plain_env, run

GUEST = Path(str(guest.__file__)).parent
PROGRAMS = {"forwarder": ("forwarder", "forwarder/bin"), "portal": ("portal_c", "bin")}
"""Program → the folders of its sources and of what the package brings, below guest/."""

SOURCE = GUEST / "forwarder" / "forwarder.c"
TARGETS = {"x86_64": "x86_64-linux-musl", "aarch64": "aarch64-linux-musl"}
FLAGS = ("-std=c11", "-Os", "-static", "-s", "-fstack-protector-strong", "-Wall", "-Wextra", "-Werror")
COMPILE_TIMEOUT_S = 300.0
"""Zig builds its C library the first time: 20 to 50 s on two cores."""


def forwarder_path(machine: str | None = None, *, guest: Path = GUEST) -> Path:
    """The forwarder for this kind of machine (this one's by default), whether it is there yet or not. CannotRunHere for others."""
    return program_path("forwarder", machine, guest=guest)


def portal_path() -> Path:
    """The portal for this machine: the one beside the package unless it is older than its sources, else the cache's."""
    return built_portal() or program_path("portal", guest=None)


def program_path(name: str, machine: str | None = None, *, guest: Path | None) -> Path:
    """Below `guest` when the package brought it there; otherwise in the cache, under a digest of its sources."""
    machine = machine or platform.machine()
    if machine not in TARGETS:
        raise CannotRunHere(f"There is no guest {name} for {machine}.", next="Use the namespaces backend.")
    sources, place = PROGRAMS[name]
    packaged = (guest or GUEST) / place / f"{name}-{machine}"
    if guest is not None and packaged.exists():
        return packaged
    digest = hashlib.sha256(" ".join(FLAGS).encode())
    for source in sorted(((guest or GUEST) / sources).iterdir()):
        if source.suffix in (".c", ".h"):
            digest.update(source.read_bytes())
    return cache_dir() / "guest" / digest.hexdigest()[:16] / f"{name}-{machine}"


def why_no_programs() -> str | None:
    """Why there will be no programs for the inside here, None when they are there or can be compiled."""
    if (forwarder_path().exists() and portal_path().exists()) or compiler(platform.machine()) is not None:
        return None
    return "The programs for inside a bottle are not compiled yet in this checkout, and there is no C compiler here."


def ready_program(path: Path, *, machine: str | None = None, run: Run = run) -> Path:
    """The program at this path (as the functions above name it), compiled first when it is missing. CannotRunHere when that cannot be done."""
    if path.exists():
        return path
    machine = machine or platform.machine()
    name = path.name.partition("-")[0]
    command = compiler(machine)
    if command is None:
        raise CannotRunHere(
            f"The guest {name} has to be compiled once, and there is no C compiler here.",
            next=f"Install one: {sys.executable} -m pip install ziglang",
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        made = Path(folder) / path.name
        sources = sorted(str(one) for one in (GUEST / PROGRAMS[name][0]).glob("*.c"))
        argv = (*command, *FLAGS, *sources, "-o", str(made))
        env = plain_env(ZIG_GLOBAL_CACHE_DIR=str(cache_dir() / "zig"), ZIG_LOCAL_CACHE_DIR=folder)
        done = run(Command(argv=argv, env=env, timeout_s=COMPILE_TIMEOUT_S))
        if done.code != 0:
            words = done.stderr.decode(errors="replace").splitlines()[-5:]
            raise CannotRunHere(f"The guest {name} does not compile here.", facts=tuple(ascii(word)[1:-1] for word in words))
        made.chmod(0o755)
        os.replace(made, path)
    return path


def compiler(machine: str) -> tuple[str, ...] | None:
    """The first words of the compiler's command: Zig for either machine, a C compiler for this one."""
    if importlib.util.find_spec("ziglang") is not None:
        return (sys.executable, "-m", "ziglang", "cc", "-target", TARGETS[machine])
    found = next((path for name in ("cc", "gcc", "clang") if (path := shutil.which(name))), None)
    return (found,) if found and machine == platform.machine() else None
