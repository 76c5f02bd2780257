"""Every agent provider, one line each; a provider's module loads when it is asked for."""

import importlib

from bot_bottle.agents.base import AgentProvider
from bot_bottle.errors import BadUsage

PROVIDERS = {
    "claude": "claude:Claude",
    "codex": "codex:Codex",
    "gemini": "gemini:Gemini",
    "opencode": "opencode:Opencode",
    "qwen": "qwen:Qwen",
    "copilot": "copilot:Copilot",
    "amp": "amp:Amp",
    "aider": "aider:Aider",
    "shell": "shell:Shell",
    "custom": "custom:Custom",
}
"""Name → "module:class" under bot_bottle.agents, in the order `agents ls` shows them."""


def provider(name: str) -> AgentProvider:
    """The provider of this name. BadUsage when there is none."""
    place = PROVIDERS.get(name)
    if place is None:
        raise unknown(name)
    module, attribute = place.split(":")
    made = getattr(importlib.import_module(f"bot_bottle.agents.{module}"), attribute)()
    assert isinstance(made, AgentProvider)
    return made


def providers() -> tuple[AgentProvider, ...]:
    """All of them."""
    return tuple(provider(name) for name in PROVIDERS)


def unknown(name: str) -> BadUsage:
    """There is no such agent."""
    import difflib

    near = difflib.get_close_matches(name, PROVIDERS, n=1)
    known = f"The agents are {', '.join(PROVIDERS)}."
    return BadUsage(f"There is no agent called {name!r}.", facts=(known,), next=f"Did you mean {near[0]}?" if near else "")
