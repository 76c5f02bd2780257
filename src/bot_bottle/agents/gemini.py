"""Gemini CLI: a script from npm that the bottle's node runs, told its prompt by its own GEMINI.md."""

from collections.abc import Mapping

from bot_bottle.agents.base import AgentDefaults, Installed, Provisioning
from bot_bottle.agents.endpoint import PLACEHOLDER, refuse
from bot_bottle.agents.model_api import GEMINI, key_note
from bot_bottle.agents.npm import Package, Release, everywhere
from bot_bottle.agents.packaged import FromNpm, chooses, json_file, prompt_file
from bot_bottle.agents.supervised import HEADERS, SERVER, URL, WAIT_MS
from bot_bottle.plans.bottle import AgentProvision, PromptMode

WHERE = "agent gemini"
API = GEMINI

MAIN = Package(
    place="@google/gemini-cli",
    version="0.61.0",
    integrity="sha512-dbQ9A0qBtFJNi6XBkHvfZ6Azpn6PNgH/P8h2MZ67RLlX8hSAVjup39CRWqdRxZv7YXIuhrFaytr8y0jKnkoxnQ==",
)
RELEASE = Release(agent="gemini", main=MAIN, platforms=everywhere(MAIN, "bundle/gemini.js"))
"""One bundle that needs no other package; those it names as optional (a keyring, pseudo terminals) are native and left out."""

QUIET = (
    ("GEMINI_CLI_NO_RELAUNCH", "true"),
    ("GEMINI_CLI_TRUST_WORKSPACE", "true"),
    ("GEMINI_SANDBOX", "false"),
    ("GEMINI_TELEMETRY_ENABLED", "false"),
)
SETTINGS = {
    "general": {"enableAutoUpdate": False, "enableAutoUpdateNotification": False},
    "privacy": {"usageStatisticsEnabled": False},
    "security": {"auth": {"selectedType": "gemini-api-key"}, "folderTrust": {"enabled": False}},
    "telemetry": {"enabled": False},
}
"""No updates, no telemetry, no question about the login or the folder."""

SUPERVISED = {"mcpServers": {SERVER: {"httpUrl": URL, "headers": HEADERS, "trust": True, "timeout": WAIT_MS}}}
"""The operator's own server, so its tools are called without a question."""

MODES = ("--approval-mode", "--yolo", "-y")


class Gemini(FromNpm):
    """Gemini CLI. The bottle is its sandbox, so its own sandbox and approvals are off."""

    name = "gemini"
    title = "Gemini CLI"
    summary = "Gemini CLI (Google), from npm; runs on node"
    resume = ("--resume", "latest")
    plain_variables = (API.base_variable, "GEMINI_MODEL")
    pinned = RELEASE

    def defaults(self, host: Mapping[str, str]) -> AgentDefaults:
        """The model API by key. BadUsage for a base URL without TLS: the client refuses one that is not its own loopback."""
        if API.endpoint(host).scheme == "http":
            raise refuse(API.base_variable, "Gemini CLI speaks to an API that is not on its own loopback by https only.")
        return API.defaults(host, WHERE)

    def provision(self, asked: Provisioning, installed: Installed | None) -> AgentProvision:
        """The script, settings so that it starts without questions, and a placeholder for the key."""
        host, approval = dict(asked.host_values), () if chooses(asked.spec.args, *MODES) else ("--approval-mode=yolo",)
        key = key_note(API, host, asked.spec.credentials, inside="GEMINI_API_KEY", title=self.title)
        return self.assemble(
            installed,
            arguments=(*approval, *asked.spec.args),
            mode=PromptMode.INSTRUCTIONS_FILE,
            env=(*QUIET, ("GEMINI_API_KEY", PLACEHOLDER), *asked.host_values),
            files=(
                json_file(".gemini/settings.json", SETTINGS | (SUPERVISED if asked.is_supervised else {})),
                *prompt_file(".gemini/GEMINI.md", asked),
            ),
            notes=(*self.sandbox_note(approval), key),
        )
