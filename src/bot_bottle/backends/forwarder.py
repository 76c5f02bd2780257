"""Where the guest forwarder's program is: in the installed package, in the cache, or made now from its source.

A wheel holds it for x86-64 and arm64. A checkout compiles it once into the cache, with the Zig compiler from PyPI when that is
installed, else with the machine's own C compiler. `forwarder_path` only looks; `ready_forwarder` may compile.
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
from bot_bottle.errors import CannotRunHere
from bot_bottle.host.paths import cache_dir
from bot_bottle.host.run import Command, Run, plain_env, run

FOLDER = Path(str(guest.__file__)).parent / "forwarder"
SOURCE = FOLDER / "forwarder.c"
TARGETS = {"x86_64": "x86_64-linux-musl", "aarch64": "aarch64-linux-musl"}
FLAGS = ("-std=c11", "-Os", "-static", "-s", "-fstack-protector-strong", "-Wall", "-Wextra", "-Werror")
COMPILE_TIMEOUT_S = 300.0
"""Zig builds its C library the first time: 20 to 50 s on two cores."""


def forwarder_path(machine: str | None = None, *, folder: Path = FOLDER) -> Path:
    """The program for this kind of machine (this one's by default), whether it is there yet or not. CannotRunHere for others."""
    machine = machine or platform.machine()
    if machine not in TARGETS:
        raise CannotRunHere(f"There is no guest forwarder for {machine}.", next="Use the namespaces backend.")
    packaged = folder / "bin" / f"forwarder-{machine}"
    if packaged.exists():
        return packaged
    digest = hashlib.sha256(SOURCE.read_bytes() + " ".join(FLAGS).encode()).hexdigest()[:16]
    return cache_dir() / "guest" / digest / f"forwarder-{machine}"


def why_no_forwarder() -> str | None:
    """Why there will be no forwarder here, None when there is one or it can be compiled."""
    if forwarder_path().exists() or compiler(platform.machine()) is not None:
        return None
    return "This checkout's guest forwarder is not compiled yet, and there is no C compiler here."


def ready_forwarder(path: Path, *, machine: str | None = None, run: Run = run) -> Path:
    """The program at this path, compiled first when it is missing. CannotRunHere when that cannot be done."""
    if path.exists():
        return path
    machine = machine or platform.machine()
    command = compiler(machine)
    if command is None:
        raise CannotRunHere(
            "The guest forwarder has to be compiled once, and there is no C compiler here.",
            next=f"Install one: {sys.executable} -m pip install ziglang",
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        made = Path(folder) / path.name
        argv = (*command, *FLAGS, str(SOURCE), "-o", str(made))
        env = plain_env(ZIG_GLOBAL_CACHE_DIR=str(cache_dir() / "zig"), ZIG_LOCAL_CACHE_DIR=folder)
        done = run(Command(argv=argv, env=env, timeout_s=COMPILE_TIMEOUT_S))
        if done.code != 0:
            words = done.stderr.decode(errors="replace").splitlines()[-5:]
            raise CannotRunHere("The guest forwarder does not compile here.", facts=tuple(ascii(word)[1:-1] for word in words))
        made.chmod(0o755)
        os.replace(made, path)
    return path


def compiler(machine: str) -> tuple[str, ...] | None:
    """The first words of the compiler's command: Zig for either machine, a C compiler for this one."""
    if importlib.util.find_spec("ziglang") is not None:
        return (sys.executable, "-m", "ziglang", "cc", "-target", TARGETS[machine])
    found = next((path for name in ("cc", "gcc", "clang") if (path := shutil.which(name))), None)
    return (found,) if found and machine == platform.machine() else None
