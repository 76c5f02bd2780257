"""npm: the registries of its settings (also read by pnpm and yarn 1), and the tokens of the operator's own npmrc files."""

import base64
import binascii
import json
import re
from collections.abc import Mapping
from pathlib import Path

from bot_bottle.errors import CannotRunHere
from bot_bottle.gates.egress.tools.settings import Registry, Settings, Tool, ask, home, registry_at
from bot_bottle.host.run import Run
from bot_bottle.record import replace

NPMRC_LIMIT = 256 * 1024
_AUTH = re.compile(r"\s*(//[^=\s]+):(_authToken|_auth|username|_password)\s*=\s*(.*?)\s*")
_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")

QUIET = (("npm_config_audit", "false"), ("npm_config_fund", "false"), ("npm_config_update_notifier", "false"))
"""What npm sends besides fetching packages: it would be refused, because the preset lets nothing be posted."""


class Npm(Tool):
    """Asks `npm config list`, outside any project; npm hides tokens there, so the npmrc files are read as well."""

    name = "npm"
    variables = ("NPM_",)

    def files(self, host: Mapping[str, str]) -> tuple[Path, ...]:
        """The user's npmrc and the usual global ones."""
        named = [
            Path(value) for name, value in host.items() if name.lower() in ("npm_config_userconfig", "npm_config_globalconfig")
        ]
        return (home(host, ".npmrc"), Path("/etc/npmrc"), Path("/usr/etc/npmrc"), Path("/usr/local/etc/npmrc"), *named)

    def ask(self, host: Mapping[str, str], run: Run) -> str:
        """JSON: npm's settings, and the lines of the npmrc files that open registries, with variables put in."""
        answer = ask(("npm", "config", "list", "--json"), host=host, run=run, variables=self.variables)
        if answer is None:
            raise CannotRunHere("The preset npm asks npm for its registry, and npm does not answer.", next="Install npm.")
        said = json.loads(answer)
        paths = [Path(said[key]) for key in ("globalconfig", "userconfig") if isinstance(said.get(key), str)]
        kept = {name: value for name, value in said.items() if name == "registry" or name.endswith(":registry")}
        lines = [_filled(line, host) for path in paths for line in _lines(path) if _AUTH.fullmatch(line)]
        return json.dumps({"settings": kept, "auth": lines})

    def read(self, answer: str) -> Settings:
        """The default registry and those of scopes; what opens them goes with them."""
        said = json.loads(answer)
        opens = _opens(said["auth"])
        found = [registry_at(url, says="npm config") for url in said["settings"].values() if isinstance(url, str)]
        registries = tuple(dict.fromkeys(_opened(one, opens) for one in found if one is not None))
        main = registry_at(str(said["settings"].get("registry", "")), says="")
        env = (("npm_config_registry", main.url), *QUIET) if main is not None else QUIET
        return Settings(registries=registries, env=env)


def _lines(path: Path) -> list[str]:
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return file.read(NPMRC_LIMIT).splitlines()
    except OSError:
        return []


def _filled(line: str, host: Mapping[str, str]) -> str:
    return _VARIABLE.sub(lambda match: host.get(match[1], match[0]), line)


def _opens(lines: list[str]) -> dict[str, dict[str, str]]:
    """`//host/path/` → what stands for it."""
    found: dict[str, dict[str, str]] = {}
    for line in lines:
        match = _AUTH.fullmatch(line)
        if match and not _VARIABLE.search(match[3]):
            found.setdefault(match[1].rstrip("/"), {})[match[2]] = match[3].strip("\"'")
    return found


def _opened(registry: Registry, opens: dict[str, dict[str, str]]) -> Registry:
    """The registry with the secret of the longest beginning of its address, as npm looks it up."""
    where = registry.url.partition(":")[2].rstrip("/")
    while where.startswith("//") and len(where) > 2:
        said = opens.get(where, {})
        if said.get("_authToken"):
            return replace(registry, secret=said["_authToken"], format="Bearer {value}")
        if said.get("_auth"):
            return replace(registry, secret=said["_auth"], format="Basic {value}")
        if said.get("username") and said.get("_password"):
            return replace(registry, secret=f"{said['username']}:{_unpacked(said['_password'])}", format="")
        where = where.rpartition("/")[0]
    return registry


def _unpacked(password: str) -> str:
    """npm keeps `_password` in base64."""
    try:
        return base64.b64decode(password).decode()
    except (binascii.Error, UnicodeDecodeError):
        return password
