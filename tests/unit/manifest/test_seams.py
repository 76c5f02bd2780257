"""What the manifest offers is what the rest of the program has, and means what the gate does."""

from pathlib import Path

import pytest

from bot_bottle.agents.registry import PROVIDERS
from bot_bottle.backends.registry import BACKENDS
from bot_bottle.bottles.prepare import guest_env
from bot_bottle.gates.egress.covers import Request, compile_rule
from bot_bottle.gates.egress.tools.registry import TOOLS
from bot_bottle.manifest.available import AVAILABLE
from bot_bottle.manifest.env import reserved
from bot_bottle.manifest.model import Manifest
from bot_bottle.manifest.parse import parse
from bot_bottle.manifest.read import Sources, load
from bot_bottle.manifest.spec import Rule
from bot_bottle.plans.bottle import AgentProvision, PromptMode

FREE = {"PATH", "SHELL", "LANG", "TERM"}
"""What the bottle sets and a manifest may set otherwise without breaking it."""


def rules(text: str, folder: Path) -> tuple[Rule, ...]:
    layer, mistakes = parse(text.encode(), label="f", base=folder, model=Manifest, available=AVAILABLE)
    assert layer is not None, [str(one) for one in mistakes]
    return layer.rules


def test_every_agent_on_offer_has_a_provider() -> None:
    assert set(AVAILABLE.agents) == set(PROVIDERS)


def test_every_backend_on_offer_is_there() -> None:
    assert set(AVAILABLE.backends) == {*BACKENDS, "auto"}


def test_every_preset_on_offer_has_a_tool() -> None:
    assert set(AVAILABLE.presets) == {tool.name for tool in TOOLS}


def test_every_variable_that_the_bottle_needs_is_reserved(repository: Path) -> None:
    spec = load(Sources(cwd=repository)).spec
    provision = AgentProvision(provider="shell", version="", command=("true",), prompt_mode=PromptMode.NONE)
    env = dict(guest_env(spec, "slug", provision, terminal="xterm", preset_env=()))
    assert {name for name in env if not reserved(name)} == FREE


@pytest.mark.parametrize(("scheme", "port"), [("https", 443), ("https", 8443), ("http", 80), ("http", 3000)])
def test_a_deny_of_a_host_denies_every_port_and_scheme(scheme: str, port: int, repository: Path) -> None:
    compiled = [compile_rule(rule) for rule in rules("egress: {rules: [{host: bad.example.com, deny: true}]}", repository)]
    request = Request(scheme=scheme, host="bad.example.com", port=port, method="GET", path="/")
    assert any(one.covers(request, ("/",)) for one in compiled)


@pytest.mark.parametrize(("scheme", "port", "is_covered"), [("https", 443, True), ("https", 8443, False), ("http", 80, False)])
def test_an_allow_of_a_host_allows_https_on_443_only(scheme: str, port: int, is_covered: bool, repository: Path) -> None:
    (compiled,) = [compile_rule(rule) for rule in rules("egress: {rules: [{host: api.example.com}]}", repository)]
    request = Request(scheme=scheme, host="api.example.com", port=port, method="GET", path="/")
    assert compiled.covers(request, ("/",)) is is_covered
