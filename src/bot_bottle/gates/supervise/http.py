"""The little of HTTP/1.1 that an MCP client in the bottle speaks: strict, bounded reading of requests, plain writing of answers.

The bottle controls every byte. Framing is by Content-Length alone; whatever could be read in two ways closes the connection.
"""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from bot_bottle.record import dataclass

HEAD_LIMIT = 16 * 1024
BODY_LIMIT = 64 * 1024
"""Bytes of a request: the largest honest one, a question with its choices, has a few thousand."""

HEAD_S = 10.0
"""A request that has begun is complete this soon."""

IDLE_S = 600.0
"""A kept connection may be silent for this long: clients keep theirs through a long build."""

WRITE_S = 20.0
"""A client that does not read its answer is gone."""

REASONS = {
    200: "OK", 202: "Accepted", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found",
    405: "Method Not Allowed", 408: "Request Timeout", 411: "Length Required", 413: "Content Too Large",
    415: "Unsupported Media Type", 431: "Request Header Fields Too Large", 503: "Service Unavailable",
}  # fmt: skip

_TOKEN = frozenset("!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")


@dataclass(frozen=True, kw_only=True, slots=True)
class HttpRequest:
    """One request: header names in lower case, each once."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def keeps(self) -> bool:
        """Whether the client wants the connection kept (RFC 9112, 9.3)."""
        return "close" not in self.headers.get("connection", "").lower()


class BadRequest(Exception):
    """Not a request that is read here; the connection ends after the answer."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status
        self.why = why


async def read_request(reader: asyncio.StreamReader) -> HttpRequest | None:
    """The next request; None when the client is done. BadRequest, or TimeoutError after a silence."""
    async with asyncio.timeout(IDLE_S):
        first = await reader.read(1)
    if not first:
        return None
    async with asyncio.timeout(HEAD_S):
        try:
            head = first + await reader.readuntil(b"\r\n\r\n")
        except asyncio.LimitOverrunError:
            raise BadRequest(431, f"The request head is larger than {HEAD_LIMIT} bytes.") from None
        method, target, headers = parse_head(head)
        return HttpRequest(method=method, target=target, headers=headers, body=await _read_body(reader, headers))


async def _read_body(reader: asyncio.StreamReader, headers: Mapping[str, str]) -> bytes:
    if "transfer-encoding" in headers:
        raise BadRequest(411, "Send the request with a Content-Length.")
    size = headers.get("content-length", "0")
    if not (size.isascii() and size.isdigit() and len(size) <= 9):
        raise BadRequest(400, "The Content-Length is not a number.")
    if int(size) > BODY_LIMIT:
        raise BadRequest(413, f"The request is larger than {BODY_LIMIT} bytes.")
    return await reader.readexactly(int(size))


def parse_head(head: bytes) -> tuple[str, str, dict[str, str]]:
    """Method, target and headers of a head that ends in an empty line. BadRequest for anything with two readings."""
    lines = head[:-4].split(b"\r\n")
    if any(b"\n" in line or b"\r" in line or b"\0" in line for line in lines):
        raise BadRequest(400, "A line ends in a bare line feed.")
    words = lines[0].split(b" ")
    if len(words) != 3 or words[2] != b"HTTP/1.1" or not words[0].isalpha():
        raise BadRequest(400, "This is not an HTTP/1.1 request.")
    headers: dict[str, str] = {}
    for line in lines[1:]:
        name, colon, value = line.decode("latin-1").partition(":")
        if not colon or not name or not set(name) <= _TOKEN:
            raise BadRequest(400, "A header line is malformed.")
        if name.lower() in headers:
            raise BadRequest(400, f"The header {name.lower()} stands twice.")
        headers[name.lower()] = value.strip(" \t")
    if "host" not in headers:
        raise BadRequest(400, "The Host header is missing.")
    return words[0].decode("ascii"), words[1].decode("latin-1"), headers


def answer_bytes(status: int, content: Any = None, *, keeps: bool, more: Mapping[str, str] | None = None) -> bytes:
    """A whole answer; `content` as JSON, or none. Any: JSON."""
    body = b"" if content is None else json.dumps(content, separators=(",", ":")).encode("ascii")
    fields = {"content-type": "application/json"} if body else {}
    return _head(status, {**fields, "content-length": str(len(body)), **(more or {})}, keeps=keeps) + body


def stream_head() -> bytes:
    """The head of a stream of server-sent events (WHATWG HTML 9.2), in chunks."""
    fields = {"content-type": "text/event-stream", "cache-control": "no-cache, no-transform", "transfer-encoding": "chunked"}
    return _head(200, fields, keeps=True)


def event_bytes(message: Mapping[str, Any]) -> bytes:  # Any: JSON
    """One JSON-RPC message as an event, in a chunk of its own."""
    text = f"event: message\ndata: {json.dumps(message, separators=(',', ':'))}\n\n".encode("ascii")
    return f"{len(text):x}\r\n".encode() + text + b"\r\n"


KEEPALIVE = b"3\r\n:\n\n\r\n"
"""A comment: keeps whatever stands between from closing a silent stream."""

STREAM_END = b"0\r\n\r\n"


def _head(status: int, fields: Mapping[str, str], *, keeps: bool) -> bytes:
    lines = [f"HTTP/1.1 {status} {REASONS[status]}", *(f"{name}: {value}" for name, value in fields.items())]
    return "\r\n".join([*lines, f"connection: {'keep-alive' if keeps else 'close'}", "", ""]).encode("latin-1")
