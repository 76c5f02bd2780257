"""Brings a running bottle's gates to what its manifest and the operator's policy say now: what `run` would do, without a restart.

The files are read as a start reads them, from where this bottle was started, and judged in the same way. What the agent itself
brought (its model's hosts and key) stays as it was: it comes from the shell that started it.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bot_bottle.agents.base import AgentDefaults
from bot_bottle.bottles.asks import socket_of, who
from bot_bottle.bottles.audit.say import note
from bot_bottle.bottles.secrets import read_secrets, system_keyring
from bot_bottle.bottles.start import complete
from bot_bottle.errors import BottleError
from bot_bottle.gates.ask import ask as ask_gate
from bot_bottle.gates.dlp.plan import plan_dlp
from bot_bottle.gates.egress.plan import (
    CLIENT_OF,
    PROXY_LOGIN,
    EgressPlan,
    connect_from,
    credential_from,
    plan_egress,
    rule_from,
    upstream_from,
)
from bot_bottle.gates.egress.presets import resolve_presets
from bot_bottle.host import paths
from bot_bottle.host.files import write_file
from bot_bottle.host.run import run
from bot_bottle.manifest.overrides import Overrides
from bot_bottle.manifest.read import Sources, load
from bot_bottle.manifest.spec import BottleSpec
from bot_bottle.plans.gate import Secret
from bot_bottle.plans.show import to_json
from bot_bottle.record import dataclass, replace

SOURCES = "sources.json"
"""In the stage dir, written at the start: where the bottle's wishes came from."""

LIVE = ("egress", "credentials", "budget", "dlp")
"""What changes in a running bottle; every other field is kept until the next start."""

BOOKKEEPING = ("backend", "origin", "read_from", "decided_by")
"""Fields that say where the others come from, or what was made of them."""

AGENT = "agent "
"""How the origin of what the agent brought begins."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Reloaded:
    """What holds now: rules that came and went as the preflight words them, and fields that wait for the next start."""

    added: tuple[str, ...]
    removed: tuple[str, ...]
    later: tuple[str, ...]
    notices: tuple[str, ...] = ()


def reload(slug: str, *, host: Mapping[str, str]) -> Reloaded:
    """Do it. BadManifest, Declined or BottleError with the reason; then what held before holds on."""
    control, stage_dir = socket_of(slug), paths.bottle_dir(slug)
    plan = _read(stage_dir / "plan.json")
    held = plan["spec"]
    loaded = load(sources_from(_read(stage_dir / SOURCES)))
    presets = resolve_presets(loaded.spec.egress.presets, host=host, run=run, cache=paths.cache_dir())
    spec = complete(loaded, brought_by_agent(held), presets)
    egress = plan_egress(spec)
    values = read_secrets(new_secrets(egress, held), host=host, run=run, keyring=system_keyring)
    dlp = {"settings": plan_dlp(spec, host).settings.to_json()}
    _tell(control, {"gate": "egress", "op": "reload", "config": egress.config(), "secrets": values})
    _tell(control, {"gate": "dlp", "op": "reload", "config": dlp})
    before, after = _texts(egress_of(held)), _texts(egress)
    done = Reloaded(
        added=tuple(line for line in after if line not in before),
        removed=tuple(line for line in before if line not in after),
        later=waiting(spec, held),
        notices=loaded.notices,
    )
    changed = to_json(spec)
    held |= {name: changed[name] for name in LIVE}
    write_file(stage_dir / "plan.json", json.dumps(plan))  # what the next reload starts from
    note(slug, "reloaded", {"by": who(), "added": list(done.added), "removed": list(done.removed), "later": list(done.later)})
    return done


def brought_by_agent(held: Mapping[str, Any]) -> AgentDefaults:  # Any: JSON
    """The agent's own rules, key and pinned addresses, from the plan's spec."""
    rules = tuple(rule_from(row) for row in held["egress"]["rules"] if row["where"].startswith(AGENT))
    keys = tuple(credential_from(row) for row in held["credentials"] if row["where"].startswith(AGENT))
    hosts = {rule.host for rule in rules}
    pins = tuple(connect_from(row) for row in held["egress"]["upstream"]["connect"] if row["host"] in hosts)
    return AgentDefaults(
        rules=rules, credentials=tuple(replace(key, where=f"{AGENT}{held['agent']}") for key in keys), connect=pins
    )


def new_secrets(egress: EgressPlan, held: Mapping[str, Any]) -> tuple[Secret, ...]:  # Any: JSON
    """The secrets whose values the gate does not have: new names, and known ones that come from another place now."""
    known = {row["name"]: row["source"] for row in held["credentials"]}
    known |= {CLIENT_OF + row["name"]: row["oauth2"]["client_secret"] for row in held["credentials"] if row.get("oauth2")}
    known[PROXY_LOGIN] = held["egress"]["upstream"].get("proxy_login")
    agents = {one.name for one in egress.credentials if one.where.startswith(AGENT)}
    return tuple(one for one in egress.secrets() if one.name not in agents and known.get(one.name) != to_json(one.source))


def waiting(spec: BottleSpec, held: Mapping[str, Any]) -> tuple[str, ...]:  # Any: JSON
    """The fields that differ from the plan and cannot change in a running bottle."""
    now = to_json(spec)
    return tuple(name for name in held if name not in (*LIVE, *BOOKKEEPING) and now.get(name) != held[name])


def egress_of(held: Mapping[str, Any]) -> EgressPlan:  # Any: JSON
    """The egress plan that the bottle was started with, as far as its lines show it."""
    rules = tuple(rule_from(row) for row in held["egress"]["rules"])
    return EgressPlan(rules=rules, credentials=(), upstream=upstream_from(held["egress"]["upstream"]))


def sources_from(row: Mapping[str, Any]) -> Sources:  # Any: JSON
    """The sources again."""
    typed = row["overrides"]
    said: dict[str, Any] = {name: tuple(one) if isinstance(one, list) else one for name, one in typed.items()}  # Any: JSON
    said |= {name: Path(typed[name]) for name in ("workspace", "prompt_file") if typed[name] is not None}
    manifest = Path(row["manifest"]) if row["manifest"] is not None else None
    overrides, search = Overrides(**said), bool(row["search"])
    return Sources(cwd=Path(row["cwd"]), manifest=manifest, overrides=overrides, search=search, text=row.get("text"))


def _texts(plan: EgressPlan) -> tuple[str, ...]:
    rules = replace(plan, credentials=()).describe()
    return tuple(f"{line.label} {line.text}" for line in rules if line.label in ("allow", "deny", "upstream"))


def _read(path: Path) -> dict[str, Any]:  # Any: JSON
    try:
        row: dict[str, Any] = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise BottleError(
            "How this bottle was started cannot be read.", facts=(str(error),), next="Start it again to use another policy."
        ) from None
    return row


def _tell(control: Path, request: dict[str, Any]) -> None:  # Any: JSON
    answer = ask_gate(control, request)
    if "error" in answer:
        raise BottleError(str(answer["error"]), facts=tuple(str(fact) for fact in answer.get("facts", ())))
