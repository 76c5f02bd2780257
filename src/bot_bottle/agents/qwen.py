"""Qwen Code: a script from npm that the bottle's node runs, told its prompt by its own QWEN.md."""

from collections.abc import Mapping

from bot_bottle.agents.base import AgentDefaults, Installed, Provisioning
from bot_bottle.agents.endpoint import PLACEHOLDER
from bot_bottle.agents.model_api import OPENAI, key_note
from bot_bottle.agents.npm import Package, Release, everywhere
from bot_bottle.agents.packaged import FromNpm, chooses, json_file, prompt_file
from bot_bottle.agents.supervised import cannot_ask
from bot_bottle.plans.bottle import AgentProvision, PromptMode
from bot_bottle.record import replace

WHERE = "agent qwen"
API = replace(OPENAI, calls=("/chat/completions",))
"""Qwen's own services and most others speak this form; OPENAI_BASE_URL and OPENAI_MODEL say which."""

MAIN = Package(
    place="@qwen-code/qwen-code",
    version="0.15.10",
    integrity="sha512-A1rAUg7TTO62yuwogzEstMWLVxQ4n4JO26k9t6s93Ed14svp7W+7WEAAZhUMmxPf/q9xQQW7LwX48cuQcgKDBQ==",
)
RELEASE = Release(agent="qwen", main=MAIN, platforms=everywhere(MAIN, "cli.js"))
"""One bundle that needs no other package; those it names as optional (pseudo terminals, the clipboard) are left out."""

SETTINGS = {
    "general": {"disableAutoUpdate": True, "disableUpdateNag": True, "enableAutoUpdate": False},
    "privacy": {"usageStatisticsEnabled": False},
    "security": {"auth": {"selectedType": "openai"}, "folderTrust": {"enabled": False}},
    "telemetry": {"enabled": False},
}
"""No updates, no telemetry, no question about the login or the folder."""

WHY_NOT = "Qwen Code sends even what is meant for its own machine to the proxy, so that it does not reach the supervise gate"
MODES = ("--approval-mode", "--yolo", "-y")


class Qwen(FromNpm):
    """Qwen Code. The bottle is its sandbox, so its own sandbox and approvals are off."""

    name = "qwen"
    title = "Qwen Code"
    summary = "Qwen Code (Alibaba), from npm; runs on node"
    resume = ("--continue",)
    plain_variables = (API.base_variable, "OPENAI_MODEL")
    pinned = RELEASE

    def defaults(self, host: Mapping[str, str]) -> AgentDefaults:
        """The API that OPENAI_BASE_URL names, by key."""
        return API.defaults(host, WHERE)

    def provision(self, asked: Provisioning, installed: Installed | None) -> AgentProvision:
        """The script, settings so that it starts without questions, and a placeholder for the key."""
        host, approval = dict(asked.host_values), () if chooses(asked.spec.args, *MODES) else ("--approval-mode=yolo",)
        env = host | {"OPENAI_API_KEY": PLACEHOLDER, API.base_variable: API.endpoint(host).url, "QWEN_SANDBOX": "false"}
        key = key_note(API, host, asked.spec.credentials, inside="OPENAI_API_KEY", title=self.title)
        return self.assemble(
            installed,
            arguments=(*approval, *asked.spec.args),
            mode=PromptMode.INSTRUCTIONS_FILE,
            env=tuple(env.items()),
            files=(
                json_file(".qwen/settings.json", SETTINGS),
                *prompt_file(".qwen/QWEN.md", asked, can_ask=False),
            ),
            notes=(*cannot_ask(asked, WHY_NOT), *self.sandbox_note(approval), key),
        )
