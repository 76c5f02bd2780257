"""Scoring on a corpus of cases as JSON files: each case through the same scanners as traffic, with every host allowed."""

import base64
import binascii
import contextlib
import json
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bot_bottle.errors import BadUsage
from bot_bottle.gates.dlp import views
from bot_bottle.gates.dlp.chains import Trail, follow
from bot_bottle.gates.dlp.detectors.catalogue import OUTGOING
from bot_bottle.gates.dlp.frames import Frame, Frames
from bot_bottle.gates.dlp.incoming import Reader
from bot_bottle.gates.dlp.records import Kind, View
from bot_bottle.gates.dlp.scan import Scanner
from bot_bottle.record import dataclass

STOPPING: frozenset[Kind] = frozenset(
    ("own", "canary", "format", "exfil", "evasion", "unscannable", "injection", "command", "chain", "pin")
)
"""Kinds that stop something under the strict policy that is scored: formats block, injection block, ask counts as stopped."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """One case: what it is, whether it should be stopped, and its payload as the corpus has it."""

    name: str
    category: str
    kind: str
    malicious: bool
    payload: dict[str, Any]  # Any: JSON
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Scored:
    """A case and what stopped it: findings' rules, or nothing."""

    case: Case
    stopped_by: tuple[str, ...]
    out_of_scope: str = ""

    @property
    def is_right(self) -> bool:
        """Stopped when malicious, let through when not."""
        return bool(self.stopped_by) == self.case.malicious


def read_cases(folder: Path) -> list[Case]:
    """Every case below the folder. BadUsage when there is none or one cannot be read."""
    cases = []
    for path in sorted(folder.rglob("*.json")):
        try:
            text = json.loads(path.read_text())
        except ValueError as error:
            raise BadUsage("A case of the corpus is not JSON.", facts=(f"{path}: {error}",)) from error
        if isinstance(text, dict) and "expected_verdict" in text and isinstance(text.get("payload"), dict):
            cases.append(
                Case(
                    name=str(text.get("id", path.stem)),
                    category=str(text.get("category", path.parent.name)),
                    kind=str(text.get("input_type", "")),
                    malicious=text["expected_verdict"] == "block",
                    payload=text["payload"],
                    tags=tuple(map(str, text.get("capability_tags") or ())),
                )
            )
    if not cases:
        raise BadUsage(f"There are no cases below {folder}.", next="Name the folder that holds the cases' JSON files.")
    return cases


Refuses = Callable[[str], str | None]
"""Why the gate would not dial a URL's host whatever the rules allow (an address of this network), or None."""

_WILDCARD = re.compile(r"(?:^|[.-])(\d{1,3}[.-]\d{1,3}[.-]\d{1,3}[.-]\d{1,3})\.(?:nip\.io|sslip\.io|xip\.io)$")
_METADATA = frozenset(("metadata.google.internal", "metadata", "instance-data", "instance-data.ec2.internal"))


def known_address(host: str) -> str | None:
    """What a name resolves to by definition, since a score asks no name server: RFC 6761, clouds' metadata names, wildcard DNS.

    The running gate resolves every name and checks what it gets.
    """
    if host == "localhost" or host.endswith((".localhost", ".localtest.me", ".lvh.me")) or host in {"localtest.me", "lvh.me"}:
        return "127.0.0.1"
    if host in _METADATA:
        return "169.254.169.254"
    match = _WILDCARD.search(host)
    return match.group(1).replace("-", ".") if match else None


RULES_ONLY = "needs a deny rule of the egress gate: nothing in the content"
ADDRESS_ONLY = "an address the egress gate does not dial: nothing in the content"


class Judge:
    """The scanners, made once, and one method per kind of case."""

    def __init__(self, *, engine: str = "", refuses: Refuses | None = None) -> None:
        self._scanner = Scanner(OUTGOING, key=b"score", engine=engine)
        self._reader = Reader(key=b"score", engine=engine)
        self._refuses = refuses

    def score(self, case: Case) -> Scored:
        """What stops this case."""
        if "domain_blocklist" in case.tags:
            return Scored(case=case, stopped_by=(), out_of_scope=RULES_ONLY)
        rules = {one.rule for one in self._findings(case) if one.kind in STOPPING}
        url = str(case.payload.get("url", ""))
        if self._refuses is not None and url and (why := self._refuses(url)):
            rules.add(f"egress: {why}")
        elif not rules and "ssrf" in " ".join(case.tags) and case.malicious:
            return Scored(case=case, stopped_by=(), out_of_scope=ADDRESS_ONLY)
        return Scored(case=case, stopped_by=tuple(sorted(rules)))

    def _findings(self, case: Case) -> Iterator[Any]:  # Any: findings and matches both have kind and rule
        payload = case.payload
        if (
            case.kind in {"mcp_tool_call", "mcp_tool_sequence", "mcp_tool_definition", "mcp_tool_result", "mcp_input", "mcp_tool"}
            or "jsonrpc_messages" in payload
        ):
            yield from self._messages(payload.get("jsonrpc_messages", []))
        elif "agent_card" in payload:
            yield from self._reader.read((View("tool", "the agent card", views.all_texts(payload["agent_card"])),))
            yield from self._scanner.scan((View("body", "the agent card", views.all_texts(payload["agent_card"])),))
        elif "frames" in payload:
            yield from self._frames(payload["frames"])
        elif "response_body" in payload:
            text = payload["response_body"]
            yield from self._reader.read(
                (View("response", "the response", (text if isinstance(text, str) else json.dumps(text)).encode()),)
            )
        else:
            yield from self._request(payload)

    def _request(self, payload: dict[str, Any]) -> Iterator[Any]:
        url = urlsplit(str(payload.get("url", "")))
        headers = [(str(name), str(value)) for name, value in (payload.get("headers") or {}).items()]
        content_type = str(payload.get("content_type", ""))
        body = payload.get("body", "")
        request = views.Outgoing(
            method=str(payload.get("method", "GET")),
            host=url.hostname or "",
            target=url.path + (f"?{url.query}" if url.query else "") + (f"#{url.fragment}" if url.fragment else ""),
            headers=headers,
            body=(body if isinstance(body, str) else json.dumps(body)).encode(),
        )
        yield from self._scanner.scan((*views.head_views(request), *views.body_views(request.body, content_type)))

    def _messages(self, messages: list[Any]) -> Iterator[Any]:
        trail = Trail()
        for message in messages:
            body = json.dumps(message, ensure_ascii=False).encode()
            yield from self._scanner.scan(views.body_views(body, "application/json"))
            yield from self._reader.read(view for _, view in views.tool_views(message))
            yield from self._reader.read((View("mcp", "the message", views.all_texts(message)),))
            for tool, arguments in views.tool_calls(message):
                trail, matches = follow(trail, tool, arguments)
                yield from matches

    def _frames(self, frames: list[Any]) -> Iterator[Any]:
        joined = Frames()
        for one in frames:
            payload = str(one.get("payload", "")).encode()
            if one.get("encoding") == "base64":
                with contextlib.suppress(binascii.Error):
                    payload = base64.b64decode(payload)
            frame = Frame(
                opcode=str(one.get("opcode", "text")),
                payload=payload,
                fin=bool(one.get("fin", True)),
                rsv1=bool(one.get("rsv1", False)),
            )
            joined, seen, matches = joined.take(frame)
            yield from matches
            yield from self._scanner.scan(seen)


@dataclass(frozen=True, kw_only=True, slots=True)
class Row:
    """One category's score."""

    category: str
    malicious: int = 0
    caught: int = 0
    benign: int = 0
    stopped: int = 0
    apart: int = 0


CAUGHT_BAR = 0.95
APART_BAR = 0.10


def table(scored: Sequence[Scored]) -> list[Row]:
    """A row per category, in order of name, and the sum as the last."""
    rows = {
        name: _row(name, [one for one in scored if one.case.category == name])
        for name in sorted({one.case.category for one in scored})
    }
    return [*rows.values(), _row("all", scored)]


def _row(name: str, scored: Sequence[Scored]) -> Row:
    inside = [one for one in scored if not one.out_of_scope]
    bad = [one for one in inside if one.case.malicious]
    good = [one for one in inside if not one.case.malicious]
    return Row(
        category=name,
        malicious=len(bad),
        caught=sum(bool(one.stopped_by) for one in bad),
        benign=len(good),
        stopped=sum(bool(one.stopped_by) for one in good),
        apart=len(scored) - len(inside),
    )


def meets_bars(scored: Sequence[Scored]) -> bool:
    """At least 95 % of the malicious caught, nothing harmless stopped, at most 10 % listed apart."""
    whole = _row("all", scored)
    return whole.stopped == 0 and whole.caught >= CAUGHT_BAR * whole.malicious and whole.apart <= APART_BAR * len(scored)
