"""Reads a bottle's event log: what its gates decided. Tolerates a last line that is still being written."""

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bot_bottle.record import dataclass

Event = dict[str, Any]  # Any: JSON


SAID = {"ask": "nobody answered", "approved": "approved", "denied": "denied", "withdrawn": "withdrawn"}
"""What the supervise gate's events say of an ask."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Tally:
    """Requests allowed by host, and refused by host with the first reason; what the agent asked for, and what was said."""

    allowed: tuple[tuple[str, int], ...]
    refused: tuple[tuple[str, int, str], ...]
    asked: tuple[tuple[str, str], ...] = ()


def read_events(path: Path) -> Iterator[Event]:
    """The events in order; a line that is no JSON object is left out."""
    if not path.exists():
        return
    with open(path, encoding="utf-8", errors="replace") as file:
        for line in file:
            try:
                event = json.loads(line)
            except ValueError:
                continue
            if isinstance(event, dict):
                yield event


def tally(events: Iterator[Event]) -> Tally:
    """Count the egress decisions by host, and list the asks with their last state."""
    allowed: Counter[str] = Counter()
    refused: Counter[str] = Counter()
    reasons: dict[str, str] = {}
    asked: dict[Any, tuple[str, str]] = {}  # Any: the number of an ask
    for event in events:
        if event.get("gate") == "supervise" and (state := SAID.get(str(event.get("event")))):
            asked[event.get("id")] = (str((event.get("shown") or {}).get("title") or event.get("what") or ""), state)
        if event.get("event") != "decision" or event.get("gate") != "egress":
            continue
        host = str(event.get("host") or "?")
        if event.get("verdict") == "allow":
            allowed[host] += 1
        else:
            refused[host] += 1
            reasons.setdefault(host, str(event.get("why") or event.get("reason") or ""))
    return Tally(
        allowed=tuple(allowed.most_common()),
        refused=tuple((host, count, reasons[host]) for host, count in refused.most_common()),
        asked=tuple(asked.values()),
    )
