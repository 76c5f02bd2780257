"""What the gate itself says to the bottle: refusals that an agent can read and act on. Pure.

Texts may hold what the bottle or a server sent; JSON with ASCII escapes makes them harmless to whoever prints them.
"""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from bot_bottle.gates.egress.compose import response_bytes
from bot_bottle.gates.egress.names import authority_text
from bot_bottle.manifest.spec import Rule
from bot_bottle.record import dataclass

REASONS = {
    400: "Bad Request", 403: "Forbidden", 408: "Request Timeout", 413: "Content Too Large", 417: "Expectation Failed",
    421: "Misdirected Request", 431: "Request Header Fields Too Large", 501: "Not Implemented", 502: "Bad Gateway",
    503: "Service Unavailable", 504: "Gateway Timeout",
}  # fmt: skip
"""RFC 9110, 15; RFC 6585 for 431."""

SHOWN_PATH = 400
"""Characters of a path that an answer or event repeats."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Refusal:
    """A refusal: its status (RFC 9110), why in a sentence, the rule that denies, and what could be asked for.

    `by` and `advice` are the words of a gate that inspected the request.
    """

    status: int
    why: str
    rule: Rule | None = None
    hint: Mapping[str, Any] | None = None  # Any: JSON
    by: str = ""
    advice: str = ""

    @property
    def rule_name(self) -> str | None:
        """Who says so."""
        return self.by or (self.rule.where if self.rule is not None else None)


class Subject(NamedTuple):
    """What a refusal or event is about, as far as it is known; texts are safe to show."""

    host: str = ""
    port: int | None = None
    method: str = ""
    path: str = ""
    scheme: str = ""


def refusal_bytes(refusal: Refusal, subject: Subject, *, close: bool, can_ask: bool = False) -> bytes:
    """The whole answer. A policy says `denied`; what failed on the way out says `failed`. `can_ask`: somebody is there to ask."""
    is_denied = refusal.status < 500
    body: dict[str, Any] = {"error": "denied by bot-bottle" if is_denied else "failed in bot-bottle", "reason": refusal.why}
    body |= {"host": subject.host, "port": subject.port, "method": subject.method, "path": subject.path[:SHOWN_PATH]}
    if refusal.rule_name is not None:
        body["rule"] = refusal.rule_name
    if refusal.advice:
        body["advice"] = refusal.advice
    if refusal.hint and can_ask:
        body["hint"] = {"tool": "request_permission", "arguments": refusal.hint}
    elif refusal.hint:
        body["hint"] = {"operator": _for_the_operator(refusal.hint)}
    content = (json.dumps(body, indent=1) + "\n").encode("ascii")
    fields = [
        ("content-type", "application/json"),
        ("cache-control", "no-store"),
        ("x-bot-bottle", "denied" if is_denied else "failed"),
    ]
    reason = REASONS.get(refusal.status, "Refused")
    head = response_bytes(refusal.status, reason, fields, length=len(content), chunked=False, close=close)
    return head if subject.method == "HEAD" else head + content


def _for_the_operator(hint: Mapping[str, Any]) -> str:  # Any: JSON
    """What whoever started the bottle can do, where the agent has nobody to ask."""
    if hint.get("kind") != "egress":
        return "Your manifest can permit it; this bottle has no supervise gate to ask at."
    place = authority_text(hint["host"], next(iter(hint.get("ports", ())), 443), default_port=443)
    return f"Start it with `--allow {place}`, or add a rule to your manifest; this bottle has no supervise gate to ask at."
