"""`custom`: any program that the manifest names. Its rules, credentials and environment are the manifest's business."""

from bot_bottle.agents.base import Installed, Provisioning
from bot_bottle.agents.built_in import BuiltIn
from bot_bottle.errors import BadManifest
from bot_bottle.plans.bottle import AgentProvision, PromptMode
from bot_bottle.plans.gate import Line

PROMPT_VARIABLE = "BOT_BOTTLE_PROMPT_FILE"
"""Where a custom agent finds its standing prompt; the file is there even when there is no prompt."""


class Custom(BuiltIn):
    """The manifest's `command`, then its `args`."""

    name = "custom"
    summary = "the manifest's own `command`"

    def provision(self, asked: Provisioning, installed: Installed | None) -> AgentProvision:
        """The command of the manifest. BadManifest when it names none."""
        if not asked.spec.command:
            raise BadManifest(
                "The agent is `custom`, but there is no command to run.",
                facts=("command: is empty.",),
                next="Add the program and its arguments, for instance `command: [python3, agent.py]`.",
            )
        return AgentProvision(
            provider=self.name,
            version="",
            command=asked.spec.command + asked.spec.args,
            prompt_mode=PromptMode.ENVIRONMENT,
            env=((PROMPT_VARIABLE, asked.guest_prompt_file),),
            notes=(
                Line(label="agent", text=f"{asked.spec.command[0]} finds its prompt in the file that {PROMPT_VARIABLE} names"),
            ),
        )
