"""The tools as the agent sees them: names, what they are for, what they take, and how their answers read. Pure."""

import json
from typing import Any

from bot_bottle.gates.supervise.asks import CHOICE_LIMIT, REASON_LIMIT, Ask
from bot_bottle.gates.supervise.deltas import KINDS, METHODS, row_of

Row = dict[str, Any]  # Any: JSON

LONGEST_WAIT_S = 240
"""Claude Code and Codex end a tool call after 300 seconds."""

INSTRUCTIONS = (
    "You work in a sealed bottle: requests to hosts that the operator has not allowed are refused, and the answer says why. "
    "When you need what is refused, call request_permission with the arguments of that answer's hint and a short honest reason, "
    "then await_decision with the id you get. Ask for as little as the task needs: one host, the methods and paths you use. "
    "Ask once. When it is denied, take the alternative or do without; when it is pending, go on with other work and await it "
    "again later. Never try to get round a refusal."
)

_TEXT = {"type": "string"}
_LIST = {"type": "array", "maxItems": 16}
_ID = {"type": "string", "description": "The id that request_permission or ask_operator gave."}
_AWAITED = {
    "type": "string",
    "description": "The id that request_permission or ask_operator gave, or that of a held push: push-3.",
}


def _tool(name: str, text: str, properties: Row, *required: str) -> Row:
    schema = {"type": "object", "properties": properties, "required": list(required), "additionalProperties": False}
    return {"name": name, "description": text, "inputSchema": schema}


TOOLS: list[Row] = [
    _tool(
        "request_permission",
        "Ask the operator for one thing that this bottle may not do. Give the arguments of the refusal's hint, and a reason. "
        "Kinds: egress (host, ports, methods, paths), preset (name: pip, cargo …), credential (name, host, …), dlp (rule, host), "
        "budget (usd, tokens: how much more), mount (path, to) and limit (name, value) from the next start on. "
        "A push that the git gate holds is before the operator already: await_decision takes its id. "
        "Answers at once with a status: approved, denied, pending (then call await_decision), or unavailable.",
        {
            "kind": {"type": "string", "enum": list(KINDS), "description": "egress when left out"},
            "host": {**_TEXT, "description": "One host, or *.example.com for one more label"},
            "ports": {**_LIST, "items": {"type": "integer", "minimum": 1, "maximum": 65535}},
            "methods": {**_LIST, "items": {"type": "string", "enum": sorted(METHODS)}, "description": "Any when left out"},
            "paths": {**_LIST, "items": _TEXT, "description": "Globs, as /v1/**; any when left out"},
            "scheme": {"type": "string", "enum": ["https", "http"]},
            "name": _TEXT,
            "rule": _TEXT,
            "usd": {"type": "number"},
            "tokens": {"type": "integer"},
            "path": _TEXT,
            "to": _TEXT,
            "writable": {"type": "boolean"},
            "value": _TEXT,
            "reason": {**_TEXT, "maxLength": REASON_LIMIT, "description": "What you need it for, in a sentence or two"},
        },
        "reason",
    ),
    _tool(
        "await_decision",
        f"Wait for the operator's answer to a request, a question or a held push, at most {LONGEST_WAIT_S} seconds. "
        "Pending means: go on with something else and await again later.",
        {"id": _AWAITED, "seconds": {"type": "number", "minimum": 0, "maximum": LONGEST_WAIT_S}},
        "id",
    ),
    _tool(
        "list_denials",
        "What the bottle's gates refused lately, with ready arguments for request_permission.",
        {"limit": {"type": "integer", "minimum": 1, "maximum": 50}},
    ),
    _tool("current_policy", "What this bottle may do now: rules, credentials by name, grants, budget, your open requests.", {}),
    _tool("withdraw", "Take back a request that you no longer need.", {"id": _ID}, "id"),
    _tool(
        "ask_operator",
        "Ask the operator a question, with choices if there are some. Then call await_decision with the id.",
        {
            "question": {**_TEXT, "maxLength": REASON_LIMIT},
            "choices": {"type": "array", "maxItems": CHOICE_LIMIT, "items": {**_TEXT, "maxLength": 80}},
        },
        "question",
    ),
]

NAMES = tuple(str(tool["name"]) for tool in TOOLS)


def result(content: Row, *, is_error: bool = False) -> Row:
    """A tool's result: JSON as text, and as structured content for clients that read it."""
    text = json.dumps(content, indent=1, ensure_ascii=True)
    return {"content": [{"type": "text", "text": text}], "structuredContent": content, "isError": is_error}


def status_row(ask: Ask, *, waited_s: float = 0.0) -> Row:
    """An ask as the agent is told of it."""
    row: Row = {"id": str(ask.number), "status": ask.state}
    if ask.delta is not None:
        row["asked"] = row_of(ask.delta)
    answer = ask.answer
    if ask.state == "pending":
        row["next"] = _go_on(waited_s)
    elif ask.state == "expired":
        row |= {"status": "unavailable", "reason": "Nobody answered. Do without, and say in your result what was missing."}
    elif ask.state == "withdrawn":
        row |= {"status": "unavailable", "reason": "You have withdrawn it."}
    if answer is None or ask.state not in ("approved", "denied"):
        return row
    if answer.choice:
        row["answer"] = answer.choice
    if answer.reason:
        row["reason"] = answer.reason
    if answer.alternative:
        row["alternative"] = answer.alternative
    if answer.note:
        row["note"] = answer.note
    if ask.state == "denied":
        row["next"] = "Do not ask for the same again. Take the alternative, or do without and say so in your result."
    return row


def awaited_row(id: str, found: Row, *, waited_s: float = 0.0) -> Row:
    """What another gate has before the operator."""
    return {"id": id, **found} | ({"next": _go_on(waited_s)} if found["status"] == "pending" else {})


def _go_on(waited_s: float) -> str:
    waited = f"The operator has not answered within {waited_s:.0f} s. " if waited_s else ""
    return f"{waited}Go on with work that does not need it; call await_decision with this id again later."


def unavailable(why: str, *, retry_s: float | None = None) -> Row:
    """Nobody was asked."""
    row: Row = {"status": "unavailable", "reason": why}
    return row if retry_s is None else {**row, "retry_after_s": retry_s}
