"""Codex: its native program from npm, told its prompt through `developer_instructions` in its config.toml."""

import json
from collections.abc import Mapping

from bot_bottle.agents.base import AgentDefaults, Installed, Provisioning
from bot_bottle.agents.endpoint import PLACEHOLDER
from bot_bottle.agents.model_api import OPENAI, Key, key_note
from bot_bottle.agents.npm import Package, Platform, Release
from bot_bottle.agents.packaged import FromNpm
from bot_bottle.agents.supervised import AUTHORIZATION, URL, standing_prompt
from bot_bottle.plans.bottle import AgentProvision, GuestFile, PromptMode
from bot_bottle.plans.gate import Line
from bot_bottle.record import replace

VERSION = "0.169.0"
WHERE = "agent codex"

API = replace(OPENAI, keys=(Key(variable="CODEX_API_KEY"), *OPENAI.keys), calls=("/responses", "/responses/compact"))


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

{supervise}[notice]
hide_full_access_warning = true

[projects.{workspace}]
trust_level = "trusted"
"""

SUPERVISE = """\
[mcp_servers.supervise]
url = {url}
http_headers = {{ Authorization = {authorization} }}
tool_timeout_sec = 290
default_tools_approval_mode = "approve"

"""
"""Codex ends a tool call after 60 seconds unless told otherwise; the gate answers within 240."""


class Codex(FromNpm):
    """Codex. The bottle is its sandbox, so its own sandbox and approvals are off."""

    name = "codex"
    title = "Codex"
    summary = "Codex (OpenAI), from npm"
    resume = ("resume", "--last")
    plain_variables = (API.base_variable,)
    pinned = RELEASE

    def defaults(self, host: Mapping[str, str]) -> AgentDefaults:
        """The model API, and the key by whichever variable Codex itself would use."""
        return API.defaults(host, WHERE)

    def provision(self, asked: Provisioning, installed: Installed | None) -> AgentProvision:
        """The native program, a config.toml that starts it without questions, and a placeholder for the key."""
        return self.assemble(
            installed,
            arguments=arguments(asked.spec.args),
            mode=PromptMode.CONFIG_KEY,
            env=(("CODEX_HOME", f"{asked.guest_home}/.codex"), ("OPENAI_API_KEY", PLACEHOLDER)),
            files=(GuestFile(path=".codex/config.toml", content=config(asked)),),
            notes=notes(asked),
        )


def arguments(args: tuple[str, ...]) -> tuple[str, ...]:
    """The operator's arguments; `exec` also runs outside git (0.169.0 wants the option in spite of trust)."""
    if args[:1] in (("exec",), ("e",)):
        return (args[0], "--skip-git-repo-check", *(arg for arg in args[1:] if arg != "--skip-git-repo-check"))
    return args


def config(asked: Provisioning) -> str:
    """config.toml for this bottle."""
    prompt = standing_prompt(asked.spec.prompt, is_supervised=asked.is_supervised)
    supervise = SUPERVISE.format(url=toml_string(URL), authorization=toml_string(AUTHORIZATION))
    return CONFIG.format(
        instructions=f"developer_instructions = {toml_string(prompt)}\n" if prompt else "",
        supervise=supervise if asked.is_supervised else "",
        base_url=toml_string(API.endpoint(dict(asked.host_values)).url),
        workspace=toml_string(asked.guest_workspace),
    )


def toml_string(text: str) -> str:
    """A TOML 1.0 basic string: JSON's escapes are a subset of TOML's, but TOML forbids a raw DEL and escaped surrogates."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007F")


def notes(asked: Provisioning) -> tuple[Line, ...]:
    """What the operator should know before saying yes."""
    why = "the bottle is the sandbox"
    sandbox = Line(label="agent", text="Codex asks no approval and its own sandbox is off (danger-full-access)", why=why)
    host, credentials = dict(asked.host_values), asked.spec.credentials
    return (sandbox, key_note(API, host, credentials, inside="OPENAI_API_KEY", title="Codex"))
