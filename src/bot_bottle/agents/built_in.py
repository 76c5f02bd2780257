"""What `shell` and `custom` have in common: nothing is installed for them."""

from abc import ABC
from collections.abc import Mapping
from pathlib import Path

from bot_bottle.agents.base import AgentDefaults, AgentProvider, Installed
from bot_bottle.errors import BottleError


class BuiltIn(AgentProvider, ABC):
    """An agent that needs no install, no rules and no credentials of its own: the manifest says what it may do."""

    def installed(self, cache: Path) -> Installed | None:
        """Nothing to install."""
        return None

    def install(self, cache: Path) -> Installed:
        """Nothing to install."""
        raise BottleError(f"There is nothing to install for {self.name}.", next=f"Run it: `bot-bottle run {self.name}`.")

    def defaults(self, host: Mapping[str, str]) -> AgentDefaults:
        """No rules, no credentials."""
        return AgentDefaults()
