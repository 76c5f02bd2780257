"""`shell`: no agent at all, the operator's own command or a login shell, under the same seal."""

from bot_bottle.agents.base import Installed, Provisioning
from bot_bottle.agents.built_in import BuiltIn
from bot_bottle.plans.bottle import AgentProvision, PromptMode

LOGIN_SHELL = ("/bin/sh", "-c", "command -v bash >/dev/null && exec bash -l; exec sh -l")
"""bash where the bottle has it. Decided inside: the bottle's programs need not be the host's."""


class Shell(BuiltIn):
    """A command, or a login shell when none is given."""

    name = "shell"
    summary = "a shell, or the command after --"

    def provision(self, asked: Provisioning, installed: Installed | None) -> AgentProvision:
        """The command itself."""
        command = asked.spec.args or LOGIN_SHELL
        return AgentProvision(provider=self.name, version="", command=command, prompt_mode=PromptMode.NONE)
