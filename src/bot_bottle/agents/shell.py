"""`shell`: no agent at all, the operator's own command or a login shell, under the same seal."""

from collections.abc import Mapping
from pathlib import Path

from bot_bottle.agents.base import AgentDefaults, AgentProvider, Installed, Provisioning
from bot_bottle.errors import BottleError
from bot_bottle.plans.bottle import AgentProvision, PromptMode

LOGIN_SHELL = ("/bin/sh", "-c", "command -v bash >/dev/null && exec bash -l; exec sh -l")
"""bash where the bottle has it. Decided inside: the bottle's programs need not be the host's."""


class Shell(AgentProvider):
    """A command, or a login shell when none is given."""

    name = "shell"
    summary = "a shell, or the command after --"

    def installed(self, cache: Path) -> Installed | None:
        """Nothing to install."""
        return None

    def install(self, cache: Path) -> Installed:
        """Nothing to install."""
        raise nothing_to_install(self.name)

    def defaults(self, host: Mapping[str, str]) -> AgentDefaults:
        """No rules, no credentials."""
        return AgentDefaults()

    def provision(self, asked: Provisioning, installed: Installed | None) -> AgentProvision:
        """The command itself."""
        command = asked.spec.args or LOGIN_SHELL
        return AgentProvision(provider=self.name, version="", command=command, prompt_mode=PromptMode.NONE)


def nothing_to_install(name: str) -> BottleError:
    """This agent is not something that is installed."""
    return BottleError(f"There is nothing to install for {name}.", next="Run it: `bot-bottle run " + name + "`.")
