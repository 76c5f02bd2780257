"""aider: a Python program in a virtual environment of its own, told its prompt as a file that it always reads."""

import os
from collections.abc import Mapping
from pathlib import Path

from bot_bottle.agents.base import AgentDefaults, Installed, Provisioning
from bot_bottle.agents.endpoint import PLACEHOLDER
from bot_bottle.agents.model_api import ANTHROPIC, OPENAI, defaults_of, key_notes
from bot_bottle.agents.packaged import Packaged
from bot_bottle.agents.pypi import Release, find, install, read_pins, start_of
from bot_bottle.agents.supervised import cannot_ask
from bot_bottle.plans.bottle import AgentProvision, GuestFile, PromptMode
from bot_bottle.record import replace

VERSION = "0.86.2"
WHERE = "agent aider"

APIS = (
    replace(ANTHROPIC, base_variable="ANTHROPIC_API_BASE"),
    replace(OPENAI, base_variable="OPENAI_API_BASE"),
)
"""aider asks them through LiteLLM, which has its own names for the base URLs."""

QUIET = {
    "AIDER_ANALYTICS_DISABLE": "true",
    "AIDER_CHECK_UPDATE": "false",
    "AIDER_GITIGNORE": "false",
    "AIDER_SHOW_MODEL_WARNINGS": "false",
    "AIDER_SHOW_RELEASE_NOTES": "false",
    "AIDER_YES_ALWAYS": "true",
    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
}
"""No analytics, no updates, no questions, no price list fetched; the project's .gitignore stays as it is."""

GIT_FILES = (
    GuestFile(path=".config/git/ignore", content=".aider*\n"),
    GuestFile(path=".config/git/config", content="[user]\n\tname = aider\n\temail = aider@bottle.invalid\n"),
)
"""aider keeps its history in the project, which git need not see, and names an author in .git/config when there is none: a file
that a bottle must not change. `.invalid` is nobody's (RFC 2606). A repository's own author goes before this one."""

PROMPT = ".config/aider/prompt.md"
"""The operator's standing prompt alone: what is added for agents that can ask would mislead this one."""


class Aider(Packaged):
    """aider. It edits and commits; without a person at the terminal it runs no commands."""

    name = "aider"
    title = "aider"
    summary = "aider, from PyPI; runs on Python 3.11 or 3.12"
    installer = "pip"
    resume = ("--restore-chat-history",)
    plain_variables = (*(api.base_variable for api in APIS), "AIDER_MODEL")

    @property
    def release(self) -> Release:
        """The pinned version."""
        return Release(agent=self.name, version=VERSION, module="aider", pins=read_pins(self.name), pythons=("3.11", "3.12"))

    def describe_pin(self) -> str:
        """The pinned version."""
        return VERSION

    def installed(self, cache: Path) -> Installed | None:
        """The pinned version in the cache, or None."""
        return find(self.release, cache, os.environ)

    def install(self, cache: Path) -> Installed:
        """Bring the pinned version into the cache with pip."""
        return install(self.release, cache, host=os.environ)

    def start(self) -> tuple[str, ...]:
        """The start of the command."""
        return start_of(self.release, self.programs)

    def defaults(self, host: Mapping[str, str]) -> AgentDefaults:
        """The APIs that the operator has keys for."""
        return defaults_of(APIS, host, WHERE)

    def provision(self, asked: Provisioning, installed: Installed | None) -> AgentProvision:
        """The program, its settings as variables, and a placeholder for each key that the gate will set."""
        host, credentials = dict(asked.host_values), asked.spec.credentials
        known = [api for api in APIS if api.has_credential(host, credentials)]
        bases = {api.base_variable: api.endpoint(host).url for api in known if host.get(api.base_variable)}
        env = QUIET | host | bases | {api.keys[0].variable: PLACEHOLDER for api in known}
        prompt = (GuestFile(path=PROMPT, content=asked.spec.prompt),) if asked.spec.prompt else ()
        read = ("--read", f"{asked.guest_home}/{PROMPT}") if prompt else ()
        return self.assemble(
            installed,
            arguments=(*read, *asked.spec.args),
            mode=PromptMode.INSTRUCTIONS_FILE,
            env=tuple(env.items()),
            files=(*GIT_FILES, *prompt),
            notes=(
                *cannot_ask(asked, "aider speaks no MCP"),
                *self.sandbox_note(("AIDER_YES_ALWAYS",)),
                *key_notes(APIS, host, credentials, title=self.title),
            ),
        )
