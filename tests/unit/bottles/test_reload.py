"""What a reload takes from the files, what it keeps of the bottle, and what it leaves to the next start."""

import json
from pathlib import Path
from typing import Any

from bot_bottle.bottles.reload import brought_by_agent, egress_of, new_secrets, sources_from, waiting
from bot_bottle.gates.egress.plan import plan_egress
from bot_bottle.manifest.layer import start_from
from bot_bottle.manifest.overrides import Overrides
from bot_bottle.manifest.read import Sources
from bot_bottle.manifest.spec import BottleSpec, ConnectTo, Credential, Egress, FromEnv, FromFile, Limits, Rule, Target, Upstream
from bot_bottle.plans.show import to_json
from bot_bottle.record import replace

AGENT = Rule(host="model.example.com", where="agent claude", methods=("POST",))
OWN = Rule(host="api.example.com", where="bottle.yaml:3")
KEY = Credential(name="anthropic", source=FromEnv(env="K"), to=(Target(host="model.example.com"),), where="agent claude")
FORGE = Credential(name="forge", source=FromEnv(env="F"), to=(Target(host="git.example.com"),), where="bottle.yaml:5")
PIN = ConnectTo(host="model.example.com", port=443, address="127.0.0.1", to_port=8443)


def spec(**more: Any) -> BottleSpec:
    egress = Egress(rules=(AGENT, OWN), upstream=Upstream(connect=(PIN,)))
    base = replace(start_from(Path("/w")), egress=egress, credentials=(KEY, FORGE))
    return replace(base, **more)


HELD = json.loads(json.dumps(to_json(spec())))


def test_sources_written_and_read_again_are_the_same() -> None:
    overrides = Overrides(agent="codex", workspace=Path("/w"), allow=("a.example.com",), args=("-x",), prompt_file=Path("p"))
    given = Sources(cwd=Path("/w"), text="agent: shell\n")
    for sources in (
        given,
        Sources(cwd=Path("/w")),
        Sources(cwd=Path("/w"), manifest=Path("b.yaml"), overrides=overrides, search=False),
    ):
        assert sources_from(json.loads(json.dumps(to_json(sources)))) == sources


def test_what_the_agent_brought_stays() -> None:
    kept = brought_by_agent(HELD)
    assert kept.rules == (AGENT,)
    assert [(one.name, one.to, one.where) for one in kept.credentials] == [("anthropic", KEY.to, "agent claude")]
    assert kept.connect == (PIN,)


def test_only_new_secrets_are_read() -> None:
    assert new_secrets(plan_egress(spec()), HELD) == ()
    moved = replace(FORGE, source=FromFile(file=Path("/k")))
    added = replace(FORGE, name="other")
    wanted = new_secrets(plan_egress(spec(credentials=(KEY, moved, added))), HELD)
    assert [secret.name for secret in wanted] == ["forge", "other"]


def test_the_agents_own_key_is_never_read_again() -> None:
    elsewhere = replace(KEY, source=FromEnv(env="OTHER"))
    assert new_secrets(plan_egress(spec(credentials=(elsewhere, FORGE))), HELD) == ()


def test_what_waits_for_the_next_start_is_named() -> None:
    assert waiting(spec(), HELD) == ()
    assert waiting(spec(limits=Limits(pids=99), prompt="x"), HELD) == ("prompt", "limits")
    assert waiting(spec(egress=Egress(), credentials=(), origin=("b",)), HELD) == ()


def test_the_old_rules_are_read_from_the_plan() -> None:
    assert egress_of(HELD).rules == (AGENT, OWN)
