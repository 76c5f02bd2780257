"""opencode: its native program from npm, told its prompt by the AGENTS.md of its own configuration."""

from collections.abc import Mapping

from bot_bottle.agents.base import AgentDefaults, Installed, Provisioning
from bot_bottle.agents.endpoint import PLACEHOLDER
from bot_bottle.agents.model_api import ANTHROPIC, GEMINI, OPENAI, Key, defaults_of, key_notes
from bot_bottle.agents.npm import Package, Platform, Release
from bot_bottle.agents.packaged import FromNpm, json_file, prompt_file
from bot_bottle.agents.supervised import HEADERS, SERVER, URL, WAIT_MS
from bot_bottle.plans.bottle import AgentProvision, PromptMode
from bot_bottle.plans.gate import Line
from bot_bottle.record import replace

VERSION = "1.18.33"
WHERE = "agent opencode"

GOOGLE = replace(
    GEMINI, keys=(Key(variable="GOOGLE_GENERATIVE_AI_API_KEY", header="x-goog-api-key", format="{value}"), *GEMINI.keys)
)
APIS = {"anthropic": ANTHROPIC, "openai": OPENAI, "google": GOOGLE}
"""What opencode calls each provider. Others are a matter of the manifest: rules, a credential, and its own configuration."""

BELOW_BASE = {"anthropic": "/v1", "openai": "", "google": "/v1beta"}
"""What opencode's base URL of a provider has behind the vendor's own."""

RELEASE = Release(
    agent="opencode",
    main=Package(
        place="opencode-ai",
        version=VERSION,
        integrity="sha512-58P1ffLRXiAY4QeoABqUjqf6DEzm1ihpovvn9Ad+oOLbLiwK/rf88wruT9IATJ7AtNjmi8iA7pC8tN4o5y799Q==",
    ),
    platforms={
        "linux-x64": Platform(
            package=Package(
                place="opencode-linux-x64",
                version=VERSION,
                integrity="sha512-q/t/3p2CTxOT9y2kvjesb/LZab2+1eqlhhWA02Be6mjTtmYtNBcBsrI5yDo4Fw7ZSPBW2oyMIGMNRqiKQjiAWw==",
            ),
            program="bin/opencode",
        ),
    },
)

QUIET = (
    ("OPENCODE_DISABLE_AUTOUPDATE", "1"),
    ("OPENCODE_DISABLE_LSP_DOWNLOAD", "1"),
    ("OPENCODE_DISABLE_MODELS_FETCH", "1"),
    ("OPENCODE_DISABLE_SHARE", "1"),
)
SETTINGS = {
    "autoupdate": False,
    "share": "disabled",
    "permission": {"edit": "allow", "bash": "allow", "webfetch": "allow", "external_directory": "allow"},
}
"""No updates, no catalogue of models, no language servers fetched, nothing published; no questions."""

HELD = (("opencode.json", "{}\n"), ("opencode.jsonc", "{}\n"))
"""1.18.33 ends when it finds a folder under these names, which is what holds the others in a shared workspace."""
IN_SHARED = (("OPENCODE_DISABLE_PROJECT_CONFIG", "1"),)
"""It also ends when it cannot write into the project's .opencode. With this it looks at neither, nor for AGENTS.md."""
SUPERVISED = {"mcp": {SERVER: {"type": "remote", "url": URL, "headers": HEADERS, "oauth": False, "timeout": WAIT_MS}}}
INSTRUCTIONS = ("AGENTS.md", "CLAUDE.md")
SHARED_NOTE = Line(
    label="agent",
    text="in mode bind, opencode reads the project's AGENTS.md but not its opencode.json and .opencode; files that say {} "
    "stand under missing opencode.json and opencode.jsonc while it runs",
    why="opencode on the host would run what the agent writes there",
)


class Opencode(FromNpm):
    """opencode. The bottle is its sandbox, so its own permission questions are off."""

    name = "opencode"
    title = "opencode"
    summary = "opencode (Anomaly), from npm"
    resume = ("--continue",)
    plain_variables = tuple(api.base_variable for api in APIS.values())
    pinned = RELEASE

    def defaults(self, host: Mapping[str, str]) -> AgentDefaults:
        """The APIs that the operator has keys for."""
        return defaults_of(tuple(APIS.values()), host, WHERE)

    def provision(self, asked: Provisioning, installed: Installed | None) -> AgentProvision:
        """The native program, its configuration, and a placeholder for each key that the gate will set."""
        host, credentials = dict(asked.host_values), asked.spec.credentials
        known = {name: api for name, api in APIS.items() if api.has_credential(host, credentials)}
        is_shared = asked.spec.workspace.mode == "bind"
        settings = SETTINGS | {"provider": providers(host)} | (SUPERVISED if asked.is_supervised else {})
        if is_shared:
            settings |= {"instructions": [f"{asked.guest_workspace}/{name}" for name in INSTRUCTIONS]}
        return self.assemble(
            installed,
            arguments=asked.spec.args,
            mode=PromptMode.INSTRUCTIONS_FILE,
            held_files=HELD,
            env=(*QUIET, *(IN_SHARED if is_shared else ()), *((api.keys[0].variable, PLACEHOLDER) for api in known.values())),
            files=(
                json_file(".config/opencode/opencode.json", settings),
                *prompt_file(".config/opencode/AGENTS.md", asked),
            ),
            notes=(
                *self.sandbox_note(("permission: allow",)),
                *((SHARED_NOTE,) if is_shared else ()),
                *key_notes(tuple(APIS.values()), host, credentials, title=self.title),
            ),
        )


def providers(host: Mapping[str, str]) -> dict[str, object]:
    """The operator's own base URLs in opencode's configuration."""
    moved = {name: api for name, api in APIS.items() if host.get(api.base_variable)}
    return {name: {"options": {"baseURL": api.endpoint(host).url + BELOW_BASE[name]}} for name, api in moved.items()}
