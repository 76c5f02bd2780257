"""Go: the module proxies and the checksum database of `go env` (go.dev/ref/mod, "Module proxies" and "Checksum database")."""

import json
from collections.abc import Mapping
from pathlib import Path

from bot_bottle.errors import CannotRunHere
from bot_bottle.gates.egress.tools.settings import Registry, Settings, Tool, ask, home, registry_at
from bot_bottle.host.run import Run

NO_PROXY = frozenset({"direct", "off"})
SUM_DB_OFF = frozenset({"off", ""})


class Go(Tool):
    """Asks `go env`. Modules come from the proxies only: `direct` would be a version control system of any host."""

    name = "go"
    variables = ("GO",)

    def files(self, host: Mapping[str, str]) -> tuple[Path, ...]:
        """Where `go env -w` writes."""
        named = [Path(host["GOENV"])] if host.get("GOENV") else []
        return (Path(host.get("XDG_CONFIG_HOME") or home(host, ".config")) / "go/env", *named)

    def ask(self, host: Mapping[str, str], run: Run) -> str:
        """JSON with GOPROXY and GOSUMDB."""
        answer = ask(("go", "env", "-json", "GOPROXY", "GOSUMDB"), host=host, run=run, variables=self.variables)
        if answer is None:
            raise CannotRunHere(
                "The preset go asks go for its proxy, and go does not answer.", next="Install Go, or write rules."
            )
        return answer

    def read(self, answer: str) -> Settings:
        """Every proxy of the list, and the database that confirms what they give."""
        said = json.loads(answer)
        listed = [word.strip() for word in str(said.get("GOPROXY", "")).replace("|", ",").split(",")]
        found = [registry_at(word, says="go env GOPROXY") for word in listed if word and word not in NO_PROXY]
        proxies = [one for one in found if one is not None]
        database = _database(str(said.get("GOSUMDB", "")))
        env = [("GOPROXY", ",".join(one.url for one in proxies)), ("GOFLAGS", "-modcacherw")]
        return Settings(registries=(*proxies, *([database] if database else ())), env=tuple(env) if proxies else ())


def _database(said: str) -> Registry | None:
    """`NAME`, `NAME+KEY` or `NAME+KEY URL`; without a URL it is at https://NAME."""
    name, _, url = said.strip().partition(" ")
    if name in SUM_DB_OFF:
        return None
    return registry_at(url.strip() or f"https://{name.partition('+')[0]}", says="go env GOSUMDB")
