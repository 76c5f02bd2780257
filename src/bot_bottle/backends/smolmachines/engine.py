"""Which engine runs the machines: that of the wheel `smolmachines`, or a `smolvm` on PATH. Reads only, but for `ready_engine`."""

import hashlib
import importlib.util
import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

from bot_bottle.backends.base import Unusable
from bot_bottle.errors import CannotRunHere
from bot_bottle.host.files import make_private_folder
from bot_bottle.host.paths import cache_dir
from bot_bottle.host.run import PASSED_ON, Command, CouldNotRun, Run, run
from bot_bottle.record import dataclass

LEAST = (1, 32)
BELOW = (2, 0)
"""Versions whose command line this was written for. Before 1.32 nobody tried that nothing leaves a machine without a network."""

VERSION = re.compile(r"smolvm (\d+)\.(\d+)\.(\d+)")
"""What `--version` prints. PyPI's `smolvm` is another product, and prints something else."""

VERSION_TIMEOUT_S = 30.0
INSTALL = "pip install 'bot-bottle[smolmachines]'"


@dataclass(frozen=True, kw_only=True, slots=True)
class Engine:
    """An engine that can be used. `library` is the folder of the wheel, None for one on PATH, which knows its own.

    `program` is what is run. For the wheel that is a link to its program under the name `smolvm`: under any other it prints a
    note on standard error each time, which would be the agent's.
    """

    program: Path
    version: str
    library: Path | None = None


def wheel_folder() -> Path | None:
    """Where the wheel's programs lie, without importing it."""
    found = importlib.util.find_spec("smol")
    folder = Path(found.origin).parent if found is not None and found.origin else None
    return folder if folder is not None and (folder / "smol-vmm").is_file() else None


def find_engine(host: Mapping[str, str], *, run: Run = run) -> Engine | Unusable:
    """The engine of the wheel, else that on PATH; or why there is none."""
    folder = wheel_folder()
    if folder is not None:
        return checked(folder / "smol-vmm", library=folder, host=host, run=run)
    on_path = shutil.which("smolvm", path=host.get("PATH"))
    if on_path is not None:
        return checked(Path(on_path), library=None, host=host, run=run)
    return Unusable(why="there is no microVM engine here.", next=f"Install it: {INSTALL}")


def checked(program: Path, *, library: Path | None, host: Mapping[str, str], run: Run) -> Engine | Unusable:
    """The engine, if its version is one that this backend knows."""
    env = engine_env(host, library=library)
    try:
        done = run(Command(argv=(str(program), "--version"), env=env, timeout_s=VERSION_TIMEOUT_S))
    except CouldNotRun as error:
        return Unusable(why="the microVM engine does not start.", facts=(error.what, *error.facts))
    version = read_version(done.stdout.decode(errors="replace"))
    if version is None:
        shown = ascii(done.stdout[:80])[2:-1]
        return Unusable(
            why=f"{program} is another program.", facts=(f"its version reads {shown!r}",), next=f"Install ours: {INSTALL}"
        )
    if not LEAST <= version[:2] < BELOW:
        wanted = f"{LEAST[0]}.{LEAST[1]} or newer, below {BELOW[0]}.{BELOW[1]}"
        shown = ".".join(map(str, version))
        return Unusable(why=f"the microVM engine has version {shown}.", facts=(f"{program}", f"needed is {wanted}"), next=INSTALL)
    return Engine(program=engine_link(program) if library else program, version=".".join(map(str, version)), library=library)


def read_version(text: str) -> tuple[int, int, int] | None:
    """The version that `--version` prints, None when it is something else. Pure."""
    found = VERSION.match(text)
    return (int(found[1]), int(found[2]), int(found[3])) if found else None


def engine_link(program: Path) -> Path:
    """Where the wheel's program is reached under the name `smolvm`: one folder for each that is installed."""
    status = program.stat()
    seen = f"{program} {status.st_size} {status.st_mtime_ns}"
    return cache_dir() / "smolmachines" / f"engine-{hashlib.sha256(seen.encode()).hexdigest()[:16]}" / "smolvm"


def ready_engine(engine: Engine) -> None:
    """Make the link: a second name for the same file, a copy where the cache is another file system."""
    if engine.program.exists() or engine.library is None:
        return
    make_private_folder(engine.program.parent)
    source, new = engine.library / "smol-vmm", engine.program.with_name(f".{os.urandom(4).hex()}")
    try:
        try:
            os.link(source, new)
        except OSError:
            shutil.copy2(source, new)
        new.replace(engine.program)
    except OSError as error:
        new.unlink(missing_ok=True)
        raise CannotRunHere("The microVM engine cannot be put into the cache.", facts=(str(error),)) from error


def engine_env(host: Mapping[str, str], *, library: Path | None) -> dict[str, str]:
    """The engine's whole environment: nothing of the operator's that it would listen to (SMOLVM_*, SMOL_CLOUD_*, proxies).

    Its own filter for system calls and its Landlock are asked for always; where the kernel cannot enforce them it does not start.
    """
    env = {name: host[name] for name in PASSED_ON if name in host}
    env |= {"SMOLVM_SECCOMP": "enforce", "SMOLVM_LANDLOCK": "enforce", "RUST_LOG": "error", "NO_COLOR": "1"}
    if os.geteuid() == 0:
        env["SMOLVM_VM_UID_DROP"] = "off"  # a user made up for the machine could open none of the operator's files
    if library is not None:
        env |= {
            "SMOLVM_LIB_DIR": str(library),
            "LD_LIBRARY_PATH": str(library),
            "SMOLVM_AGENT_ROOTFS_TAR": str(library / "agent-rootfs.tar.zst"),
        }
    return env
