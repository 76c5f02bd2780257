"""Logs as keeper, gates and operator write them, with keys that are made for tests."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from bot_bottle.bottles.audit.key import Key, from_seed, signer
from bot_bottle.gates.chain import FIRST, digest, line_of

Event = Mapping[str, Any]  # Any: JSON

OWN = from_seed(hashlib.sha256(b"a test's operator").digest())
OTHER = from_seed(hashlib.sha256(b"somebody else").digest())
KEYS = {OWN.id: OWN.public}

BEGIN = {"gate": "keeper", "event": "begin", "format": 1, "bottle": "one"}


def decision(number: int, **more: Any) -> Event:  # Any: JSON
    """What the egress gate says of one request."""
    known = {"gate": "egress", "event": "decision", "id": number, "verdict": "allow", "host": "api.example.com"}
    return {**known, "method": "GET", "port": 443, "path": "/v1", "rule": "bottle.yaml:3", "scheme": "https", **more}


def written(events: Sequence[Event], *, key: Key = OWN, start: float = 1000.0) -> bytes:
    """The bytes of a log of these events; those with `sign` in them are signed, and marks list the keeper's lines."""
    sign, log, prev = signer(key), b"", FIRST
    own: list[int] = []
    for number, event in enumerate(events, 1):
        plain = {name: value for name, value in event.items() if name != "sign"}
        if event["gate"] == "keeper" and "sign" in event and event["event"] != "closed":
            plain.setdefault("own", own)
        line = line_of(plain, prev=prev, seq=number, now=start + number, sign=sign if "sign" in event else None)
        if event["gate"] == "keeper" and "sign" not in event:
            own = [*own, number]
        log, prev = log + line, digest(line)
    return log


def whole(*events: Event, id: str = "0" * 32, key: Key = OWN, marks: bool = False) -> bytes:
    """A log from its beginning to a signed end; with `marks` there is one after each event."""
    mark = {"gate": "keeper", "event": "mark", "sign": True}
    between = [one for event in events for one in ((event, mark) if marks else (event,))]
    contained = {"gate": "keeper", "event": "containment", "asked": 76, "holes": []}
    ended = {"gate": "keeper", "event": "ended", "code": 0, "why": ""}
    end = {"gate": "keeper", "event": "end", "sign": True}
    return written([{**BEGIN, "id": id}, contained, *between, ended, end], key=key)
