"""Amp: its native program from npm, told its prompt by its own AGENTS.md. It works with its makers' service only."""

from collections.abc import Mapping

from bot_bottle.agents.base import AgentDefaults, Installed, Provisioning
from bot_bottle.agents.endpoint import PLACEHOLDER
from bot_bottle.agents.model_api import Key, ModelApi, key_note
from bot_bottle.agents.npm import Package, Platform, Release
from bot_bottle.agents.packaged import FromNpm, json_file, prompt_file
from bot_bottle.agents.supervised import HEADERS, SERVER, URL
from bot_bottle.plans.bottle import AgentProvision, PromptMode
from bot_bottle.record import replace

VERSION = "0.0.1790142911-g7618fb"
WHERE = "agent amp"

API = ModelApi(
    name="amp",
    public="https://ampcode.com",
    base_variable="AMP_URL",
    keys=(Key(variable="AMP_API_KEY"),),
    calls=("/**",),
    look_ups=("/**",),
)
"""The service keeps the conversations and speaks to the models; what it asks and answers is its own and changes with it."""

TELEMETRY = ("/api/telemetry", "/api/telemetry/**")

RELEASE = Release(
    agent="amp",
    main=Package(
        place="@sourcegraph/amp",
        version=VERSION,
        integrity="sha512-LeGxjmFRylC7iOZMeUrXx+7uTdjlLK+MFqN6BL7phdnMito9yMSDmsQspEJfTUnC9aHxiUbc2QiccWoyQdMH+g==",
    ),
    platforms={
        "linux-x64": Platform(
            package=Package(
                place="@ampcode/cli-linux-x64",
                version=VERSION,
                integrity="sha512-BsQyuBKf9jYno4vknDM9Mx20iOurO8/G14aaHZCMT1H1TlrOIOWH4//1ZwBll1/AneOxc+mqkoF0f3N/3fr/eA==",
            ),
            program="amp",
        ),
    },
)

SETTINGS = {
    "amp.dangerouslyAllowAll": True,
    "amp.notifications.enabled": False,
    "amp.remoteThreadCreation.enabled": False,
    "amp.updates.mode": "disabled",
}
"""No questions, no updates, and no work that somebody starts from the service's web page."""

SUPERVISED = {"amp.mcpServers": {SERVER: {"url": URL, "headers": HEADERS}}}


class Amp(FromNpm):
    """Amp. The bottle is its sandbox, so its own permission questions are off; it needs an account with its makers."""

    name = "amp"
    title = "Amp"
    summary = "Amp, from npm; needs an account (AMP_API_KEY)"
    resume = ("threads", "continue", "--last")
    plain_variables = (API.base_variable,)
    pinned = RELEASE

    def defaults(self, host: Mapping[str, str]) -> AgentDefaults:
        """Amp's own service without its telemetry, which no setting turns off, and its key."""
        found = API.defaults(host, WHERE)
        return replace(found, rules=(*found.rules, replace(found.rules[0], paths=TELEMETRY, deny=True)))

    def provision(self, asked: Provisioning, installed: Installed | None) -> AgentProvision:
        """The native program, its settings, and a placeholder for the key."""
        host = dict(asked.host_values)
        env = (("AMP_API_KEY", PLACEHOLDER), ("AMP_REMOTE_CONTROL_TERMINAL", "0"), (API.base_variable, API.endpoint(host).url))
        return self.assemble(
            installed,
            arguments=asked.spec.args,
            mode=PromptMode.INSTRUCTIONS_FILE,
            env=env,
            files=(
                json_file(".config/amp/settings.json", SETTINGS | (SUPERVISED if asked.is_supervised else {})),
                *prompt_file(".config/amp/AGENTS.md", asked),
            ),
            notes=(
                *self.sandbox_note(("amp.dangerouslyAllowAll",)),
                key_note(API, host, asked.spec.credentials, inside="AMP_API_KEY", title=self.title),
            ),
        )
