"""HTTP/1.1 as git clients speak it (RFC 9112): strict heads, bounded bodies, chunked answers. Every byte is the bottle's.

Refuses what has two readings: both lengths, odd chunks, folded lines, other codings than gzip. One request is read at a time.
"""

import asyncio
import re
import zlib
from collections.abc import AsyncIterator

from bot_bottle.record import dataclass

HEAD_LIMIT = 32 * 1024
HEAD_TIMEOUT_S = 30.0
IDLE_TIMEOUT_S = 300.0
"""A kept connection without a request, and a body without a byte: a push may make its pack for minutes."""

_TOKEN = re.compile(rb"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,128}")
_TARGET = re.compile(r"[!-~]{1,4096}")
_CHUNK = re.compile(rb"([0-9a-fA-F]{1,8})(?:;[ -~]{0,128})?")
_REASONS = {200: "OK", 400: "Bad Request", 403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed"}
_REASONS |= {413: "Content Too Large", 415: "Unsupported Media Type", 502: "Bad Gateway", 503: "Service Unavailable"}


class BadRequest(Exception):
    """The request is not taken. `why` is for whoever reads git's output inside; the connection ends."""

    def __init__(self, why: str, *, status: int = 400) -> None:
        super().__init__(why)
        self.why = why
        self.status = status


class Gone(Exception):
    """The other end closed the connection, or is silent for too long."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Head:
    """The head of one request. Names of headers are in small letters, each at most once."""

    method: str
    target: str
    headers: dict[str, str]

    @property
    def keeps(self) -> bool:
        """Whether the client wants to go on with this connection."""
        return self.headers.get("connection", "").lower() != "close"


def parse_head(content: bytes) -> Head:
    """The head before the empty line, read strictly. BadRequest when it is not plainly one request."""
    first, *rows = content.split(b"\r\n")
    words = first.split(b" ")
    if len(words) != 3 or words[2] != b"HTTP/1.1" or not re.fullmatch(rb"[A-Z]{1,16}", words[0]):
        raise BadRequest("This is not an HTTP/1.1 request.")
    target = words[1].decode("latin-1")
    if not _TARGET.fullmatch(target):
        raise BadRequest("The request's target is not plain ASCII.")
    headers: dict[str, str] = {}
    for row in rows:
        name, colon, value = row.partition(b":")
        if not colon or not _TOKEN.fullmatch(name) or any(byte < 32 and byte != 9 for byte in value):
            raise BadRequest("A header of the request is malformed.")
        key = name.decode("ascii").lower()
        if key in headers:
            raise BadRequest(f"The header {key} is there twice.")
        headers[key] = value.decode("latin-1").strip(" \t")
    if "host" not in headers:
        raise BadRequest("The request names no host.")
    return Head(method=words[0].decode(), target=target, headers=headers)


async def read_head(reader: asyncio.StreamReader) -> Head:
    """The next request's head. Gone when there is none."""
    try:
        async with asyncio.timeout(IDLE_TIMEOUT_S):
            first = await reader.readexactly(1)
        async with asyncio.timeout(HEAD_TIMEOUT_S):
            content = first + await reader.readuntil(b"\r\n\r\n")
    except (asyncio.IncompleteReadError, TimeoutError, ConnectionError):
        raise Gone from None
    except asyncio.LimitOverrunError:
        raise BadRequest("The request's head is too long.", status=413) from None
    if len(content) > HEAD_LIMIT:
        raise BadRequest("The request's head is too long.", status=413)
    return parse_head(content[:-4])


class Body:
    """One request's body: undone chunks and gzip, never more than `limit` bytes. `is_over` tells whether all of it was read."""

    def __init__(self, head: Head, reader: asyncio.StreamReader, *, limit: int) -> None:
        self._reader = reader
        self._left = limit
        self._chunked, self._length = _framing(head)
        self._inflate = _inflater(head)
        self.is_over = not self._chunked and self._length == 0
        self._buffer = bytearray()
        self._parts = self._read_parts()

    async def read(self, size: int) -> bytes:
        """Exactly so many bytes. BadRequest when the body ends before."""
        while len(self._buffer) < size:
            part = await anext(self._parts, b"")
            if not part:
                raise BadRequest("The request ends in the middle.")
            self._buffer += part
        taken = bytes(self._buffer[:size])
        del self._buffer[:size]
        return taken

    async def some(self) -> bytes:
        """The next bytes, whatever there are; none at the end."""
        if self._buffer:
            taken = bytes(self._buffer)
            self._buffer.clear()
            return taken
        return await anext(self._parts, b"")

    async def drain(self) -> None:
        """Read the rest and drop it: a client that still sends does not read our answer."""
        while await self.some():
            self._buffer.clear()

    async def _read_parts(self) -> AsyncIterator[bytes]:
        async for raw in self._raw():
            for part in self._undone(raw):
                self._left -= len(part)
                if self._left < 0:
                    raise BadRequest("The request is larger than the gate takes.", status=413)
                yield part
        if self._inflate is not None and not self._inflate.eof:
            raise BadRequest("The request's compressed body is cut off.")

    def _undone(self, raw: bytes) -> list[bytes]:
        if self._inflate is None:
            return [raw]
        parts = []
        try:
            while raw and not self._inflate.eof:
                parts.append(self._inflate.decompress(raw, 1 << 18))
                raw = self._inflate.unconsumed_tail
                if sum(map(len, parts)) > self._left:
                    break
        except zlib.error:
            raise BadRequest("The request's compressed body is broken.") from None
        if self._inflate.unused_data:
            raise BadRequest("Something follows the request's compressed body.")
        return [part for part in parts if part]

    async def _raw(self) -> AsyncIterator[bytes]:
        if not self._chunked:
            while self._length:
                part = await _read(self._reader, min(self._length, 1 << 16))
                self._length -= len(part)
                self.is_over = not self._length
                yield part
            return
        while size := await self._chunk_size():
            while size:
                part = await _read(self._reader, min(size, 1 << 16))
                size -= len(part)
                yield part
            if await _exactly(self._reader, 2) != b"\r\n":
                raise BadRequest("A chunk of the request does not end where it says.")
        if await _exactly(self._reader, 2) != b"\r\n":
            raise BadRequest("Trailers are not taken.")
        self.is_over = True

    async def _chunk_size(self) -> int:
        row = await _line(self._reader)
        match = _CHUNK.fullmatch(row)
        if match is None:
            raise BadRequest("A chunk of the request has no size.")
        return int(match[1], 16)


def _framing(head: Head) -> tuple[bool, int]:
    coding, length = head.headers.get("transfer-encoding"), head.headers.get("content-length")
    if coding is not None and (coding.lower() != "chunked" or length is not None):
        raise BadRequest("The request's length has two readings.")
    if length is not None and not re.fullmatch(r"[0-9]{1,15}", length):
        raise BadRequest("The request's length is no number.")
    return coding is not None, int(length or 0)


def _inflater(head: Head) -> "zlib._Decompress | None":
    coding = head.headers.get("content-encoding", "identity").lower()
    if coding == "identity":
        return None
    if coding not in {"gzip", "x-gzip"}:
        raise BadRequest("Only gzip is taken as the coding of a request.", status=415)
    return zlib.decompressobj(wbits=31)


async def _read(reader: asyncio.StreamReader, size: int) -> bytes:
    try:
        async with asyncio.timeout(IDLE_TIMEOUT_S):
            part = await reader.read(size)
    except (TimeoutError, ConnectionError):
        raise Gone from None
    if not part:
        raise Gone
    return part


async def _exactly(reader: asyncio.StreamReader, size: int) -> bytes:
    try:
        async with asyncio.timeout(IDLE_TIMEOUT_S):
            return await reader.readexactly(size)
    except (TimeoutError, ConnectionError, asyncio.IncompleteReadError):
        raise Gone from None


async def _line(reader: asyncio.StreamReader) -> bytes:
    try:
        async with asyncio.timeout(IDLE_TIMEOUT_S):
            row = await reader.readuntil(b"\r\n")
    except (TimeoutError, ConnectionError, asyncio.IncompleteReadError):
        raise Gone from None
    except asyncio.LimitOverrunError:
        raise BadRequest("A chunk of the request has no size.") from None
    return row[:-2]


class Answer:
    """The answer to one request: whole, or as a stream of chunks. Every write waits for a slow client, but not for ever."""

    def __init__(self, writer: asyncio.StreamWriter, *, keeps: bool) -> None:
        self._writer = writer
        self._keeps = keeps
        self.has_begun = False
        self.is_whole = False

    async def whole(self, status: int, content: bytes, *, kind: str = "text/plain; charset=utf-8") -> None:
        """Everything at once."""
        await self._send(self._head(status, kind, f"Content-Length: {len(content)}") + content)
        self.is_whole = True

    async def begin(self, kind: str) -> None:
        """The head of a stream."""
        await self._send(self._head(200, kind, "Transfer-Encoding: chunked"))

    async def write(self, part: bytes) -> None:
        """One part of the stream."""
        if part:
            await self._send(b"%x\r\n" % len(part) + part + b"\r\n")

    async def end(self) -> None:
        """The end of the stream. Without it the client sees a broken answer, as it should when something went wrong."""
        await self._send(b"0\r\n\r\n")
        self.is_whole = True

    async def go_on(self) -> None:
        """Tell a client that waits for it to send its body (RFC 9110, 10.1.1)."""
        await self._send(b"HTTP/1.1 100 Continue\r\n\r\n")
        self.has_begun = False

    def _head(self, status: int, kind: str, framing: str) -> bytes:
        connection = "keep-alive" if self._keeps else "close"
        rows = (
            f"HTTP/1.1 {status} {_REASONS[status]}",
            f"Content-Type: {kind}",
            "Cache-Control: no-cache",
            f"Connection: {connection}",
            framing,
        )
        return ("\r\n".join(rows) + "\r\n\r\n").encode("latin-1")

    async def _send(self, content: bytes) -> None:
        self.has_begun = True
        self._writer.write(content)
        try:
            async with asyncio.timeout(IDLE_TIMEOUT_S):
                await self._writer.drain()
        except (TimeoutError, ConnectionError):
            raise Gone from None
