"""apt: the archives of its own sources (sources.list(5)), and what opens them by auth.conf (apt_auth.conf(5))."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from urllib.parse import urlsplit

from bot_bottle.errors import CannotRunHere
from bot_bottle.gates.egress.tools.settings import Registry, Settings, Tool, ask, registry_at
from bot_bottle.host.run import Run
from bot_bottle.plans.bottle import GUEST_CA, GUEST_HOME, GuestFile
from bot_bottle.record import replace

AUTH_LIMIT = 64 * 1024
_URI = re.compile(r"'([^']+)' ")
_CONFIG = ".config/apt/apt.conf"
_STATE = ".local/state/apt"


class Apt(Tool):
    """Asks `apt-get update --print-uris`, which fetches nothing. Inside, its state lies in the home: no root is needed."""

    name = "apt"
    variables = ("APT_",)

    def files(self, host: Mapping[str, str]) -> tuple[Path, ...]:
        """Sources, settings and what opens archives: every file of them."""
        named = [Path(host["APT_CONFIG"])] if host.get("APT_CONFIG") else []
        etc = Path("/etc/apt")
        folders = (etc / "sources.list.d", etc / "apt.conf.d", etc / "auth.conf.d")
        return (
            etc / "sources.list",
            etc / "apt.conf",
            etc / "auth.conf",
            *named,
            *(one for each in folders for one in _in(each)),
        )

    def ask(self, host: Mapping[str, str], run: Run) -> str:
        """JSON: the addresses of the indexes, and the lines of auth.conf."""
        said = ask(("apt-get", "update", "--print-uris"), host=host, run=run, variables=self.variables)
        if said is None:
            raise CannotRunHere(
                "The preset apt asks apt-get for its archives, and apt-get does not answer.",
                facts=("it is asked `apt-get update --print-uris`",),
                next="Correct what that prints, or write rules in place of the preset.",
            )
        opens = [word for path in (Path("/etc/apt/auth.conf"), *_in(Path("/etc/apt/auth.conf.d"))) for word in _words(path)]
        return json.dumps({"uris": _URI.findall(said), "auth": opens})

    def read(self, answer: str) -> Settings:
        """One place for each archive: what stands before `/dists/`, or the folder of a flat one."""
        said = json.loads(answer)
        machines = list(_machines(said["auth"]))
        bases = dict.fromkeys(uri.partition("/dists/")[0] if "/dists/" in uri else uri.rpartition("/")[0] for uri in said["uris"])
        found = [registry_at(base, says="apt's sources") for base in bases]
        known = tuple(dict.fromkeys(_opened(one, machines) for one in found if one is not None))
        return Settings(registries=known, env=(("APT_CONFIG", f"{GUEST_HOME}/{_CONFIG}"),), files=_files())


def _files() -> tuple[GuestFile, ...]:
    """apt(5): lists, downloads and logs in the home; the packages that are installed are still those of /var/lib/dpkg."""
    settings = {
        "Dir::State": f"{GUEST_HOME}/{_STATE}",
        "Dir::State::status": "/var/lib/dpkg/status",
        "Dir::Cache": f"{GUEST_HOME}/.cache/apt",
        "Dir::Log": f"{GUEST_HOME}/{_STATE}/log",
        "Acquire::https::CAInfo": GUEST_CA,
        "Acquire::http::Pipeline-Depth": "0",
    }
    text = "".join(f'{name} "{value}";\n' for name, value in settings.items())
    places = (f"{_STATE}/lists", f"{_STATE}/log", ".cache/apt/archives")  # apt makes `partial` in them, not them
    return (GuestFile(path=_CONFIG, content=text), *(GuestFile(path=f"{place}/.keep", content="") for place in places))


def _in(folder: Path) -> list[Path]:
    """What lies in the folder, and the folder: a file that goes changes its time."""
    try:
        return [folder, *sorted(folder.iterdir())]
    except OSError:
        return [folder]


def _words(path: Path) -> list[str]:
    """The words of a file that we may read; of others apt as this user knows nothing either."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            lines = file.read(AUTH_LIMIT).splitlines()
    except OSError:
        return []
    return [word for line in lines if not line.lstrip().startswith("#") for word in line.split()]


def _machines(words: Sequence[str]) -> Iterator[tuple[str, str]]:
    """(`host/path`, `login:password`) of each entry for https: one that names another protocol is not for us."""
    found: list[dict[str, str]] = []
    for key, value in pairwise(words):
        if key == "machine":
            found.append({"machine": value})
        elif key in ("login", "password") and found and key not in found[-1]:
            found[-1][key] = value
    for one in found:
        scheme, mark, rest = one["machine"].partition("://")
        if "password" in one and (not mark or scheme == "https"):
            yield (rest if mark else one["machine"]), f"{one.get('login', '')}:{one['password']}"


def _opened(registry: Registry, machines: list[tuple[str, str]]) -> Registry:
    """The archive with the first entry that its address begins with; one of an address with a password has its own."""
    if registry.secret or registry.scheme != "https":
        return registry
    for machine, secret in machines:
        parts = urlsplit(f"https://{machine}")
        try:
            port = parts.port or registry.port
        except ValueError:
            continue
        path = parts.path.rstrip("/")
        is_below = registry.path == path or registry.path.startswith(f"{path}/") or not path
        if parts.hostname == registry.host and port == registry.port and is_below:
            return replace(registry, secret=secret)
    return registry
