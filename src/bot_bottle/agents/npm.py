"""Agents that come as npm packages: pinned to exact content, installed once, kept read-only in the cache.

Trusted: the hashes below a provider's name. Not trusted: the registry, the network, the packages' install scripts, which
never run. npm itself refuses a package whose SHA-512 differs from the pinned one, before it unpacks it.
"""

import json
import platform
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

from bot_bottle.agents import shelf
from bot_bottle.agents.base import Installed
from bot_bottle.errors import BottleError, CannotRunHere
from bot_bottle.host.files import write_file
from bot_bottle.host.run import Command, CouldNotRun, Run, plain_env, run
from bot_bottle.record import dataclass

NPM_TIMEOUT_S = 900.0
"""The largest package is 170 MB; 15 minutes serve a line of 1.5 Mbit/s."""
NPM_SETTINGS = re.compile(r"(?i)npm_config_\w+|https?_proxy|no_proxy|all_proxy|node_extra_ca_certs|ssl_cert_(file|dir)")
"""Variables by which an operator tells npm where its registry is and how to reach it."""


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
    """What one kind of machine runs: the package that holds the program, which may be the main one, and the program inside it.

    A script is run by the bottle's own node.
    """

    package: Package
    program: str
    is_script: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Release:
    """One version of an agent, pinned for every platform that it has a build for."""

    agent: str
    main: Package
    platforms: Mapping[str, Platform]

    def packages(self, system: str) -> tuple[Package, ...]:
        """What is fetched for this platform: the main package, and the platform's own where that is another."""
        package = self.on(system).package
        return (self.main,) if package == self.main else (self.main, package)

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


def everywhere(package: Package, program: str) -> dict[str, Platform]:
    """The platforms of a package that is one script for all of them."""
    build = Platform(package=package, program=program, is_script=True)
    return {f"linux-{machine}{libc}": build for machine in ("x64", "arm64") for libc in ("", "-musl")}


def folder_of(release: Release, cache: Path) -> Path:
    """Where this version lives in the cache."""
    return shelf.folder_of(cache, release.agent, release.main.version)


def program_path(release: Release, root: str, system: str) -> str:
    """The agent's program below `root`."""
    build = release.on(system)
    return f"{root}/node_modules/{build.package.place}/{build.program}"


def find(release: Release, cache: Path, system: str) -> Installed | None:
    """The installed version when its record names exactly the pinned packages and the program has the recorded size."""
    folder = folder_of(release, cache)
    program = Path(program_path(release, str(folder), system))
    if not shelf.holds(folder, packages=expected_packages(release, system), program=program):
        return None
    return Installed(folder=folder, version=release.main.version, integrity=release.on(system).package.integrity)


def expected_packages(release: Release, system: str) -> list[dict[str, str]]:
    """What install.json says of the packages, from the pins."""
    return [
        {
            "place": package.place,
            "name": package.name or package.place,
            "version": package.version,
            "integrity": package.integrity,
        }
        for package in release.packages(system)
    ]


def install(release: Release, cache: Path, *, system: str, host: Mapping[str, str], run: Run = run) -> Installed:
    """Bring the release into the cache. Whoever comes second waits, and finds it there.

    `host` is the operator's environment: npm is told the operator's own registry settings and nothing else.
    """
    release.on(system)
    folder = folder_of(release, cache)

    def is_there() -> bool:
        return find(release, cache, system) is not None and shelf.is_unchanged(folder)

    def fill(work: Path) -> None:
        npm = shutil.which("npm", path=host.get("PATH"))
        if npm is None:
            raise no_npm(release)
        fetch(release, work, system=system, npm=npm, host=host, run=run)
        program = Path(program_path(release, str(work), system))
        packages = expected_packages(release, system)
        shelf.write_record(work, agent=release.agent, version=release.main.version, packages=packages, program=program)

    shelf.bring(folder, is_there=is_there, fill=fill)
    found = find(release, cache, system)
    if found is None:
        raise BottleError(f"{release.agent} was installed but is not complete.", facts=(str(folder),))
    return found


def no_npm(release: Release) -> CannotRunHere:
    """npm is missing: the line to type."""
    return CannotRunHere(
        f"{release.agent} is installed with npm, and npm is not on PATH.",
        next="Install it with `sudo apt-get install npm` (Debian, Ubuntu) or from your distribution, then try again.",
    )


def lock_file(release: Release, system: str) -> tuple[str, str]:
    """package.json and package-lock.json that pin the packages by content; the registry stays the operator's choice."""
    packages = release.packages(system)
    root = {"name": "bot-bottle-agent", "version": "0.0.0", "dependencies": {p.place: p.asked for p in packages}}
    locked = {
        f"node_modules/{p.place}": {"version": p.version, "integrity": p.integrity} | ({"name": p.name} if p.name else {})
        for p in packages
    }
    lock = {"name": root["name"], "version": root["version"], "lockfileVersion": 3, "packages": {"": root} | locked}
    return json.dumps(root | {"private": True}), json.dumps(lock)


def fetch(release: Release, work: Path, *, system: str, npm: str, host: Mapping[str, str], run: Run) -> None:
    """Let npm fetch, check and unpack the packages into `work`; BottleError with npm's own words when it will not."""
    package, lock = lock_file(release, system)
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
            facts=tuple(shelf.printable(line) for line in lines if line.strip())[:6],
            next="Look at npm's registry and proxy settings (`npm config list`), then try again.",
        )
    check_fetched(release, system, work)


def check_fetched(release: Release, system: str, work: Path) -> None:
    """What npm says it unpacked must be the pinned packages and nothing else."""
    told = json.loads((work / "node_modules" / ".package-lock.json").read_bytes())["packages"]
    found = {place.removeprefix("node_modules/"): entry.get("integrity") for place, entry in told.items()}
    wanted = {package.place: package.integrity for package in release.packages(system)}
    if found != wanted:
        raise BottleError(
            f"npm brought other packages for {release.agent} than the pinned ones.",
            facts=tuple(f"{place}: {integrity}" for place, integrity in sorted(found.items())),
        )
