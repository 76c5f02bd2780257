"""What went through a bottle's egress gate, from its event log: one row for each decision, with how the exchange ended.

Pure: events in, rows or a HAR out. Paths are the gate's; queries, headers and bodies are not in the log, so no secret is here.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any

from bot_bottle.bottles.events import Event
from bot_bottle.record import dataclass

HAR_VERSION = "1.2"
"""HTTP Archive, http://www.softwareishard.com/blog/har-12-spec/."""

UNKNOWN = -1
"""What HAR writes for sizes and times that are not known."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One request: who decided it and how, and how it ended. `status` 0: it has no answer (yet)."""

    ts: float
    verdict: str
    method: str
    scheme: str
    host: str
    port: int
    path: str
    rule: str
    why: str
    status: int = 0
    bytes_out: int = 0
    bytes_in: int = 0
    ms: float = 0.0

    @property
    def url(self) -> str:
        """Its address, without the query."""
        name = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == {"https": 443, "http": 80}.get(self.scheme) else f":{self.port}"
        return f"{self.scheme}://{name}{port}{self.path or '/'}"


def rows(events: Iterable[Event]) -> Iterator[Row]:
    """In the order in which exchanges end; those that have not ended come last."""
    open_: dict[Any, Event] = {}  # Any: the number of a decision
    for event in events:
        if event.get("gate") != "egress":
            continue
        if event.get("event") == "decision":
            if event.get("verdict") != "allow":
                yield _row(event, {})
            else:
                open_[event.get("id")] = event
        elif event.get("event") == "done" and event.get("id") in open_:
            yield _row(open_.pop(event.get("id")), event)
    for event in open_.values():
        yield _row(event, {})


def _row(decision: Event, done: Event) -> Row:
    return Row(
        ts=_number(decision.get("ts")),
        verdict=str(decision.get("verdict", "")),
        method=str(decision.get("method") or "?"),
        scheme=str(decision.get("scheme") or ("http" if decision.get("port") == 80 else "https")),
        host=str(decision.get("host") or "?"),
        port=int(_number(decision.get("port"))),
        path=str(decision.get("path") or ""),
        rule=str(decision.get("rule") or ""),
        why=str(done.get("why") or decision.get("why") or ""),
        status=int(_number(done.get("status", decision.get("status")))),
        bytes_out=int(_number(done.get("bytes_out"))),
        bytes_in=int(_number(done.get("bytes_in"))),
        ms=_number(done.get("ms")),
    )


def _number(value: object) -> float:
    return value if isinstance(value, int | float) else 0


def har(found: Iterable[Row], *, version: str) -> dict[str, Any]:  # Any: JSON
    """An HTTP archive that browsers' tools open. Denied requests are in it with the status the bottle got and the reason."""
    creator = {"name": "bot-bottle", "version": version}
    return {"log": {"version": HAR_VERSION, "creator": creator, "entries": [_entry(row) for row in found]}}


def _entry(row: Row) -> dict[str, Any]:  # Any: JSON
    status = row.status or (403 if row.verdict != "allow" else 0)
    common: dict[str, Any] = {"httpVersion": "HTTP/1.1", "cookies": [], "headers": [], "headersSize": UNKNOWN}  # Any: JSON
    content = {"size": row.bytes_in, "mimeType": ""}
    return {
        "startedDateTime": datetime.fromtimestamp(row.ts, UTC).isoformat(timespec="milliseconds"),
        "time": row.ms,
        "request": {"method": row.method, "url": row.url, "queryString": [], "bodySize": row.bytes_out, **common},
        "response": {
            "status": status,
            "statusText": "",
            "content": content,
            "redirectURL": "",
            "bodySize": row.bytes_in,
            **common,
        },
        "cache": {},
        "timings": {"send": 0, "wait": row.ms, "receive": 0},
        "comment": row.why or row.rule,
    }
