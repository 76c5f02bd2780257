"""What the gate decides by: the plan's rules and bindings with what the operator granted since. Pure; swapped whole, so that no
request sees half of a change.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from bot_bottle.errors import Refused
from bot_bottle.gates.base import Granted
from bot_bottle.gates.egress.credentials import Binding, bind
from bot_bottle.gates.egress.plan import credential_from, rule_from
from bot_bottle.gates.egress.rules import Policy, compile_rules
from bot_bottle.manifest.spec import Budget, Credential, Rule
from bot_bottle.record import dataclass, replace

GRANT = "grant "
"""How the origin of a granted rule begins; the grant's name follows."""

KINDS = frozenset({"egress", "preset", "credential", "budget"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """`policy` decides what begins, `running` what may go on: a grant for one request still covers the one that used it."""

    policy: Policy
    running: Policy
    bindings: tuple[Binding, ...]
    rules: tuple[Rule, ...]
    credentials: tuple[Credential, ...]


def read_settings(config: Mapping[str, Any], granted: Sequence[Granted] = ()) -> Settings:  # Any: JSON
    """From `EgressPlan.config()`. Refused when a grant cannot be carried out."""
    rules = tuple(rule_from(row) for row in config["rules"])
    credentials = tuple(credential_from(row) for row in config["credentials"])
    more = [rule_of(one) for one in granted if one.kind != "budget"]
    spent = [rule_of(one) for one in granted if one.kind != "budget" and one.is_spent]
    added = [bound(one, credentials) for one in granted if one.kind == "credential" and not one.is_spent]
    policy = compile_rules((*rules, *(rule for rule in more if rule not in spent)))
    return Settings(
        policy=policy,
        running=compile_rules((*rules, *more)) if spent else policy,
        bindings=bind((*credentials, *added)),
        rules=rules,
        credentials=credentials,
    )


def rule_of(one: Granted) -> Rule:
    """The rule that a grant stands for; that of a credential allows the requests which it is set on."""
    row = dict(one.row)
    if one.kind == "credential":
        row = {"host": row["host"]} | {key: row[key] for key in ("ports", "methods", "paths") if key in row}
    rule = rule_from(row | {"where": f"{GRANT}{one.name}"})
    if rule.deny or rule.passthrough:
        raise Refused("A grant is an allow that the gate can look into.")
    return rule


def bound(one: Granted, credentials: Sequence[Credential]) -> Credential:
    """The credential with the granted requests as its target, in the slot it has."""
    known = next((credential for credential in credentials if credential.name == one.row["name"]), None)
    if known is None:
        raise Refused(f"This bottle has no credential {one.row['name']}; add it to the manifest.")
    rule = rule_of(one)
    target = replace(known.to[0], host=rule.host, ports=rule.ports, methods=rule.methods, paths=rule.paths)
    return replace(known, to=(target,))


def raised(budget: Budget, granted: Sequence[Granted]) -> Budget:
    """The budget with what was granted on top; no bound stays none."""
    more = [one.row for one in granted if one.kind == "budget"]
    usd, tokens = sum(float(row.get("usd", 0)) for row in more), sum(int(row.get("tokens", 0)) for row in more)
    return Budget(
        usd=None if budget.usd is None else budget.usd + usd, tokens=None if budget.tokens is None else budget.tokens + tokens
    )
