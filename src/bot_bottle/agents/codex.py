"""Codex: its native program from npm, told its prompt through `developer_instructions` in its config.toml."""

import json
import os
from collections.abc import Mapping
from pathlib import Path

from bot_bottle.agents.base import AgentDefaults, AgentProvider, Installed, Provisioning
from bot_bottle.agents.endpoint import PLACEHOLDER, Endpoint, credentials_for, parse_endpoint
from bot_bottle.agents.npm import Package, Platform, Release, find, install, program_path, this_platform
from bot_bottle.errors import BottleError
from bot_bottle.manifest.spec import Credential, FromEnv, Mount
from bot_bottle.plans.bottle import AgentProvision, GuestFile, PromptMode
from bot_bottle.plans.gate import Line

VERSION = "0.169.0"
WHERE = "agent codex"
BASE_URL = "OPENAI_BASE_URL"
PUBLIC_API = "https://api.openai.com/v1"
PROGRAMS = "/run/bot-bottle/agents/codex"
"""Where the install folder is inside the bottle."""

KEYS = ("CODEX_API_KEY", "OPENAI_API_KEY")
"""The operator's variables that may hold a key, in the order in which Codex itself prefers them."""

MODEL_CALLS = ("/responses", "/responses/compact")
LOOK_UPS = ("/models", "/models/*")


def _platform(system: str, target: str, integrity: str) -> Platform:
    place = f"@openai/codex-{system}"
    package = Package(place=place, name="@openai/codex", version=f"{VERSION}-{system}", integrity=integrity)
    return Platform(package=package, program=f"vendor/{target}/bin/codex")


_X64 = _platform(
    "linux-x64",
    "x86_64-unknown-linux-musl",
    "sha512-o05NyAOCDygSPRo1yinzxvkRSdmsZyBD9E7mbpmjRanSfM8lypqWtQgEo4XfNkwhuCR2aFu8mlGOsQGFXVbVww==",
)
_ARM64 = _platform(
    "linux-arm64",
    "aarch64-unknown-linux-musl",
    "sha512-NZ/DaQUpcQmxmqee7Z9uC1rzw3GhSbooawcaTe1LN5Yk+WlinUKGdTXJgClRT/9ogQEEM9TWxYzvxPfj5G/xFg==",
)

RELEASE = Release(
    agent="codex",
    main=Package(
        place="@openai/codex",
        version=VERSION,
        integrity="sha512-KhzYlkKPxoNssR8CEm45IjqnFWn7UtlF4CiD3tOJPea51xBs7MaHy0UQG9GSbCqk6Lrjn5QdJDV0QD1/FgWlGw==",
    ),
    platforms={"linux-x64": _X64, "linux-arm64": _ARM64, "linux-x64-musl": _X64, "linux-arm64-musl": _ARM64},
)
"""The hashes are those in the registry's own metadata for these versions. The programs are static: they need no libc."""

CONFIG = """\
# Written by bot-bottle. The bottle is the sandbox, so Codex's own, which cannot nest in it, is off.
model_provider = "bottle"
approval_policy = "never"
sandbox_mode = "danger-full-access"
check_for_update_on_startup = false
{instructions}
# HTTPS with server-sent events: the same requests on every API, and each one is seen whole by the gate.
[model_providers.bottle]
name = "OpenAI"
base_url = {base_url}
env_key = "OPENAI_API_KEY"
wire_api = "responses"
supports_websockets = false

[analytics]
enabled = false

# Each of these would fetch something at the start, or copy the program into the home.
[features]
apps = false
daemon_auto_start = false
plugins = false
remote_plugin = false

[notice]
hide_full_access_warning = true

[projects.{workspace}]
trust_level = "trusted"
"""


class Codex(AgentProvider):
    """Codex. The bottle is its sandbox, so its own sandbox and approvals are off."""

    name = "codex"
    summary = "Codex (OpenAI), from npm"
    plain_variables = (BASE_URL,)

    def __init__(self, release: Release = RELEASE, system: str | None = None) -> None:
        self.release = release
        self.system = system or this_platform()

    def describe_pin(self) -> str:
        """The pinned version."""
        return self.release.main.version

    def installed(self, cache: Path) -> Installed | None:
        """The pinned version in the cache, or None."""
        return find(self.release, cache, self.system)

    def install(self, cache: Path) -> Installed:
        """Bring the pinned version into the cache with npm."""
        return install(self.release, cache, system=self.system, host=os.environ)

    def defaults(self, host: Mapping[str, str]) -> AgentDefaults:
        """The model API, and the key by whichever variable Codex itself would use."""
        api = endpoint(host)
        rules = (
            api.rule(methods=("POST",), paths=MODEL_CALLS, where=WHERE),
            api.rule(methods=("GET",), paths=LOOK_UPS, where=WHERE),
        )
        variable = next((name for name in KEYS if host.get(name)), None)
        if variable is None:
            return AgentDefaults(rules=rules, connect=api.connect)
        target = api.target("authorization", "Bearer {value}")
        key = Credential(name="openai", source=FromEnv(env=variable), to=(target,), where=WHERE)
        return AgentDefaults(rules=rules, credentials=(key,), connect=api.connect)

    def provision(self, asked: Provisioning, installed: Installed | None) -> AgentProvision:
        """The native program, a config.toml that starts it without questions, and a placeholder for the key."""
        if installed is None:
            raise BottleError("Codex is not installed.", next="Run `bot-bottle agents install codex`.")
        home = f"{asked.guest_home}/.codex"
        return AgentProvision(
            provider=self.name,
            version=installed.version,
            command=(program_path(self.release, PROGRAMS, self.system), *arguments(asked.spec.args)),
            prompt_mode=PromptMode.CONFIG_KEY,
            env=(("CODEX_HOME", home), ("OPENAI_API_KEY", PLACEHOLDER)),
            files=(GuestFile(path=".codex/config.toml", content=config(asked)),),
            mounts=(Mount(host_path=installed.folder, guest_path=PROGRAMS),),
            notes=notes(asked),
        )


def endpoint(host: Mapping[str, str]) -> Endpoint:
    """The operator's OPENAI_BASE_URL, else the public API."""
    return parse_endpoint(host.get(BASE_URL) or PUBLIC_API, variable=BASE_URL)


def arguments(args: tuple[str, ...]) -> tuple[str, ...]:
    """The operator's arguments; `exec` also runs outside git (0.169.0 wants the option in spite of trust)."""
    if args[:1] in (("exec",), ("e",)):
        return (args[0], "--skip-git-repo-check", *(arg for arg in args[1:] if arg != "--skip-git-repo-check"))
    return args


def config(asked: Provisioning) -> str:
    """config.toml for this bottle."""
    prompt = asked.spec.prompt
    return CONFIG.format(
        instructions=f"developer_instructions = {toml_string(prompt)}\n" if prompt else "",
        base_url=toml_string(endpoint(dict(asked.host_values)).url),
        workspace=toml_string(asked.guest_workspace),
    )


def toml_string(text: str) -> str:
    """A TOML 1.0 basic string: JSON's escapes are a subset of TOML's, but TOML forbids a raw DEL and escaped surrogates."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007F")


def notes(asked: Provisioning) -> tuple[Line, ...]:
    """What the operator should know before saying yes."""
    api = endpoint(dict(asked.host_values))
    why = "the bottle is the sandbox"
    sandbox = Line(label="agent", text="Codex asks no approval and its own sandbox is off (danger-full-access)", why=why)
    if credentials_for(api, asked.spec.credentials):
        text = f"the gate sets the key on requests to {api.host}; inside, OPENAI_API_KEY is a placeholder"
        return (sandbox, Line(label="agent key", text=text))
    text = f"none for {api.host}: set {' or '.join(KEYS)} on the host, or add one under `credentials`"
    return (sandbox, Line(label="agent key", text=text, why="Codex's requests will be refused"))
