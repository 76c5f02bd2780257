"""One event as one line for a person. Pure; whoever prints it makes it plain, because most of it came from a bottle."""

from collections.abc import Mapping
from typing import Any

Event = Mapping[str, Any]  # Any: JSON

PLUMBING = frozenset({"prev", "seq", "ts", "gate", "event", "sig", "key", "own"})
"""Fields that every line has, or that hold the log together."""


def moment(event: Event) -> float:
    """When it was, in seconds; the epoch where the log does not say, or says what no calendar has."""
    said = event.get("ts")
    return said if isinstance(said, int | float) and 0 <= said < 2**35 else 0.0


def actor(event: Event) -> str:
    """Who did it, where it was a person or a policy."""
    return str(event.get("by") or "")


def verdict(event: Event) -> str:
    """What was decided, in one word; empty where nothing was."""
    known = {"approved": "allow", "denied": "deny", "refused": "deny", "containment": "deny" if event.get("holes") else "allow"}
    return str(event.get("verdict") or known.get(str(event.get("event")), ""))


def rule(event: Event) -> str:
    """What decided it: a rule of the egress gate, a detector, the rules of a push's findings, a grant."""
    findings = event.get("findings")
    if isinstance(findings, list):
        return ", ".join(dict.fromkeys(str(one.get("rule", "")) for one in findings if isinstance(one, dict)))
    return str(event.get("rule") or event.get("grant") or "")


def subject(event: Event) -> str:
    """What it is about."""
    gate, name = event.get("gate"), event.get("event")
    shown = event.get("shown")
    if gate == "egress" and name == "decision":
        place = f"{event.get('host')}:{event.get('port')}{event.get('path') or ''}"
        return f"{event.get('method') or '?'} {event.get('scheme') or 'https'}://{place}"
    if gate == "egress" and name == "done":
        return f"#{event.get('id')} {event.get('status')}, {event.get('bytes_out')} B out, {event.get('bytes_in')} B in"
    if gate == "git-gate":
        return " ".join((str(event.get("repository") or ""), *_updates(event))).strip()
    if gate == "keeper" and name == "containment":
        return f"{event.get('asked')} ways out tried, {len(event.get('holes') or ())} open"
    if isinstance(shown, dict) and shown.get("title"):
        return str(shown["title"])
    for field in ("what", "title", "host", "bottle"):
        if event.get(field):
            return str(event[field])
    return ""


def _updates(event: Event) -> list[str]:
    rows = event.get("taken") or event.get("updates") or event.get("commands") or ()
    return [f"{row[0]}:{str(row[1])[:8]}→{str(row[2])[:8]}" for row in rows if isinstance(row, list) and len(row) == 3]


def why(event: Event) -> str:
    """The reason in words."""
    return str(event.get("why") or event.get("reason") or event.get("said") or "")


def line(event: Event) -> str:
    """All of that."""
    head = f"{event.get('gate')!s:<9} {event.get('event')!s:<12} {verdict(event):<5}"
    parts = (subject(event), why(event), f"[{rule(event)}]" if rule(event) else "", f"by {actor(event)}" if actor(event) else "")
    return f"{head} {'  '.join(part for part in parts if part)}".rstrip()
