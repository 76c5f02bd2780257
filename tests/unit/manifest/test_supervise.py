"""The supervise section: what it says, and what of it a repository's manifest may not say by itself."""

from pathlib import Path
from typing import Any

import pytest

from bot_bottle.errors import BadManifest
from bot_bottle.gates.supervise.plan import is_supervised, plan_supervise
from bot_bottle.manifest.available import AVAILABLE
from bot_bottle.manifest.layer import add, start_from
from bot_bottle.manifest.model import Manifest
from bot_bottle.manifest.parse import parse
from bot_bottle.manifest.read import Sources, load
from bot_bottle.manifest.spec import BottleSpec, FromEnv, Notify, Supervise
from bot_bottle.manifest.tighten import loosenings
from bot_bottle.record import replace

WHOLE = """\
supervise:
  enabled: true
  unattended: deny
  within: [{host: "*.example.com", methods: [GET]}]
  within_for: 10m
  notify: {desktop: true, command: [tell-me, "-v"], webhook: "https://hooks.example.com/x", key: {env: KEY}}
"""


def spec_of(text: str, folder: Path) -> BottleSpec:
    (folder / "bottle.yaml").write_text(text)
    return load(Sources(cwd=folder, manifest=Path("bottle.yaml"))).spec


def test_everything_that_is_said_arrives(repository: Path) -> None:
    said = spec_of(WHOLE, repository).supervise
    assert said is not None
    assert (said.enabled, said.unattended, said.within_s) == (True, "deny", 600)
    assert [(rule.host, rule.methods, rule.where) for rule in said.within] == [("*.example.com", ("GET",), "bottle.yaml:4")]
    wanted = Notify(desktop=True, command=("tell-me", "-v"), webhook="https://hooks.example.com/x", key=FromEnv(env="KEY"))
    assert said.notify == wanted


@pytest.mark.parametrize(
    ("agent", "enabled", "is_there"),
    [
        ("claude", None, True), ("codex", None, True), ("shell", None, False), ("custom", None, False),
        ("claude", False, False), ("shell", True, True),
    ],
)  # fmt: skip
def test_agents_have_the_gate_and_commands_when_asked(agent: Any, enabled: bool | None, is_there: bool, tmp_path: Path) -> None:
    spec = replace(start_from(tmp_path), agent=agent, supervise=Supervise(enabled=enabled))
    assert is_supervised(spec) is is_there
    assert (plan_supervise(spec, tmp_path) is not None) is is_there


def test_the_plan_says_what_is_given_without_a_human_and_holds_no_token(repository: Path) -> None:
    plan = plan_supervise(spec_of(WHOLE, repository), repository)
    assert plan is not None
    text = " ".join(line.text for line in plan.describe())
    assert "10m" in text
    assert "*.example.com" in text
    assert "webhook" in text
    assert plan.config()["unattended"] == "deny"
    assert [secret.name for secret in plan.secrets()] == ["supervise token"]


@pytest.mark.parametrize(
    "wrong",
    [
        "{enabled: maybe}",
        "{unattended: allow}",
        "{within: [{host: a.example.com, deny: true}]}",
        "{within: [{host: a.example.com, passthrough: true}]}",
        "{within_for: none}",
        "{within_for: 30d}",
        "{notify: {webhook: ftp://hooks.example.com}}",
        "{notify: {webhook: 'https://me:pw@hooks.example.com/'}}",
        "{notify: {webhook: https://}}",
        "{notify: {key: {}}}",
        "{bell: true}",
    ],
)
def test_what_makes_no_sense_is_refused(wrong: str, repository: Path) -> None:
    with pytest.raises(BadManifest):
        spec_of(f"supervise: {wrong}\n", repository)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("supervise: {enabled: true}", "supervise.enabled"),
        ("supervise: {unattended: wait}", "supervise.unattended"),
        ("supervise: {within: [{host: a.example.com}]}", "supervise.within[0]"),
        ("supervise: {within_for: 2h}", "supervise.within_for"),
        ("supervise: {notify: {command: [evil]}}", "supervise.notify"),
    ],
)
def test_a_repository_cannot_loosen_it(text: str, path: str, tmp_path: Path) -> None:
    policy = replace(start_from(tmp_path), supervise=Supervise(enabled=False, unattended="deny"))
    said, mistakes = parse(text.encode(), label="bottle.yaml", base=tmp_path, model=Manifest, available=AVAILABLE)
    assert said is not None, mistakes
    assert [one.path for one in loosenings(policy, said)] == [path]


@pytest.mark.parametrize("text", ["supervise: {enabled: false}", "supervise: {unattended: deny}", "supervise: {within_for: 1m}"])
def test_a_repository_can_tighten_it(text: str, tmp_path: Path) -> None:
    said, _ = parse(text.encode(), label="bottle.yaml", base=tmp_path, model=Manifest, available=AVAILABLE)
    assert said is not None
    assert loosenings(start_from(tmp_path), said) == ()
    assert add(start_from(tmp_path), said).supervise is not None
