"""From a request to the views that are scanned. Pure. Raw bytes first: most things are found without parsing anything."""

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from bot_bottle.gates.dlp.chains import flat
from bot_bottle.gates.dlp.records import View
from bot_bottle.record import dataclass, field

SMALL = 64 * 1024
"""Bodies up to this size are also parsed, to join what was split over fields. Larger ones are watched for fragments."""

JOINED = ("joining",)
"""What was done to get views of several fields: their offsets are not those of the body."""

_COMMAND_KEY = re.compile(r"(?i)^(?:cmd|command|commands|script|shell|bash|code|exec|args?|argv|input|line|query)$")
_COMMAND_TOOL = re.compile(r"(?i)exec|run|shell|bash|terminal|command|cmd|powershell|subprocess|system|process|console|script")


@dataclass(frozen=True, kw_only=True, slots=True)
class Outgoing:
    """One request as the gate is about to send it. `body` is decoded; `target` is path and query as sent."""

    method: str
    host: str
    target: str
    headers: Sequence[tuple[str, str]] = ()
    body: bytes = field(default=b"", repr=False)

    def header(self, name: str) -> str:
        """The first value of a header, or nothing."""
        return next((value for key, value in self.headers if key.lower() == name), "")


def head_views(request: Outgoing) -> Iterator[View]:
    """Host, URL and headers."""
    host = request.host.encode("utf-8", "replace")
    yield View("host", "the host name", host)
    if any(map(str.isdigit, request.host)):
        yield View("header", "the host name in upper case", host.upper())
    yield View("url", "the URL", request.target.encode("utf-8", "replace"))
    if request.headers:
        yield View(
            "header", "the headers", "\n".join(f"{name}: {value}" for name, value in request.headers).encode("utf-8", "replace")
        )
    query = request.target.partition("?")[2]
    if query.count("=") > 1:
        yield View(
            "query",
            "the URL's parameters, joined",
            "".join(part.partition("=")[2] for part in query.split("&")).encode("utf-8", "replace"),
        )
    cookies = request.header("cookie")
    if cookies.count(";"):
        yield View(
            "cookie",
            "the cookies, joined",
            "".join(part.partition("=")[2].strip() for part in cookies.split(";")).encode("utf-8", "replace"),
        )


def joined_views(request: Outgoing) -> Iterator[View]:
    """The path's segments and the headers' values put together; for exact copies alone: numbers join to anything."""
    segments = request.target.partition("?")[0].split("/")
    if len(segments) > 2:
        yield View("url", "the path's parts, joined", "".join(segments).encode("utf-8", "replace"), JOINED)
    if len(request.headers) > 1:
        yield View(
            "header", "the headers, joined", "".join(value for _, value in request.headers).encode("utf-8", "replace"), JOINED
        )


def named_headers(headers: Sequence[tuple[str, str]]) -> Iterator[View]:
    """Each header alone, to say which one a finding is in."""
    for name, value in headers:
        yield View("cookie" if name.lower() == "cookie" else "header", f"header {name}", value.encode("utf-8", "replace"))


def body_views(body: bytes, content_type: str) -> Iterator[View]:
    """The body as it is; small JSON and forms also with their fields joined, and tool calls as such."""
    if not body:
        return
    yield View("body", "the body", body)
    if len(body) <= SMALL:
        yield from field_views(body, content_type)


def field_views(body: bytes, content_type: str) -> Iterator[View]:
    """What appears when the fields of a small body are put together."""
    if body[:1] in b"{[" and body[:1]:
        parsed = parse(body)
        if parsed is not None:
            yield from _joined(parsed, "body", "the body's fields")
            yield from rpc_views(parsed)
    elif "form" in content_type and b"=" in body:
        if b"multipart" in content_type.encode("latin-1", "replace"):
            texts = re.split(rb"\r?\n\r?\n|\r?\n--[^\r\n]*", body)[1::2]
            yield View("body", "the form's fields, joined", b"".join(texts), JOINED)
        else:
            yield View(
                "body", "the form's fields, joined", b"".join(part.partition(b"=")[2] for part in body.split(b"&")), JOINED
            )


def parse(body: bytes) -> Any:  # Any: JSON
    """The JSON value, or None when it is none."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _joined(value: Any, surface: Any, where: str) -> Iterator[View]:  # Any: JSON; one of the surfaces
    texts = flat(value)
    if len(texts) > 1:
        yield View(surface, f"{where}, joined", "".join(texts).encode("utf-8", "replace"), JOINED)
        yield View(surface, f"{where}, one per line", "\n".join(texts).encode("utf-8", "replace"), JOINED)


def rpc_views(message: Any) -> Iterator[View]:  # Any: JSON
    """Tool calls and tool descriptions in JSON-RPC messages (MCP)."""
    for one in message if isinstance(message, list) else (message,):
        if not isinstance(one, dict):
            continue
        params = one.get("params")
        if one.get("method") == "tools/call" and isinstance(params, dict):
            yield from command_views(str(params.get("name", "")), params.get("arguments"))


def tool_calls(message: Any) -> Iterator[tuple[str, dict[str, Any]]]:  # Any: JSON
    """Name and arguments of each tool call in JSON-RPC messages."""
    for one in message if isinstance(message, list) else (message,):
        if isinstance(one, dict) and one.get("method") == "tools/call" and isinstance(one.get("params"), dict):
            arguments = one["params"].get("arguments")
            yield str(one["params"].get("name", "")), arguments if isinstance(arguments, dict) else {}


def command_views(tool: str, arguments: Any) -> Iterator[View]:  # Any: JSON
    """Arguments that a shell will read: those named so, or any of a tool that runs commands."""
    if not isinstance(arguments, dict):
        return
    for name, value in arguments.items():
        runs = _COMMAND_TOOL.search(tool) is not None
        named = _COMMAND_KEY.match(name) is not None and name.lower() not in {"query", "input"}
        if not (named or runs):
            continue
        texts = [" ".join(flat(value))] if isinstance(value, list) else [value] if isinstance(value, str) else []
        for text in texts:
            yield View("command", f"tool argument {name}", text.encode("utf-8", "replace"))


def tool_views(message: Any) -> Iterator[tuple[str, View]]:  # Any: JSON
    """(tool, everything its listing says) for each tool in the answer to tools/list."""
    for one in message if isinstance(message, list) else (message,):
        result = one.get("result") if isinstance(one, dict) else None
        tools = result.get("tools") if isinstance(result, dict) else None
        for tool in tools if isinstance(tools, list) else ():
            if isinstance(tool, dict):
                name = str(tool.get("name", ""))
                yield name, View("tool", f"description of tool {name}", "\n".join(_texts(tool)).encode("utf-8", "replace"))


def _texts(value: Any, depth: int = 12) -> list[str]:  # Any: JSON
    """Keys and strings, since a schema's property names are read by the model too."""
    if isinstance(value, str):
        return [value]
    if depth == 0:
        return []
    if isinstance(value, dict):
        return [text for key, inner in value.items() for text in (str(key), *_texts(inner, depth - 1))]
    if isinstance(value, list):
        return [text for inner in value for text in _texts(inner, depth - 1)]
    return []


def all_texts(value: Any) -> bytes:  # Any: JSON
    """Every key and string of a JSON value, one per line."""
    return "\n".join(_texts(value)).encode("utf-8", "replace")
