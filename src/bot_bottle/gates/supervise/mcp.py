"""The Model Context Protocol as far as a server with tools needs it: JSON-RPC messages in, what to do with them out. Pure.

Speaks the revisions 2025-03-26, 2025-06-18 and 2025-11-25 (a handshake, then requests) and 2026-07-28 (no handshake: every
request carries its version in `_meta`, and its method and tool name in headers that must agree with it). No sessions, no stream
that the server opens, no batches. The client is whatever runs in the bottle.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from bot_bottle.record import dataclass

Json = Mapping[str, Any]  # Any: JSON

HANDSHAKE = ("2025-03-26", "2025-06-18", "2025-11-25")
MODERN = ("2026-07-28",)

PARSE_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND, INVALID_PARAMS = -32700, -32600, -32601, -32602
"""JSON-RPC 2.0, 5.1."""

HEADER_MISMATCH, UNSUPPORTED_VERSION = -32020, -32022
"""MCP 2026-07-28."""

STATUS = {PARSE_ERROR: 400, INVALID_REQUEST: 400, METHOD_NOT_FOUND: 404, INVALID_PARAMS: 400, HEADER_MISMATCH: 400,
          UNSUPPORTED_VERSION: 400}  # fmt: skip
"""The HTTP status of an error by the revision without a handshake; the older ones answer errors with 200."""

META = "io.modelcontextprotocol/"
LIST_TTL_MS = 3_600_000
"""The tools do not change while a bottle runs."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """A tool is called. `progress` is the token under which progress may be told, if the client wants any."""

    id: str | int
    tool: str
    arguments: Json
    progress: str | int | None
    is_modern: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Reply:
    """What to answer at once: an HTTP status and a JSON-RPC message, or no content."""

    status: int
    message: Json | None = None


def take(message: Any, headers: Mapping[str, str], *, server: Json, instructions: str, tools: Sequence[Json]) -> Call | Reply:
    """Decide what one POST asks for. Any: JSON."""
    if not isinstance(message, dict) or message.get("jsonrpc") != "2.0":
        return _bad(None, INVALID_REQUEST, "The body is one JSON-RPC 2.0 message.")
    if "method" not in message or "id" not in message:
        return Reply(status=202)  # a notification, or an answer to what was never asked
    number, method, params = message["id"], message["method"], message.get("params", {})
    if not isinstance(number, str | int) or isinstance(number, bool) or not isinstance(method, str):
        return _bad(None, INVALID_REQUEST, "An id is a text or a whole number, a method a text.")
    if isinstance(number, str) and len(number) > 200:
        return _bad(None, INVALID_REQUEST, "The id is too long.")
    if not isinstance(params, dict):
        return _bad(number, INVALID_PARAMS, "“params” is an object.")
    meta = params.get("_meta", {})
    is_modern = isinstance(meta, dict) and f"{META}protocolVersion" in meta
    if refusal := _check_version(number, method, params, headers, is_modern=is_modern):
        return refusal
    if method == "tools/call":
        return _call(number, params, is_modern=is_modern)
    return _answer(number, method, params, is_modern=is_modern, server=server, instructions=instructions, tools=tools)


def _check_version(number: str | int, method: str, params: Json, headers: Mapping[str, str], *, is_modern: bool) -> Reply | None:
    said = headers.get("mcp-protocol-version")
    if not is_modern:
        if said is None or said in HANDSHAKE or method == "initialize":
            return None
        return _unsupported(number, said)
    asked = params["_meta"][f"{META}protocolVersion"]
    pairs = [("mcp-protocol-version", asked), ("mcp-method", method)]
    if method == "tools/call":
        pairs.append(("mcp-name", params.get("name")))
    for name, value in pairs:
        if headers.get(name) != value:
            return _bad(number, HEADER_MISMATCH, f"The header {name} and the message differ.")
    if not isinstance(params["_meta"].get(f"{META}clientCapabilities"), dict):
        return _bad(number, INVALID_PARAMS, f"“_meta” lacks {META}clientCapabilities.")
    return None if asked in MODERN else _unsupported(number, asked)


def _unsupported(number: str | int, asked: Any) -> Reply:  # Any: JSON
    more = {"supported": [*HANDSHAKE, *MODERN], "requested": str(asked)[:40]}
    return _bad(number, UNSUPPORTED_VERSION, "This protocol version is not spoken here.", more)


def _call(number: str | int, params: Json, *, is_modern: bool) -> Call | Reply:
    name, arguments, meta = params.get("name"), params.get("arguments", {}), params.get("_meta", {})
    if not isinstance(name, str) or not isinstance(arguments, dict):
        return _bad(number, INVALID_PARAMS, "A call names a tool and gives its arguments as an object.")
    progress = meta.get("progressToken") if isinstance(meta, dict) else None
    if not isinstance(progress, str | int) or isinstance(progress, bool) or len(str(progress)) > 200:
        progress = None
    return Call(id=number, tool=name, arguments=arguments, progress=progress, is_modern=is_modern)


def _answer(
    number: str | int, method: str, params: Json, *, is_modern: bool, server: Json, instructions: str, tools: Sequence[Json]
) -> Reply:
    about = {"capabilities": {"tools": {"listChanged": False}}, "instructions": instructions}
    if method == "initialize" and not is_modern:
        asked = params.get("protocolVersion")
        version = asked if asked in HANDSHAKE else HANDSHAKE[-1]
        return _result(number, {"protocolVersion": version, "serverInfo": server, **about})
    if method == "server/discover" and is_modern:
        cached = {"cacheScope": "private", "ttlMs": LIST_TTL_MS}
        return _result(number, {"supportedVersions": [*MODERN], **about, **cached}, server=server)
    if method == "tools/list":
        cached = {"cacheScope": "private", "ttlMs": LIST_TTL_MS} if is_modern else {}
        return _result(number, {"tools": list(tools), **cached}, server=server if is_modern else None)
    if method == "ping" and not is_modern:
        return _result(number, {})
    return _bad(number, METHOD_NOT_FOUND, "There is no such method.")


def result_of(call: Call, result: Json, *, server: Json) -> Json:
    """The answer to a call."""
    reply = _result(call.id, result, server=server if call.is_modern else None)
    assert reply.message is not None
    return reply.message


def error_of(call: Call, why: str) -> Reply:
    """A call of a tool that does not exist."""
    return _bad(call.id, INVALID_PARAMS, why)


def progress_of(call: Call, *, done: float, total: float, text: str) -> Json:
    """A notification of progress."""
    params = {"progressToken": call.progress, "progress": done, "total": total, "message": text}
    return {"jsonrpc": "2.0", "method": "notifications/progress", "params": params}


def _result(number: str | int, result: Json, *, server: Json | None = None) -> Reply:
    """With `server` in the form of the revision without a handshake."""
    if server is not None:
        result = {"resultType": "complete", **result, "_meta": {f"{META}serverInfo": server}}
    return Reply(status=200, message={"jsonrpc": "2.0", "id": number, "result": result})


def _bad(number: str | int | None, code: int, why: str, data: Json | None = None) -> Reply:
    error = {"code": code, "message": why} | ({"data": data} if data is not None else {})
    return Reply(status=STATUS[code], message={"jsonrpc": "2.0", "id": number, "error": error})


def parse_error() -> Reply:
    """The body is no JSON."""
    return _bad(None, PARSE_ERROR, "The body is not JSON.")
