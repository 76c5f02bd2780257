"""GitHub Copilot CLI: its native program from npm, told its prompt by its own copilot-instructions.md.

It asks either the model API that COPILOT_PROVIDER_BASE_URL names, with no word to GitHub, or GitHub's service with a token.
"""

from collections.abc import Mapping

from bot_bottle.agents.base import AgentDefaults, Installed, Provisioning
from bot_bottle.agents.endpoint import PLACEHOLDER
from bot_bottle.agents.model_api import ANTHROPIC, OPENAI, Key, ModelApi, key_note
from bot_bottle.agents.npm import Package, Platform, Release
from bot_bottle.agents.packaged import FromNpm, chooses, json_file, prompt_file
from bot_bottle.agents.supervised import CLIENTS_PATH
from bot_bottle.manifest.spec import Credential, FromEnv, Rule, Target
from bot_bottle.plans.bottle import AgentProvision, PromptMode
from bot_bottle.plans.gate import Line
from bot_bottle.record import replace

VERSION = "1.0.102"
WHERE = "agent copilot"
BASE_URL = "COPILOT_PROVIDER_BASE_URL"
KEY = "COPILOT_PROVIDER_API_KEY"
TOKENS = ("COPILOT_GITHUB_TOKEN", "GH_TOKEN", "GITHUB_TOKEN")
"""Variables that may hold a GitHub token, in the order in which Copilot itself prefers them."""

OWN_API = {
    "openai": replace(OPENAI, name="copilot", base_variable=BASE_URL, keys=(Key(variable=KEY),)),
    "anthropic": replace(
        ANTHROPIC, name="copilot", base_variable=BASE_URL, keys=(Key(variable=KEY, header="x-api-key", format="{value}"),)
    ),
}
"""The operator's own model API by COPILOT_PROVIDER_TYPE."""

TOKEN_PLACEHOLDER = f"github_pat_{PLACEHOLDER}"
"""Copilot looks at the first letters of a token before it uses it."""

GITHUB = "api.github.com"
SERVICES = (
    "api.githubcopilot.com",
    "api.individual.githubcopilot.com",
    "api.business.githubcopilot.com",
    "api.enterprise.githubcopilot.com",
)
"""GitHub says in the account's record which of them serves it."""


def _platform(system: str, integrity: str) -> Platform:
    package = Package(place=f"@github/copilot-{system}", version=VERSION, integrity=integrity)
    return Platform(package=package, program="copilot")


RELEASE = Release(
    agent="copilot",
    main=Package(
        place="@github/copilot",
        version=VERSION,
        integrity="sha512-mv6cTWMhMILxg5ZDgqJ6UsnpPuySCPWOPbZVaO8lL0dpmjY3VD9ZhJr6DFcG7fhUXZv6OmvLdcRCa5MJ6hBI+Q==",
    ),
    platforms={
        "linux-x64": _platform(
            "linux-x64", "sha512-eGHPbsP0p2QgfVZCjtbGBFZPBOJQ0DN7xIbBRAo7oG8b1zfLirQIdfI4h8Iy68Dv2cKJGJZg2/EO7W7KpIMJOw=="
        ),
        "linux-arm64": _platform(
            "linux-arm64", "sha512-5rO0B2/AduCekrE+aUzipySKZxZY2b/tVRZ8Suy8ymPFNC0Q7HQiQ8DZhxj+3RhHR8rU2Z8KOJVAbtMlROX6+A=="
        ),
        "linux-x64-musl": _platform(
            "linuxmusl-x64", "sha512-laj1/lFWwkX7P1jAVm2DNNxRljLkhfKI4XDONIA5njiU+PPvWVH38gIvYU+lNTgJ0QT7CSV6Jj2fuqPx0Go+5Q=="
        ),
        "linux-arm64-musl": _platform(
            "linuxmusl-arm64", "sha512-PyuqTcgTKd4XrtSRKAQgfIK41cVzHArSNM8f8XS39dQc75aUsKG+MPd5rLwmqqhtbWVFgI+PSS/X18/Qo4EDTg=="
        ),
    },
)

OPTIONS = ("--allow-all-tools", "--allow-all-paths")
CHOICES = ("--allow-all-tools", "--allow-all", "--yolo", "--allow-tool", "--deny-tool", "--available-tools")


class Copilot(FromNpm):
    """GitHub Copilot CLI. The bottle is its sandbox, so its own permission questions are off."""

    name = "copilot"
    title = "GitHub Copilot CLI"
    summary = "GitHub Copilot CLI, from npm; needs a GitHub token, or a model API of your own"
    resume = ("--continue",)
    plain_variables = (
        BASE_URL,
        "COPILOT_PROVIDER_TYPE",
        "COPILOT_PROVIDER_WIRE_API",
        "COPILOT_PROVIDER_MODEL_ID",
        "COPILOT_PROVIDER_WIRE_MODEL",
        "COPILOT_MODEL",
    )
    pinned = RELEASE

    def defaults(self, host: Mapping[str, str]) -> AgentDefaults:
        """The operator's own model API, else GitHub's service."""
        own = own_api(host)
        return own.defaults(host, WHERE) if own else github_defaults(host)

    def provision(self, asked: Provisioning, installed: Installed | None) -> AgentProvision:
        """The native program, trust in the folder, and a placeholder for the key or the token."""
        host = dict(asked.host_values)
        options = () if chooses(asked.spec.args, *CHOICES) else OPTIONS
        return self.assemble(
            installed,
            arguments=(*options, *supervised(asked), *asked.spec.args),
            mode=PromptMode.INSTRUCTIONS_FILE,
            env=environment(host),
            files=(
                json_file(".copilot/config.json", {"trusted_folders": [asked.guest_workspace], "banner": "never"}),
                *prompt_file(".copilot/copilot-instructions.md", asked),
            ),
            notes=(*self.sandbox_note(options), self.key(host, asked.spec.credentials)),
        )

    def key(self, host: Mapping[str, str], credentials: tuple[Credential, ...]) -> Line:
        """What the preflight says of the key or the token."""
        own = own_api(host)
        if own:
            return key_note(own, host, credentials, inside=KEY, title=self.title)
        if any(target.host == GITHUB for credential in credentials for target in credential.to):
            return Line(label="agent key", text="the gate sets the token on requests to GitHub; inside, it is a placeholder")
        text = f"none: set {' or '.join(TOKENS)}, or {BASE_URL} and {KEY} for a model API of your own"
        return Line(label="agent key", text=text, why="Copilot will say that it is not logged in")


def supervised(asked: Provisioning) -> tuple[str, ...]:
    """The server through which the agent asks the operator."""
    return (f"--additional-mcp-config=@{asked.guest_home}/{CLIENTS_PATH}",) if asked.is_supervised else ()


def own_api(host: Mapping[str, str]) -> ModelApi | None:
    """The API that the operator named, by its type."""
    return OWN_API["anthropic" if host.get("COPILOT_PROVIDER_TYPE") == "anthropic" else "openai"] if host.get(BASE_URL) else None


def environment(host: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """No updates; with an API of the operator's own also no telemetry, no GitHub."""
    own = own_api(host)
    if own is None:
        return (("COPILOT_AUTO_UPDATE", "false"), ("COPILOT_GITHUB_TOKEN", TOKEN_PLACEHOLDER))
    ours = {"COPILOT_AUTO_UPDATE": "false", "COPILOT_OFFLINE": "true", KEY: PLACEHOLDER, BASE_URL: own.endpoint(host).url}
    return tuple((dict(host) | ours).items())


def github_defaults(host: Mapping[str, str]) -> AgentDefaults:
    """GitHub's service: the account's record and the models, with the token on both."""
    rules = (
        Rule(host=GITHUB, where=WHERE, methods=("GET",), paths=("/user", "/copilot_internal/**")),
        *(Rule(host=each, where=WHERE, methods=("GET", "POST")) for each in SERVICES),
    )
    variable = next((name for name in TOKENS if host.get(name)), None)
    if variable is None:
        return AgentDefaults(rules=rules)
    to = tuple(Target(host=each, format="Bearer {value}") for each in (GITHUB, *SERVICES))
    return AgentDefaults(rules=rules, credentials=(Credential(name="github", source=FromEnv(env=variable), to=to, where=WHERE),))
