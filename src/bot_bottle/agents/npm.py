"""Agents that come as npm packages: pinned to exact content, installed once, kept read-only in the cache.

Trusted: the hashes below a provider's name. Not trusted: the registry, the network, the packages' install scripts, which
never run. npm itself refuses a package whose SHA-512 differs from the pinned one, before it unpacks it.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import platform
import re
import secrets
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bot_bottle.agents.base import Installed
from bot_bottle.errors import BottleError, CannotRunHere
from bot_bottle.host.files import make_private_folder, write_file
from bot_bottle.host.run import Command, CouldNotRun, Run, plain_env, run
from bot_bottle.record import dataclass

RECORD = "install.json"
NPM_TIMEOUT_S = 900.0
"""The largest package is 170 MB; 15 minutes serve a line of 1.5 Mbit/s."""
NPM_SETTINGS = re.compile(r"(?i)npm_config_\w+|https?_proxy|no_proxy|all_proxy|node_extra_ca_certs|ssl_cert_(file|dir)")
"""Variables by which an operator tells npm where its registry is and how to reach it."""
LINE_LIMIT = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class Package:
    """One npm package, exactly: where it goes below node_modules, what it is called, and the SHA-512 of its tarball (SRI)."""

    place: str
    version: str
    integrity: str
    name: str = ""

    @property
    def asked(self) -> str:
        """What package.json asks for: the version, or an alias when the package lives under another name."""
        return f"npm:{self.name}@{self.version}" if self.name else self.version


@dataclass(frozen=True, kw_only=True, slots=True)
class Platform:
    """What one kind of machine needs beside the main package: its own package, and the program inside that."""

    package: Package
    program: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Release:
    """One version of an agent, pinned for every platform that it has a build for."""

    agent: str
    main: Package
    platforms: Mapping[str, Platform]

    def on(self, system: str) -> Platform:
        """The build for this platform. CannotRunHere when there is none."""
        found = self.platforms.get(system)
        if found is None:
            raise CannotRunHere(
                f"{self.agent} {self.main.version} has no build for {system}.",
                facts=(f"It is built for {', '.join(sorted(self.platforms))}.",),
                next="Use another agent, or describe your own with `agent: custom`.",
            )
        return found


def this_platform() -> str:
    """The name that npm packages use for this machine: linux-x64, linux-arm64, or either with -musl."""
    machine = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    is_musl = any(Path("/lib").glob("ld-musl-*.so.1"))
    return f"linux-{machine}-musl" if is_musl else f"linux-{machine}"


def folder_of(release: Release, cache: Path) -> Path:
    """Where this version lives in the cache."""
    return cache / "agents" / release.agent / release.main.version


def program_path(release: Release, root: str, system: str) -> str:
    """The agent's program below `root`."""
    build = release.on(system)
    return f"{root}/node_modules/{build.package.place}/{build.program}"


def find(release: Release, cache: Path, system: str) -> Installed | None:
    """The installed version when its record names exactly the pinned packages and the program has the recorded size."""
    folder = folder_of(release, cache)
    record = read_record(folder)
    if record is None or record.get("packages") != expected_packages(release, system):
        return None
    try:
        size = Path(program_path(release, str(folder), system)).lstat().st_size
    except OSError:
        return None
    if size != record.get("program_bytes"):
        return None
    return Installed(folder=folder, version=release.main.version, integrity=release.on(system).package.integrity)


def is_unchanged(release: Release, cache: Path, system: str) -> bool:
    """Whether the installed program is, byte for byte, the one that was installed. Reads all of it: a quarter of a second."""
    folder = folder_of(release, cache)
    record = read_record(folder) or {}
    return hash_file(Path(program_path(release, str(folder), system))) == record.get("program_sha256")


def read_record(folder: Path) -> dict[str, Any] | None:  # Any: JSON
    """The install record, or None when there is none that can be read."""
    try:
        record = json.loads((folder / RECORD).read_bytes())
    except (OSError, ValueError):
        return None
    return record if isinstance(record, dict) else None


def expected_packages(release: Release, system: str) -> list[dict[str, str]]:
    """What install.json says of the packages, from the pins."""
    return [
        {
            "place": package.place,
            "name": package.name or package.place,
            "version": package.version,
            "integrity": package.integrity,
        }
        for package in (release.main, release.on(system).package)
    ]


def install(release: Release, cache: Path, *, system: str, host: Mapping[str, str], run: Run = run) -> Installed:
    """Bring the release into the cache. Whoever comes second waits, and finds it there.

    `host` is the operator's environment: npm is told the operator's own registry settings and nothing else.
    """
    build = release.on(system)
    npm = shutil.which("npm", path=host.get("PATH"))
    shelf = make_private_folder(cache / "agents" / release.agent)
    with locked(shelf / ".lock"):
        found = find(release, cache, system)
        if found is not None and is_unchanged(release, cache, system):
            return found
        if npm is None:
            raise no_npm(release)
        sweep(shelf)
        work = make_private_folder(shelf / f".new.{secrets.token_hex(4)}")
        try:
            fetch(release, build, work, npm=npm, host=host, run=run)
            write_record(release, work, system)
            make_read_only(work)
            put_in_place(work, folder_of(release, cache))
        finally:
            shutil.rmtree(work, ignore_errors=True)
    found = find(release, cache, system)
    if found is None:
        raise BottleError(f"{release.agent} was installed but is not complete.", facts=(str(folder_of(release, cache)),))
    return found


def no_npm(release: Release) -> CannotRunHere:
    """npm is missing: the line to type."""
    return CannotRunHere(
        f"{release.agent} is installed with npm, and npm is not on PATH.",
        next="Install it with `sudo apt-get install npm` (Debian, Ubuntu) or from your distribution, then try again.",
    )


def lock_file(release: Release, build: Platform) -> tuple[str, str]:
    """package.json and package-lock.json that pin both packages by content; the registry stays the operator's choice."""
    packages = (release.main, build.package)
    root = {"name": "bot-bottle-agent", "version": "0.0.0", "dependencies": {p.place: p.asked for p in packages}}
    locked = {
        f"node_modules/{p.place}": {"version": p.version, "integrity": p.integrity} | ({"name": p.name} if p.name else {})
        for p in packages
    }
    lock = {"name": root["name"], "version": root["version"], "lockfileVersion": 3, "packages": {"": root} | locked}
    return json.dumps(root | {"private": True}), json.dumps(lock)


def fetch(release: Release, build: Platform, work: Path, *, npm: str, host: Mapping[str, str], run: Run) -> None:
    """Let npm fetch, check and unpack both packages into `work`; BottleError with npm's own words when it will not."""
    package, lock = lock_file(release, build)
    write_file(work / "package.json", package)
    write_file(work / "package-lock.json", lock)
    settings = {name: value for name, value in host.items() if NPM_SETTINGS.fullmatch(name)}
    options = ("--ignore-scripts", "--no-audit", "--no-fund", "--no-progress", "--no-update-notifier", "--loglevel=error")
    done = run(
        Command(
            argv=(npm, "ci", *options),
            env=plain_env(host, **settings),
            timeout_s=NPM_TIMEOUT_S,
            cwd=work,
        )
    )
    if done.code != 0:
        lines = done.stderr.decode(errors="replace").splitlines()
        raise CouldNotRun(
            f"npm could not install {release.agent} {release.main.version}.",
            facts=tuple(printable(line) for line in lines if line.strip())[:6],
            next="Look at npm's registry and proxy settings (`npm config list`), then try again.",
        )
    check_fetched(release, build, work)


def check_fetched(release: Release, build: Platform, work: Path) -> None:
    """What npm says it unpacked must be the two pinned packages and nothing else."""
    told = json.loads((work / "node_modules" / ".package-lock.json").read_bytes())["packages"]
    found = {place.removeprefix("node_modules/"): entry.get("integrity") for place, entry in told.items()}
    wanted = {package.place: package.integrity for package in (release.main, build.package)}
    if found != wanted:
        raise BottleError(
            f"npm brought other packages for {release.agent} than the pinned ones.",
            facts=tuple(f"{place}: {integrity}" for place, integrity in sorted(found.items())),
        )


def printable(line: str) -> str:
    """One line of another program's output, without control characters, cut."""
    return "".join(char if char.isprintable() else "?" for char in line)[:LINE_LIMIT]


def write_record(release: Release, work: Path, system: str) -> None:
    """install.json: which packages, and the program's size and hash."""
    program = Path(program_path(release, str(work), system))
    record = {
        "agent": release.agent,
        "version": release.main.version,
        "platform": system,
        "packages": expected_packages(release, system),
        "program": str(program.relative_to(work)),
        "program_bytes": program.lstat().st_size,
        "program_sha256": hash_file(program),
    }
    write_file(work / RECORD, json.dumps(record, indent=1) + "\n")


def hash_file(path: Path) -> str:
    """Its SHA-256; empty when it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


def make_read_only(folder: Path) -> None:
    """Take write permission from every file below `folder`. Folders stay writable, so that `rm -rf` on the cache works."""
    for path, _, files in os.walk(folder):
        for entry in (Path(path, name) for name in files):
            if not entry.is_symlink():
                entry.chmod(0o555 if entry.stat().st_mode & 0o100 else 0o444)


def put_in_place(work: Path, folder: Path) -> None:
    """Rename into place; a broken earlier version goes first. Its name is never half full."""
    if folder.exists():
        aside = folder.with_name(f".old.{secrets.token_hex(4)}")
        folder.rename(aside)
        work.rename(folder)
        shutil.rmtree(aside)
    else:
        work.rename(folder)


def sweep(shelf: Path) -> None:
    """Remove what an earlier, killed install left. Called with the lock held."""
    for pattern in (".new.*", ".old.*"):
        for left in shelf.glob(pattern):
            shutil.rmtree(left)


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on `path`; the kernel frees it when we die."""
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
