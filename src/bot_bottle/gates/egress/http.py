"""HTTP/1.1 read strictly and written anew (RFC 9110, RFC 9112): what two servers could read differently is refused.

Both sides are hostile here: the bottle writes requests, the world writes responses. Nothing of a head is ever relayed as it came.
"""

import re
from collections.abc import AsyncIterator, Iterable, Sequence
from typing import Protocol

from bot_bottle.record import dataclass

HEAD_LIMIT = 64 * 1024
"""Bytes of a request or response head; common servers take 8 to 32 KiB (nginx: 4 × 8 KiB)."""

HEADER_COUNT_LIMIT = 128
CHUNK_LINE_LIMIT = 18
"""Sixteen hexadecimal digits and the line end."""

BODY_LIMIT = 16 * 1024**3
READ_SIZE = 1 << 16

_REQUEST_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}) ([\x21-\x7e\x80-\xff]{1,16384}) HTTP/1\.([01])")
_STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-5][0-9]{2})(?: ([\t\x20-\x7e\x80-\xff]*))?")
_HEADER = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}):[ \t]*([^\x00-\x08\x0a-\x1f\x7f]*?)[ \t]*")
_LENGTH = re.compile(r"[0-9]{1,18}")
_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,15})\r\n")

HOP_BY_HOP = frozenset(
    {"connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te", "trailer",
     "transfer-encoding", "upgrade", "expect", "content-length", "http2-settings"}
)  # fmt: skip
"""Never passed on; framing is written anew from what was parsed (RFC 9110, 7.6.1)."""

Headers = list[tuple[str, str]]


class BadHttp(Exception):
    """What came is not HTTP that has one reading; the text says why and is safe to show. `status` answers a bottle."""

    def __init__(self, why: str, *, status: int = 400) -> None:
        super().__init__(why)
        self.why = why
        self.status = status


class Reader(Protocol):
    """What is read from: asyncio.StreamReader, or a test's."""

    async def readuntil(self, separator: bytes = b"\n") -> bytes:
        """Up to and with the separator."""
        ...

    async def readexactly(self, n: int) -> bytes:
        """Exactly n bytes."""
        ...

    async def read(self, n: int = -1) -> bytes:
        """At most n bytes; empty at the end."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Sized:
    """A body of exactly so many bytes."""

    length: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Chunked:
    """A body in chunks."""


@dataclass(frozen=True, kw_only=True, slots=True)
class UntilClose:
    """A response body that ends with the connection."""


Framing = Sized | Chunked | UntilClose
EMPTY = Sized(length=0)


@dataclass(frozen=True, kw_only=True, slots=True)
class RequestHead:
    """A parsed request head; header names are lower case, values without outer white space."""

    method: str
    target: bytes
    minor: int
    headers: Headers
    framing: Sized | Chunked

    @property
    def host(self) -> str:
        """The one Host header."""
        return next(value for name, value in self.headers if name == "host")

    def wants_close(self) -> bool:
        """Whether the connection ends after this request."""
        words = tokens(self.headers, "connection") | tokens(self.headers, "proxy-connection")
        return "close" in words or (self.minor == 0 and "keep-alive" not in words)


@dataclass(frozen=True, kw_only=True, slots=True)
class ResponseHead:
    """A parsed response head."""

    status: int
    reason: str
    minor: int
    headers: Headers
    framing: Framing

    def keeps_alive(self) -> bool:
        """Whether the upstream connection can be used again after the body."""
        return self.minor == 1 and "close" not in tokens(self.headers, "connection") and not isinstance(self.framing, UntilClose)


def parse_request(raw: bytes) -> RequestHead:
    """A request head with its final empty line. BadHttp for whatever has two readings."""
    line, headers = _split(raw)
    found = _REQUEST_LINE.fullmatch(line)
    if not found:
        raise BadHttp("the request line is not METHOD TARGET HTTP/1.1")
    method, minor = found[1].decode("ascii"), int(found[3])
    hosts = [value for name, value in headers if name == "host"]
    if not hosts and method == "CONNECT" and minor == 0:  # Python's http.client before 3.12 tunnels like this
        headers.append(("host", found[2].decode("latin-1")))
    elif len(hosts) != 1:
        raise BadHttp(f"a request needs exactly one Host header; this one has {len(hosts)}")
    framing = _framing(headers, minor)
    if isinstance(framing, UntilClose):
        framing = EMPTY
    return RequestHead(method=method, target=found[2], minor=minor, headers=headers, framing=framing)


def parse_response(raw: bytes, *, to_method: str) -> ResponseHead:
    """A response head to a request of this method (RFC 9112, 6.3 says where its body ends)."""
    line, headers = _split(raw)
    found = _STATUS_LINE.fullmatch(line)
    if not found:
        raise BadHttp("the server's status line is not HTTP/1.1", status=502)
    status, minor = int(found[2]), int(found[1])
    framing = _framing(headers, minor)
    if to_method == "HEAD" or status < 200 or status in (204, 304):
        framing = EMPTY
    reason = re.sub(r"[^\x20-\x7e]", "?", (found[3] or b"").decode("latin-1"))[:128]
    return ResponseHead(status=status, reason=reason, minor=minor, headers=headers, framing=framing)


def _split(raw: bytes) -> tuple[bytes, Headers]:
    if not raw.endswith(b"\r\n\r\n"):
        raise BadHttp("the head does not end with an empty line")
    if b"\0" in raw or raw.count(b"\n") != raw.count(b"\r\n") or raw.count(b"\r") != raw.count(b"\r\n"):
        raise BadHttp("the head has a bare line feed, a bare carriage return, or a NUL")
    first, *lines = raw[:-4].split(b"\r\n")
    if len(lines) > HEADER_COUNT_LIMIT:
        raise BadHttp(f"the head has more than {HEADER_COUNT_LIMIT} fields", status=431)
    headers = []
    for line in lines:
        found = _HEADER.fullmatch(line)
        if not found:
            raise BadHttp("a header line is folded, has white space before its colon, or a control character")
        headers.append((found[1].decode("ascii").lower(), found[2].decode("latin-1")))
    return first, headers


def _framing(headers: Headers, minor: int) -> Framing:
    """Content-Length or chunked, never both, never doubtful (RFC 9112, 6.1 and 11.2)."""
    lengths = [value for name, value in headers if name == "content-length"]
    codings = [value for name, value in headers if name == "transfer-encoding"]
    if any(name == "trailer" for name, _ in headers):
        raise BadHttp("trailers are not accepted")
    if codings:
        if lengths:
            raise BadHttp("the message has both Content-Length and Transfer-Encoding")
        if minor == 0 or [coding.lower() for coding in codings] != ["chunked"]:
            raise BadHttp("the only transfer coding accepted is “chunked”, once, in HTTP/1.1", status=501)
        return Chunked()
    if not lengths:
        return UntilClose()
    if len(lengths) > 1 or not _LENGTH.fullmatch(lengths[0]):
        raise BadHttp("the Content-Length is not one plain number")
    if int(lengths[0]) > BODY_LIMIT:
        raise BadHttp(f"the body is larger than {BODY_LIMIT} bytes", status=413)
    return Sized(length=int(lengths[0]))


def tokens(headers: Sequence[tuple[str, str]], wanted: str) -> set[str]:
    """The comma-separated words of every header of this name, lower case."""
    return {word.strip().lower() for name, value in headers if name == wanted for word in value.split(",") if word.strip()}


def end_to_end(headers: Sequence[tuple[str, str]]) -> Headers:
    """The headers that may be passed on: not hop-by-hop, and not named by Connection."""
    dropped = HOP_BY_HOP | tokens(headers, "connection")
    return [(name, value) for name, value in headers if name not in dropped]


def framing_headers(framing: Framing, *, has_body: bool) -> Headers:
    """The framing written anew."""
    if isinstance(framing, Sized):
        return [("content-length", str(framing.length))] if framing.length or has_body else []
    return [("transfer-encoding", "chunked")]


def write_head(first_line: str, headers: Iterable[tuple[str, str]]) -> bytes:
    """A head; raises ValueError when a value would break it, which nothing parsed here can."""
    lines = [first_line, *(f"{name}: {value}" for name, value in headers)]
    text = "\r\n".join(lines)
    if text.count("\n") != len(lines) - 1:
        raise ValueError("a header value holds a line end")
    return f"{text}\r\n\r\n".encode("latin-1")


async def body_parts(reader: Reader, framing: Framing) -> AsyncIterator[bytes]:
    """The body in the parts in which it arrives; BadHttp when it breaks its framing, asyncio.IncompleteReadError when cut off."""
    if isinstance(framing, Sized):
        left = framing.length
        while left:
            part = await reader.read(min(left, READ_SIZE))
            if not part:
                raise BadHttp("the body ended early", status=502)
            left -= len(part)
            yield part
    elif isinstance(framing, Chunked):
        async for part in _chunks(reader):
            yield part
    else:
        while part := await reader.read(READ_SIZE):
            yield part


async def _chunks(reader: Reader) -> AsyncIterator[bytes]:
    total = 0
    while True:
        line = await reader.readuntil(b"\n")
        found = _CHUNK_SIZE.fullmatch(line)
        if not found or len(line) > CHUNK_LINE_LIMIT:
            raise BadHttp("a chunk's size is not a plain hexadecimal number; extensions are not accepted")
        size = int(found[1], 16)
        total += size
        if total > BODY_LIMIT:
            raise BadHttp(f"the body is larger than {BODY_LIMIT} bytes", status=413)
        while size:
            part = await reader.read(min(size, READ_SIZE))
            if not part:
                raise BadHttp("the body ended early", status=502)
            size -= len(part)
            yield part
        last = total == 0 or int(found[1], 16) == 0
        if await reader.readexactly(2) != b"\r\n":
            raise BadHttp(
                "a chunk is not followed by a line end; trailers are not accepted" if last else "a chunk is longer than it says"
            )
        if int(found[1], 16) == 0:
            return


def framed(part: bytes, framing: Framing) -> bytes:
    """One part of a body as it goes out."""
    return part if isinstance(framing, Sized) else b"%x\r\n%b\r\n" % (len(part), part)


LAST_CHUNK = b"0\r\n\r\n"
