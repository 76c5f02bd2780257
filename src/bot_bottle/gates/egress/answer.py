"""What the gate itself says to the bottle: refusals that an agent can read and act on."""

import json
from typing import Any

from bot_bottle.gates.egress.http import write_head
from bot_bottle.manifest.spec import Rule
from bot_bottle.record import dataclass

REASONS = {
    400: "Bad Request", 403: "Forbidden", 408: "Request Timeout", 411: "Length Required", 413: "Content Too Large",
    421: "Misdirected Request", 429: "Too Many Requests", 431: "Request Header Fields Too Large", 501: "Not Implemented",
    502: "Bad Gateway", 503: "Service Unavailable", 504: "Gateway Timeout",
}  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Refusal:
    """A refusal: its status (RFC 9110), why in a sentence, the rule that denies, and what could be asked for.

    `by` and `advice` are the words of a gate that inspected the request.
    """

    status: int
    why: str
    rule: Rule | None = None
    hint: dict[str, Any] | None = None  # Any: JSON
    by: str = ""
    advice: str = ""


def refusal_bytes(refusal: Refusal, *, host: str, method: str, path: str, close: bool) -> bytes:
    """The whole answer: JSON, ASCII only, nothing in it that the bottle did not know, but for the reason."""
    body: dict[str, Any] = {"error": "denied by bot-bottle", "reason": refusal.why}
    body |= {"host": host, "method": method, "path": path[:400]}
    if refusal.rule is not None:
        body["rule"] = refusal.rule.where
    if refusal.by:
        body |= {"rule": refusal.by, "advice": refusal.advice}
    if refusal.hint:
        body["hint"] = {"tool": "request_permission", "arguments": refusal.hint}
    content = (json.dumps(body, indent=1) + "\n").encode("ascii")
    headers = [("content-type", "application/json"), ("content-length", str(len(content))), ("x-bot-bottle", "denied")]
    headers.append(("cache-control", "no-store"))
    if close:
        headers.append(("connection", "close"))
    head = write_head(f"HTTP/1.1 {refusal.status} {REASONS.get(refusal.status, 'Refused')}", headers)
    return head if method == "HEAD" else head + content
