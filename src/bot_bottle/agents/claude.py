"""Claude Code: its native program from npm, told its prompt with --append-system-prompt-file."""

from collections.abc import Mapping
from pathlib import Path

from bot_bottle.agents.base import AgentDefaults, Installed, Provisioning
from bot_bottle.agents.endpoint import PLACEHOLDER, Endpoint, credentials_for
from bot_bottle.agents.model_api import ANTHROPIC, Key
from bot_bottle.agents.npm import Package, Platform, Release
from bot_bottle.agents.packaged import FromNpm, chooses, json_file
from bot_bottle.agents.supervised import CLIENTS_PATH, SERVER
from bot_bottle.manifest.spec import Credential, FromEnv, FromFile, SecretSource
from bot_bottle.plans.bottle import AgentProvision, GuestFile, PromptMode
from bot_bottle.plans.gate import Line
from bot_bottle.record import replace

VERSION = "2.1.197"
WHERE = "agent claude"

API = replace(
    ANTHROPIC,
    keys=(Key(variable="ANTHROPIC_AUTH_TOKEN"), *ANTHROPIC.keys, Key(variable="CLAUDE_CODE_OAUTH_TOKEN")),
    look_ups=(*ANTHROPIC.look_ups, "/api/claude_code/policy_limits", "/api/claude_code/settings"),
)
"""What 2.1.197 asks besides the model, with telemetry off: the organisation's limits and settings."""

LOGIN_NAME = ".credentials.json"
LOGIN_KEY = "claudeAiOauth.accessToken"
"""The token that requests carry. It lives some hours; Claude Code on the host renews it in that file whenever it is used, and the
gate reads it again when it is refused. Renewing it here would end the host's own login: each refresh token is good once."""

QUIET = (
    ("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1"),
    ("CLAUDE_CODE_DISABLE_OFFICIAL_MARKETPLACE_AUTOINSTALL", "1"),
    ("DISABLE_AUTOUPDATER", "1"),
    ("DISABLE_INSTALLATION_CHECKS", "1"),
)
"""No telemetry, no updates (the program is read-only), no plug-ins fetched at the start."""

TOOLS_AT_ONCE = (("ENABLE_TOOL_SEARCH", "false"),)
"""Tools of MCP servers are in every request, not looked up first: the agent knows that it can ask."""


def _platform(system: str, integrity: str) -> Platform:
    place = f"@anthropic-ai/claude-code-{system}"
    return Platform(package=Package(place=place, version=VERSION, integrity=integrity), program="claude")


RELEASE = Release(
    agent="claude",
    main=Package(
        place="@anthropic-ai/claude-code",
        version=VERSION,
        integrity="sha512-EqrwbRcI7M5y8jQlayIfTMmbZJ2OQaLOc7KwIWKdryQCdKWUEFr+C9rMovZUuj2Asndi7aqLujEzRtr471gncg==",
    ),
    platforms={
        "linux-x64": _platform(
            "linux-x64", "sha512-rIlKmrY0QMyHgPRX/MYWNj039vbypICvI9jVe3rs9Xy2RnNklySjyPxqh62QadznzoftEO23uYQ1tFePcQ//bg=="
        ),
        "linux-arm64": _platform(
            "linux-arm64", "sha512-sx6SoGj3MNR5CV+YDkNtbLHXa1tn3G8qcYFgm1gnvOi9ODQUKbhiPfankJfkTMDVekOvnKJhm6i9hGFIPzp7cQ=="
        ),
        "linux-x64-musl": _platform(
            "linux-x64-musl", "sha512-/Ij3+inZf96Lb1BLnO0rWArRi1HqIMh6HeGrQoykrp7a8Yj0SA1EQIO42kpNeVxM9z3o3xUaiIf0FRMzLIp6oQ=="
        ),
        "linux-arm64-musl": _platform(
            "linux-arm64-musl", "sha512-r3taVK9rDaMahHkrCGV8wF1Sjphs7fqXy2ZEznyDGxUqeW6HxgkbG7dPplXnwwGiMTdYLrtQTQMN21ZTxcVHBA=="
        ),
    },
)
"""The hashes are those in the registry's own metadata for these versions (`npm view PACKAGE@VERSION dist.integrity`)."""


class Claude(FromNpm):
    """Claude Code. The bottle is its sandbox, so its own permission prompts are off."""

    name = "claude"
    title = "Claude Code"
    summary = "Claude Code (Anthropic), from npm"
    resume = ("--continue",)
    plain_variables = (API.base_variable,)
    pinned = RELEASE

    def defaults(self, host: Mapping[str, str]) -> AgentDefaults:
        """The model API and little else; the key by whichever variable Claude Code itself would use, else its login here."""
        found, login = API.defaults(host, WHERE), login_file(host)
        if found.credentials or login is None:
            return found
        target = API.endpoint(host).target("authorization", "Bearer {value}")
        source = FromFile(file=login, key=LOGIN_KEY)
        return replace(found, credentials=(Credential(name=API.name, source=source, to=(target,), where=WHERE),))

    def provision(self, asked: Provisioning, installed: Installed | None) -> AgentProvision:
        """The native program, its settings so that it starts without questions, and inert placeholders for keys."""
        api = API.endpoint(dict(asked.host_values))
        placeholders = placeholder_variables(api, asked.spec.credentials)
        base = ((API.base_variable, api.url),) if asked.host_values else ()
        return self.assemble(
            installed,
            arguments=(*options(asked), *asked.spec.args),
            mode=PromptMode.APPEND_SYSTEM_PROMPT_FILE,
            env=QUIET
            + base
            + (TOOLS_AT_ONCE if asked.is_supervised else ())
            + tuple((name, PLACEHOLDER) for name in placeholders),
            files=home_files(asked.guest_workspace),
            notes=notes(asked, api, placeholders),
        )


def options(asked: Provisioning) -> tuple[str, ...]:
    """Our own options, before the operator's, who may choose another permission mode."""
    own: tuple[str, ...] = (
        ("--append-system-prompt-file", asked.guest_prompt_file) if asked.spec.prompt or asked.is_supervised else ()
    )
    if asked.is_supervised:
        # Both options take many values: with = they take one, and leave the operator's words alone.
        own += (f"--mcp-config={asked.guest_home}/{CLIENTS_PATH}", f"--allowedTools=mcp__{SERVER}__*")
    return own if chooses(asked.spec.args, "--permission-mode") else (*own, "--dangerously-skip-permissions")


def placeholder_variables(api: Endpoint, credentials: tuple[Credential, ...]) -> tuple[str, ...]:
    """The variables that make Claude Code send the header which the gate then sets."""
    names = []
    for credential, target in credentials_for(api, credentials):
        if target.name == "x-api-key":
            names.append("ANTHROPIC_API_KEY")
        elif is_login(credential.source):
            names.append("CLAUDE_CODE_OAUTH_TOKEN")
        elif target.name == "authorization":
            names.append("ANTHROPIC_AUTH_TOKEN")
    return tuple(dict.fromkeys(names))


def login_file(host: Mapping[str, str]) -> Path | None:
    """Where Claude Code on this host keeps the tokens of a subscription (on macOS it is the keychain)."""
    folder = host.get("CLAUDE_CONFIG_DIR") or (f"{host['HOME']}/.claude" if host.get("HOME") else "")
    file = Path(folder, LOGIN_NAME)
    return file if folder.startswith("/") and file.is_file() else None


def is_login(source: SecretSource) -> bool:
    """Whether it is a subscription's token: Claude Code asks with it in another way than with a key."""
    return source == FromEnv(env="CLAUDE_CODE_OAUTH_TOKEN") or (isinstance(source, FromFile) and source.key == LOGIN_KEY)


def home_files(workspace: str) -> tuple[GuestFile, ...]:
    """Settings that answer the questions of a first start: theme, trust in the folder, the placeholder key, no prompts."""
    state = {
        "hasCompletedOnboarding": True,
        "autoUpdates": False,
        "bypassPermissionsModeAccepted": True,
        "officialMarketplaceAutoInstallAttempted": True,
        "customApiKeyResponses": {"approved": [PLACEHOLDER[-20:]], "rejected": []},
        "projects": {workspace: {"hasTrustDialogAccepted": True, "hasCompletedProjectOnboarding": True}},
    }
    settings = {"theme": "dark", "skipDangerousModePermissionPrompt": True, "skipWebFetchPreflight": True}
    return (
        json_file(".claude.json", state),
        json_file(".claude/settings.json", settings),
    )


def notes(asked: Provisioning, api: Endpoint, placeholders: tuple[str, ...]) -> tuple[Line, ...]:
    """What the operator should know before saying yes."""
    lines = []
    if not chooses(asked.spec.args, "--permission-mode"):
        why = "the bottle is the sandbox"
        lines.append(Line(label="agent", text="Claude Code asks no permission (--dangerously-skip-permissions)", why=why))
    if placeholders:
        text = f"the gate sets the key on requests to {api.host}; inside, {', '.join(placeholders)} is a placeholder"
        lines.append(Line(label="agent key", text=text))
    else:
        names = " or ".join(key.variable for key in API.keys[1:])
        text = f"none for {api.host}: set {names} on the host, or add one under `credentials`"
        lines.append(Line(label="agent key", text=text, why="Claude Code will say that it is not logged in"))
    return tuple(lines)
