"""`shell`: no agent at all, the operator's own command or a login shell, under the same seal."""

from signal import SIGHUP

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
        if asked.spec.args:
            return AgentProvision(provider=self.name, version="", command=asked.spec.args, prompt_mode=PromptMode.NONE)
        # an interactive shell ignores SIGTERM, and ends when its terminal hangs up (bash(1), SIGNALS)
        return AgentProvision(
            provider=self.name, version="", command=LOGIN_SHELL, prompt_mode=PromptMode.NONE, stop_signal=int(SIGHUP)
        )
