"""Where the programs that run inside a bottle with another kernel are: in the installed package, in the cache, or made now.

They are the guest forwarder and the portal. A wheel holds them for x86-64 and arm64. A checkout compiles them once into the
cache, with the machine's own C compiler where that can link statically, else with PyPI's Zig compiler. The `…_path` functions
only look; `ready_program` may compile.
"""

import os
import shutil
import sys
from pathlib import Path
from zlib import adler32, crc32

from bot_bottle import guest
from bot_bottle.backends.first_process import built_portal
from bot_bottle.errors import CannotRunHere
from bot_bottle.host.paths import cache_dir
from bot_bottle.host.run import Command, Run, plain_env, run

GUEST = Path(str(guest.__file__)).parent
PROGRAMS = {
    "forwarder": ("forwarder/*.c", "forwarder/bin"),
    "portal": ("portal_c/*.c", "bin"),
    "machine": ("machine_c/*.c portal_c/[cju]*.c portal_c/probe.c", "bin"),
}
"""Program → its sources and the folder of what the package brings, below guest/; the same as in build_hook.py."""

SOURCE = GUEST / "forwarder" / "forwarder.c"
TARGETS = {"x86_64": "x86_64-linux-musl", "aarch64": "aarch64-linux-musl"}
FLAGS = ("-std=c11", "-Os", "-static", "-s", "-fstack-protector-strong", "-Wall", "-Wextra", "-Wno-sign-compare", "-Werror")
"""musl's CMSG_NXTHDR compares signed with unsigned."""

COMPILE_TIMEOUT_S = 300.0
"""Zig builds its C library the first time: 20 to 50 s on two cores."""


def forwarder_path(machine: str | None = None, *, guest: Path = GUEST) -> Path:
    """The forwarder for this kind of machine (by default this one's), be it there yet or not. CannotRunHere for others."""
    return program_path("forwarder", machine, guest=guest)


def portal_path() -> Path:
    """The portal for this machine: the one beside the package unless it is older than its sources, else the cache's."""
    return built_portal() or program_path("portal", guest=None)


def program_path(name: str, machine: str | None = None, *, guest: Path | None) -> Path:
    """Below `guest` when the package brought it there; otherwise in the cache, under a digest of its sources."""
    machine = machine or os.uname().machine
    if machine not in TARGETS:
        raise CannotRunHere(f"There is no guest {name} for {machine}.", next="Use the namespaces backend.")
    place = PROGRAMS[name][1]
    packaged = (guest or GUEST) / place / f"{name}-{machine}"
    if guest is not None and packaged.exists():
        return packaged
    sources = sources_of(name, guest=guest or GUEST)
    headers = [header for folder in sorted({one.parent for one in sources}) for header in sorted(folder.glob("*.h"))]
    text = b"".join((" ".join(FLAGS).encode(), *(source.read_bytes() for source in (*sources, *headers))))
    # against a forgotten compilation, not against an enemy; importing hashlib would take a start 8 ms
    return cache_dir() / "guest" / f"{crc32(text):08x}{adler32(text):08x}" / f"{name}-{machine}"


def sources_of(name: str, *, guest: Path) -> tuple[Path, ...]:
    """The program's C files, in order."""
    return tuple(sorted(file for one in PROGRAMS[name][0].split() for file in guest.glob(one)))


def machine_path() -> Path:
    """What runs in a machine beside the agent."""
    return program_path("machine", guest=GUEST)


def why_no_programs() -> str | None:
    """Why there will be no programs for the inside here, None when they are there or can be compiled."""
    if (forwarder_path().exists() and portal_path().exists()) or compilers(os.uname().machine):
        return None
    return "The programs for inside a bottle are not compiled yet in this checkout, and there is no C compiler here."


def ready_program(path: Path, *, machine: str | None = None, run: Run = run) -> Path:
    """The program at this path, as the functions above name it; compiled first when it is missing, or CannotRunHere."""
    if not path.exists():
        compile_to(path, machine=machine, run=run)
    return path


def compile_to(path: Path, *, machine: str | None = None, run: Run = run) -> None:
    """Compile the program that this path names, in place of what is there. CannotRunHere when that cannot be done."""
    machine = machine or os.uname().machine
    name = path.name.partition("-")[0]
    commands = compilers(machine)
    if not commands:
        raise CannotRunHere(
            f"The guest {name} has to be compiled once, and there is no C compiler here.",
            next=f"Install one: {sys.executable} -m pip install ziglang",
        )
    import tempfile

    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        made = Path(folder) / path.name
        sources = [str(one) for one in sources_of(name, guest=GUEST)]
        env = plain_env(ZIG_GLOBAL_CACHE_DIR=str(cache_dir() / "zig"), ZIG_LOCAL_CACHE_DIR=folder)
        for command in commands:
            argv = (*command, *FLAGS, *sources, "-o", str(made))
            done = run(Command(argv=argv, env=env, timeout_s=COMPILE_TIMEOUT_S))
            if done.code == 0:
                break
        else:
            words = done.stderr.decode(errors="replace").splitlines()[-5:]
            raise CannotRunHere(f"The guest {name} does not compile here.", facts=tuple(ascii(word)[1:-1] for word in words))
        made.chmod(0o755)
        os.replace(made, path)


def compilers(machine: str) -> tuple[tuple[str, ...], ...]:
    """The first words of the commands to try: this machine's compilers, which may lack a static C library, then Zig."""
    import importlib.util

    found = tuple((path,) for name in ("musl-gcc", "cc", "clang") if (path := shutil.which(name)))
    zig = (sys.executable, "-m", "ziglang", "cc", "-target", TARGETS[machine])
    has_zig = importlib.util.find_spec("ziglang") is not None
    return (*(found if machine == os.uname().machine else ()), *((zig,) if has_zig else ()))
