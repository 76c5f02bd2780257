"""A log in the forms that other programs read: OpenTelemetry's logs, and a table. The HTTP archive is `bottles/traffic.py`'s.

Pure: events in, text out. What came from a bottle stays data: in the table no cell begins as a formula.
"""

import csv
import io
import json
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from bot_bottle.bottles.audit import words
from bot_bottle.bottles.audit.words import Event
from bot_bottle.host.plain import plain

Row = dict[str, Any]  # Any: JSON

AT_A_TIME = 512
"""Records in one line of OpenTelemetry's: collectors bound the size of a message."""

INFO, WARN, ERROR = (9, "INFO"), (13, "WARN"), (17, "ERROR")
"""Severities (OpenTelemetry logs data model, "Field: SeverityNumber")."""

COLUMNS = ("seq", "time", "gate", "event", "verdict", "subject", "rule", "why", "by", "more")

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""How a cell begins that spreadsheets calculate (OWASP, CSV injection)."""


def otel(events: Iterable[Event], *, slug: str, id: str, version: str) -> Iterator[str]:
    """Lines of OTLP in JSON (opentelemetry.io, OTLP, "JSON Protobuf Encoding"), as a collector's file receiver reads."""
    resource = {
        "attributes": _attributes({"service.name": "bot-bottle", "service.version": version, "bottle": slug, "log.id": id})
    }
    remaining = iter(events)
    while part := list(islice(remaining, AT_A_TIME)):
        scope = {"scope": {"name": "bot_bottle.audit", "version": version}, "logRecords": [_record(event) for event in part]}
        yield json.dumps({"resourceLogs": [{"resource": resource, "scopeLogs": [scope]}]}, separators=(",", ":"))


def _record(event: Event) -> Row:
    number, text = severity(event)
    moment = str(round(words.moment(event) * 1000) * 1_000_000)
    return {
        "timeUnixNano": moment,
        "observedTimeUnixNano": moment,
        "severityNumber": number,
        "severityText": text,
        "eventName": f"bot_bottle.{event.get('gate')}.{event.get('event')}",
        "body": {"stringValue": plain(words.line(event))},
        "attributes": _attributes({key: value for key, value in event.items() if key != "ts"}),
    }


def severity(event: Event) -> tuple[int, str]:
    """What was refused or held is worth a look, and what breaks the bottle is an error."""
    if event.get("holes") or event.get("event") in ("broken", "torn", "failed", "closed"):
        return ERROR
    return WARN if words.verdict(event) in ("deny", "hold") or event.get("event") in ("finding", "stale") else INFO


def _attributes(fields: Row) -> list[Row]:
    return [{"key": key, "value": _value(value)} for key, value in fields.items() if value is not None]


def _value(value: object) -> Row:
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}  # 64-bit integers are strings in the JSON of protocol buffers
    if isinstance(value, float):
        return {"doubleValue": value}
    if isinstance(value, list | tuple):
        return {"arrayValue": {"values": [_value(one) for one in value]}}
    if isinstance(value, dict):
        return {"kvlistValue": {"values": _attributes(value)}}
    return {"stringValue": "" if value is None else str(value)}


def table(events: Iterable[Event]) -> Iterator[str]:
    """CSV (RFC 4180) with a head; the fields that have no column of their own are JSON in the last."""
    yield _csv(COLUMNS)
    for event in events:
        at = datetime.fromtimestamp(words.moment(event), UTC).isoformat(timespec="milliseconds")
        more = {key: value for key, value in event.items() if key not in words.PLUMBING}
        cells = (event.get("seq"), at, event.get("gate"), event.get("event"), words.verdict(event), words.subject(event))
        yield _csv((*cells, words.rule(event), words.why(event), words.actor(event), json.dumps(more, separators=(",", ":"))))


def _csv(cells: Iterable[object]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerow([_cell(cell) for cell in cells])
    return out.getvalue()


def _cell(cell: object) -> str:
    text = "" if cell is None else str(cell)
    return f"'{text}" if text.startswith(FORMULA) else text
