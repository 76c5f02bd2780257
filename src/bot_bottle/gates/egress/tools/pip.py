"""pip: its configuration files and PIP_ variables, and its own built-in index. uv inside uses the same index."""

import ast
import json
import sys
from collections.abc import Mapping
from pathlib import Path

from bot_bottle.errors import CannotRunHere
from bot_bottle.gates.egress.tools.settings import Registry, Settings, Tool, ask, home, registry_at
from bot_bottle.host.run import Run

_ASK = """
import json, sys
from pip._internal.models.index import PyPI
print(json.dumps([PyPI.simple_url, PyPI.file_storage_domain]), flush=True)
from pip._internal.cli.main import main
sys.exit(main(["config", "list"]))
"""

_SECTIONS = ("global", "install", ":env:")
"""From weak to strong (pip's documentation, "Configuration", precedence)."""


class Pip(Tool):
    """Asks the `python3` on PATH first, because that is what runs inside; else the Python that runs bot-bottle."""

    name = "pip"
    variables = ("PIP_",)

    def files(self, host: Mapping[str, str]) -> tuple[Path, ...]:
        """Global, user and legacy files, and what a variable names."""
        config = Path(host.get("XDG_CONFIG_HOME") or home(host, ".config"))
        named = [Path(host["PIP_CONFIG_FILE"])] if host.get("PIP_CONFIG_FILE") else []
        folders = [Path(one) for one in (host.get("XDG_CONFIG_DIRS") or "/etc/xdg").split(":")]
        fixed = [Path("/etc/pip.conf"), Path("/usr/pip.conf"), config / "pip/pip.conf", home(host, ".pip/pip.conf")]
        return (*fixed, *named, *(one / "pip/pip.conf" for one in folders))

    def ask(self, host: Mapping[str, str], run: Run) -> str:
        """A line of JSON with the built-in index and its files' host, then `pip config list`."""
        for python in ("python3", sys.executable):
            answer = ask((python, "-c", _ASK), host=host, run=run, variables=self.variables)
            if answer is not None:
                return answer
        raise CannotRunHere(
            "The preset pip asks pip for its index, and there is no pip here.", next="Install pip, or write rules."
        )

    def read(self, answer: str) -> Settings:
        """The index and extra indexes that are set, else the built-in one with the host of its files."""
        first, _, rest = answer.partition("\n")
        simple, files = json.loads(first)
        said = _said(rest)
        index = said.get("index-url", "").strip()
        extra = said.get("extra-index-url", "").split()
        links = [link for link in said.get("find-links", "").split() if "://" in link]
        known = [registry_at(url, says="pip config") for url in (*([index] if index else []), *extra, *links)]
        registries = [one for one in known if one is not None]
        if not index:
            # The host of the files belongs to the built-in index; another index says in its pages where its files are.
            builtin = (registry_at(simple, says="pip's own index"), registry_at(f"https://{files}/", says="pip's own index"))
            registries = [*(one for one in builtin if one is not None), *registries]
        return Settings(registries=tuple(registries), env=_env(index, extra))


def _said(listing: str) -> dict[str, str]:
    """`pip config list` prints `section.key='value'`, the value as Python writes it."""
    found: dict[tuple[str, str], str] = {}
    for line in listing.splitlines():
        name, equals, value = line.partition("=")
        section, _, key = name.rpartition(".")
        if equals and section in _SECTIONS:
            found[section, key.replace("_", "-")] = _text(value)
    return {key: found[section, key] for section in _SECTIONS for held, key in found if held == section}


def _text(value: str) -> str:
    try:
        return str(ast.literal_eval(value))
    except (ValueError, SyntaxError):
        return value


def _env(index: str, extra: list[str]) -> tuple[tuple[str, str], ...]:
    """Variables for pip and uv; nothing when pip's built-in index is used, which is uv's too."""
    env = []
    main: Registry | None = registry_at(index, says="") if index else None
    if main is not None:
        env += [("PIP_INDEX_URL", main.url), ("UV_DEFAULT_INDEX", main.url)]
    more = " ".join(one.url for one in (registry_at(url, says="") for url in extra) if one is not None)
    if more:
        env += [("PIP_EXTRA_INDEX_URL", more), ("UV_INDEX", more)]
    return tuple(env)
