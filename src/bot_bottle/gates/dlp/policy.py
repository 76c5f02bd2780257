"""From findings to what happens: block, redact, ask, warn, or nothing. Pure: the strictest answer wins."""

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, Literal

from bot_bottle.gates.dlp.records import Finding, Kind
from bot_bottle.record import dataclass

Action = Literal["off", "warn", "redact", "ask", "block"]
STRICTNESS: tuple[Action, ...] = ("off", "warn", "redact", "ask", "block")

SURE: frozenset[Kind] = frozenset(("own", "canary"))
"""Exact copies: no false positives, so they block everywhere and no setting weakens them."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Override:
    """The operator's word on findings of some rules on some hosts; globs, `*` is any. The last that matches counts."""

    rule: str = "*"
    host: str = "*"
    action: Action = "warn"


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """What each kind of finding does. `model_hosts` are routes to the agent's model, where only exact copies block."""

    formats: Action = "block"
    unscannable: Action = "ask"
    injection: Action = "warn"
    overrides: tuple[Override, ...] = ()
    model_hosts: frozenset[str] = frozenset()

    def to_json(self) -> dict[str, Any]:  # Any: JSON
        """For `DlpPlan.config()`."""
        return {
            "formats": self.formats,
            "unscannable": self.unscannable,
            "injection": self.injection,
            "overrides": [{"rule": one.rule, "host": one.host, "action": one.action} for one in self.overrides],
            "model_hosts": sorted(self.model_hosts),
        }


def settings_from(row: Mapping[str, Any]) -> Settings:  # Any: JSON
    """Settings from `to_json`."""
    return Settings(
        formats=row["formats"],
        unscannable=row["unscannable"],
        injection=row["injection"],
        overrides=tuple(Override(**one) for one in row["overrides"]),
        model_hosts=frozenset(row["model_hosts"]),
    )


def action_for(one: Finding, host: str, settings: Settings) -> Action:
    """What this finding does on a request to this host."""
    if one.kind in SURE:
        return "block"
    action = _default(one.kind, settings)
    if host in settings.model_hosts and action in {"ask", "block"} and one.kind != "injection":
        action = "warn"
    for override in settings.overrides:
        if fnmatchcase(one.rule, override.rule) and fnmatchcase(host, override.host):
            action = override.action
    return action


def _default(kind: Kind, settings: Settings) -> Action:
    match kind:
        case "format" | "command" | "chain":
            return settings.formats
        case "exfil" | "evasion":
            return "ask" if settings.formats == "block" else settings.formats
        case "unscannable":
            return settings.unscannable
        case "injection" | "pin":
            return settings.injection
        case "hint":
            return "warn"
        case "own" | "canary":
            return "block"


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """The strictest action, the finding that called for it, and every finding with its own action."""

    action: Action
    finding: Finding | None
    findings: tuple[tuple[Finding, Action], ...]

    @property
    def stops(self) -> bool:
        """Nothing is sent. `ask` denies with its reason as long as nobody can be asked."""
        return self.action in {"ask", "block"}


def decide(findings: Sequence[Finding], host: str, settings: Settings) -> Verdict:
    """Pure, so that the table of cases can be a list of rows. Redacting what cannot be redacted blocks."""
    judged = tuple((one, _possible(one, action_for(one, host, settings))) for one in findings)
    told = tuple(pair for pair in judged if pair[1] != "off")
    if not told:
        return Verdict(action="off", finding=None, findings=())
    worst = max(told, key=lambda pair: STRICTNESS.index(pair[1]))
    return Verdict(action=worst[1], finding=worst[0], findings=told)


def _possible(one: Finding, action: Action) -> Action:
    """What was found undecoded in a body can be written over there, and orders in an answer if our own reader found them."""
    if action != "redact" or (one.surface == "body" and one.start is not None):
        return action
    return action if one.kind == "injection" and one.surface == "response" and "pipelock" not in one.via else "block"


def explain(verdict: Verdict) -> tuple[str, str]:
    """(why, hint) for the agent to read: the rule and the place, never what was found."""
    one = verdict.finding
    assert one is not None
    undone = f" through {' and '.join(one.via)}" if one.via else ""
    why = f"{one.title} was found in {one.where}{undone}. Nothing was sent."
    if one.kind in SURE:
        return why, "This value must not leave the bottle in any form. Go on without it."
    if verdict.action == "ask":
        return why, "This needs the operator's word. If it is harmless, ask the operator to allow this rule for this host."
    return why, "Send the request without it, or ask the operator to allow this rule for this host."
