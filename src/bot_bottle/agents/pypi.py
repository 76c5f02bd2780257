"""Agents that come from a Python package index: a virtual environment of wheels, each pinned to exact content by a list.

Trusted: the hashes in the list. Not trusted: the index, the network. Only wheels are taken, so that no package's own code runs
during the install; pip refuses a file whose SHA-256 is not in the list.
"""

import hashlib
import re
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from bot_bottle.agents import shelf
from bot_bottle.agents.base import Installed
from bot_bottle.errors import BottleError, CannotRunHere
from bot_bottle.host.files import write_file
from bot_bottle.host.run import Command, CouldNotRun, Run, plain_env, run
from bot_bottle.record import dataclass

PIP_TIMEOUT_S = 900.0
"""aider's hundred packages are 190 MB; 15 minutes serve a line of 1.7 Mbit/s."""
PIP_SETTINGS = re.compile(r"(?i)pip_\w+|https?_proxy|no_proxy|all_proxy|ssl_cert_(file|dir)|requests_ca_bundle")
"""Variables by which an operator tells pip where its index is and how to reach it."""
ENVIRONMENT = "venv"
SCRIPT = f"{ENVIRONMENT}/bin/python"


@dataclass(frozen=True, kw_only=True, slots=True)
class Release:
    """One version of an agent, the list that pins it (the text of a requirements file), and the Pythons that it runs on."""

    agent: str
    version: str
    module: str
    pins: str
    pythons: tuple[str, ...]

    @property
    def integrity(self) -> str:
        """The SHA-256 of the list, which holds those of everything else."""
        return "sha256-" + hashlib.sha256(self.pins.encode()).hexdigest()


def interpreters(host: Mapping[str, str]) -> Iterator[tuple[str, Path]]:
    """Version and path of our own interpreter, then of the others on PATH."""
    yield f"{sys.version_info[0]}.{sys.version_info[1]}", Path(sys.executable).resolve()
    for name in ("python3.12", "python3.11"):
        found = shutil.which(name, path=host.get("PATH"))
        if found:
            yield name.removeprefix("python"), Path(found).resolve()


def interpreter(release: Release, host: Mapping[str, str]) -> tuple[str, Path]:
    """The Python that runs the agent. CannotRunHere when there is none of the right version."""
    for version, path in interpreters(host):
        if version in release.pythons:
            return version, path
    raise CannotRunHere(
        f"{release.agent} {release.version} needs Python {' or '.join(release.pythons)}.",
        facts=(f"This is Python {sys.version_info[0]}.{sys.version_info[1]}, and no other is on PATH.",),
        next=f"Install python{release.pythons[-1]} from your distribution, then try again.",
    )


def expected(release: Release, version: str, path: Path) -> list[dict[str, str]]:
    """What install.json says: the list's hash, and the interpreter that the environment was made with."""
    return [
        {"name": release.agent, "version": release.version, "integrity": release.integrity},
        {"name": "python", "version": version, "place": str(path)},
    ]


def find(release: Release, cache: Path, host: Mapping[str, str]) -> Installed | None:
    """The installed version when its record names exactly this list and an interpreter that is still there."""
    folder = shelf.folder_of(cache, release.agent, release.version)
    try:
        version, path = interpreter(release, host)
    except CannotRunHere:
        return None
    if not shelf.holds(folder, packages=expected(release, version, path), program=folder / SCRIPT):
        return None
    return Installed(folder=folder, version=release.version, integrity=release.integrity)


def install(release: Release, cache: Path, *, host: Mapping[str, str], run: Run = run) -> Installed:
    """Bring the release into the cache. `host` is the operator's environment: pip is told its own settings and nothing else."""
    version, path = interpreter(release, host)
    folder = shelf.folder_of(cache, release.agent, release.version)

    def is_there() -> bool:
        return find(release, cache, host) is not None and shelf.is_unchanged(folder)

    def fill(work: Path) -> None:
        fetch(release, work, python=path, host=host, run=run)
        packages = expected(release, version, path)
        shelf.write_record(work, agent=release.agent, version=release.version, packages=packages, program=work / SCRIPT)

    shelf.bring(folder, is_there=is_there, fill=fill)
    found = find(release, cache, host)
    if found is None:
        raise BottleError(f"{release.agent} was installed but is not complete.", facts=(str(folder),))
    return found


def fetch(release: Release, work: Path, *, python: Path, host: Mapping[str, str], run: Run) -> None:
    """Make the environment in `work` and let pip fetch, check and unpack the list into it."""
    settings = {name: value for name, value in host.items() if PIP_SETTINGS.fullmatch(name)}
    env, place = plain_env(host, **settings), work / ENVIRONMENT
    made = run(Command(argv=(str(python), "-I", "-m", "venv", str(place)), env=env, timeout_s=120.0))
    if made.code != 0:
        raise CannotRunHere(
            f"{python} cannot make a virtual environment for {release.agent}.",
            facts=words(made.stdout + made.stderr),
            next="Install its venv module: `sudo apt-get install python3-venv` on Debian and Ubuntu. Then try again.",
        )
    pins = write_file(work / "requirements.txt", release.pins)
    options = ("--require-hashes", "--only-binary=:all:", "--no-deps", "--no-input", "--disable-pip-version-check", "--quiet")
    argv = (str(place / "bin" / "python"), "-I", "-m", "pip", "install", *options, "--requirement", str(pins))
    done = run(Command(argv=argv, env=env, timeout_s=PIP_TIMEOUT_S, cwd=work))
    if done.code != 0:
        raise CouldNotRun(
            f"pip could not install {release.agent} {release.version}.",
            facts=words(done.stderr),
            next="Look at pip's index and proxy settings (`pip config list`), then try again.",
        )


def words(output: bytes) -> tuple[str, ...]:
    """The first lines of another program's complaint."""
    lines = output.decode(errors="replace").splitlines()
    return tuple(shelf.printable(line) for line in lines if line.strip())[:6]


def start_of(release: Release, root: str) -> tuple[str, ...]:
    """The start of the command. Isolated (-I): a module in the workspace must not stand in for one of the agent's own."""
    return (f"{root}/{SCRIPT}", "-I", "-m", release.module)


def read_pins(agent: str) -> str:
    """The list that pins an agent."""
    return Path(__file__).with_name(f"{agent}.txt").read_text(encoding="utf-8")
