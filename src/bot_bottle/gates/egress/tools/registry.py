"""Which presets there are, and what a tool's settings become: rules to fetch, credentials, variables."""

import os
import sys
from pathlib import Path

import bot_bottle
from bot_bottle.gates.egress.presets import PresetResult
from bot_bottle.gates.egress.tools.apt import Apt
from bot_bottle.gates.egress.tools.cargo import Cargo
from bot_bottle.gates.egress.tools.forges import Github, Gitlab
from bot_bottle.gates.egress.tools.go import Go
from bot_bottle.gates.egress.tools.maven import Maven
from bot_bottle.gates.egress.tools.npm import Npm
from bot_bottle.gates.egress.tools.pip import Pip
from bot_bottle.gates.egress.tools.settings import Registry, Settings, Tool
from bot_bottle.host.run import run
from bot_bottle.manifest.spec import Credential, FromCommand, Target

TOOLS: tuple[type[Tool], ...] = (Pip, Npm, Go, Cargo, Maven, Apt, Github, Gitlab)
_PRINT = (
    "import sys; sys.path.insert(0, sys.argv[1]); from bot_bottle.gates.egress.tools.registry import print_secret; print_secret()"
)


def tool(name: str) -> Tool | None:
    """The tool of this name."""
    return next((each() for each in TOOLS if each.name == name), None)


def result(name: str, settings: Settings) -> PresetResult:
    """The rules of the tool for its places, and for each secret a credential that reads it again when it is needed."""
    asked = tool(name)
    assert asked is not None
    rules = [rule for one in settings.registries for rule in asked.rules(one, f"preset {name} ({one.says})")]
    credentials = [
        _credential(name, one, asked.credential_methods) for one in settings.registries if one.secret and one.scheme == "https"
    ]
    return PresetResult(rules=tuple(rules), credentials=tuple(credentials), env=settings.env, files=settings.files)


def _credential(name: str, one: Registry, methods: tuple[str, ...]) -> Credential:
    place = str(Path(bot_bottle.__file__).parent.parent)
    return Credential(
        name=f"{name}-{one.host}-{one.port}",
        source=FromCommand(command=(sys.executable, "-c", _PRINT, place, name, one.url)),
        to=(
            Target(
                host=one.host,
                ports=(one.port,),
                methods=methods,
                slot="header" if one.format else "basic",
                name="authorization" if one.format else "",
                format=one.format or "{value}",
            ),
        ),
        where=f"preset {name} ({one.says})",
    )


def print_secret() -> None:
    """Entry point of the credential's command: asks the tool again and prints what opens the registry at this address."""
    name, url = sys.argv[2:4]
    asked = tool(name)
    assert asked is not None
    settings = asked.read(asked.ask(os.environ, run))
    print(next(one.secret for one in settings.registries if one.url == url and one.secret))
