"""HTTP/1.1 message heads and bodies, read strictly (RFC 9110, RFC 9112). Pure: bytes in, records out.

An attacker controls every byte of a request, and a hostile server every byte of a response. Whatever two readers could read
differently is refused: bare CR or LF, folded lines, space before a colon, control characters, several or no Host, several
lengths, a length next to a coding, a coding other than chunked, chunk extensions and trailers in requests.
Nothing read here is relayed: messages are written anew from these records by `compose`.
"""

import re
from typing import NamedTuple

HEAD_LIMIT = 64 * 1024
"""Bytes in one head: above the 32 KB that the largest common servers take, so that no honest client meets it."""

FIELDS_LIMIT = 128
CHUNK_LINE_LIMIT = 1024
TRAILER_LIMIT = 8 * 1024
LENGTH_DIGITS = 15
"""Digits of a length: below 2**53, so that no reader overflows or rounds."""

Fields = list[tuple[str, str]]
"""Header fields in order: the name as sent, the value without surrounding blanks, as Latin-1 text."""

_MARK = r"[!#$%&'*+.^_`|~0-9A-Za-z-]"
_FIELD = rf"{_MARK}++:[\t\x20-\x7e\x80-\xff]*+\r\n"
_REQUEST = re.compile(rf"({_MARK}{{1,32}}+) ([\x21-\x7e]++) HTTP/1\.([01])\r\n((?:{_FIELD})*)\r\n")
_RESPONSE = re.compile(rf"HTTP/1\.([01]) ([1-5][0-9]{{2}})(?: ([\t\x20-\x7e\x80-\xff]*+))?\r\n((?:{_FIELD})*)\r\n")
_LENGTH = re.compile(rf"[0-9]{{1,{LENGTH_DIGITS}}}")
_STRICT_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,12})")
_LOOSE_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,12})[ \t]*+(?:;[\t\x20-\x7e\x80-\xff]*+)?")
_TRAILERS = re.compile(rf"(?:{_FIELD})*".encode("latin-1"))
_SPLIT = re.compile(r"([^:]+):[\t ]*(.*)\r\n")
# For lines that the grammar above has accepted: without stray line ends, so that simpler is right, and three times as fast.
_FRAMING_NAMES = frozenset({"host", "content-length", "transfer-encoding", "connection", "trailer", "upgrade"})
_LOOKED_AT = _FRAMING_NAMES | {"expect"}


class Malformed(Exception):
    """The message cannot be read in exactly one way. `status` is what a server answers."""

    def __init__(self, why: str, *, status: int = 400) -> None:
        super().__init__(why)
        self.why = why
        self.status = status


class RequestHead(NamedTuple):
    """One request head. `length` is None without a Content-Length; at most one of `length` and `chunked` is set."""

    method: str
    target: str
    minor: int
    fields: Fields
    host: str
    length: int | None
    chunked: bool
    options: frozenset[str]
    expects_continue: bool
    upgrade: str

    @property
    def has_body(self) -> bool:
        """Whether a body follows."""
        return self.chunked or bool(self.length)

    @property
    def keeps_alive(self) -> bool:
        """Whether the client wants to go on afterwards; HTTP/1.0 is closed, whatever it asks for."""
        return self.minor == 1 and "close" not in self.options


class ResponseHead(NamedTuple):
    """One response head. Without length and chunked the body ends with the connection, if the status has a body."""

    status: int
    reason: str
    minor: int
    fields: Fields
    length: int | None
    chunked: bool
    options: frozenset[str]

    @property
    def keeps_alive(self) -> bool:
        """Whether the connection can carry another request (RFC 9112, 9.3)."""
        if "close" in self.options:
            return False
        return self.minor == 1 or "keep-alive" in self.options


def parse_request(head: bytes) -> RequestHead:
    """Read one head, up to and including its empty line. Malformed when it is not one, or readable in two ways."""
    match = _REQUEST.fullmatch(head.decode("latin-1"))
    if match is None:
        raise Malformed(_explain(head))
    method, target, minor, lines = match.groups()
    fields, known = _fields(lines)
    if method == "CONNECT" and minor == "0" and "host" not in known:
        known["host"] = [target]  # Python's http.client before 3.12 tunnels like this
    if len(known.get("host", ())) != 1:
        raise Malformed("A request must have exactly one Host field.")
    if "trailer" in known:
        raise Malformed("Trailers are not forwarded.")
    length, chunked = _framing(known, minor)
    expect = known.get("expect")
    if expect is not None and (len(expect) != 1 or expect[0].lower() != "100-continue"):
        raise Malformed("The only expectation that is understood is 100-continue.", status=417)
    return RequestHead(
        method=method,
        target=target,
        minor=int(minor),
        fields=fields,
        host=known["host"][0],
        length=length,
        chunked=chunked,
        options=_options(known),
        expects_continue=expect is not None and minor == "1",
        upgrade=", ".join(known.get("upgrade", ())).lower(),
    )


def parse_response(head: bytes) -> ResponseHead:
    """Read one response head, up to and including its empty line. Malformed as for requests."""
    match = _RESPONSE.fullmatch(head.decode("latin-1"))
    if match is None:
        raise Malformed(_explain(head))
    minor, status, reason, lines = match.groups()
    fields, known = _fields(lines)
    length, chunked = _framing(known, minor)
    return ResponseHead(
        status=int(status),
        reason=reason or "",
        minor=int(minor),
        fields=fields,
        length=length,
        chunked=chunked,
        options=_options(known),
    )


def _fields(lines: str) -> tuple[Fields, dict[str, list[str]]]:
    """The fields in order, and by lower-case name those that framing looks at."""
    fields: Fields = []
    known: dict[str, list[str]] = {}
    for name, text in _SPLIT.findall(lines):
        value = text.rstrip(" \t")
        fields.append((name, value))
        lower = name.lower()
        if lower in _LOOKED_AT:
            known.setdefault(lower, []).append(value)
        elif "_" in lower and lower.replace("_", "-") in _FRAMING_NAMES:
            raise Malformed(f"The field {name} is {lower.replace('_', '-')} to some servers.")
    if len(fields) > FIELDS_LIMIT:
        raise Malformed(f"More than {FIELDS_LIMIT} header fields.", status=431)
    return fields, known


def _framing(known: dict[str, list[str]], minor: str) -> tuple[int | None, bool]:
    """How the body is delimited (RFC 9112, 6): a length, chunks, or neither."""
    codings = known.get("transfer-encoding")
    lengths = known.get("content-length")
    if codings is not None:
        if lengths is not None:
            raise Malformed("Content-Length and Transfer-Encoding in one message.")
        if minor == "0":
            raise Malformed("Transfer-Encoding in an HTTP/1.0 message.")
        if len(codings) != 1 or codings[0].lower() != "chunked":
            raise Malformed("A transfer coding other than a single chunked.", status=501)
        return None, True
    if lengths is None:
        return None, False
    if len(lengths) != 1:
        raise Malformed("More than one Content-Length.")
    if not _LENGTH.fullmatch(lengths[0]):
        raise Malformed("A Content-Length that is not a plain number.")
    return int(lengths[0]), False


def _options(known: dict[str, list[str]]) -> frozenset[str]:
    """The connection options, lower-case (RFC 9110, 7.6.1)."""
    values = known.get("connection")
    if values is None:
        return frozenset()
    return frozenset(option for value in values for option in map(str.strip, value.lower().split(",")) if option)


def _explain(head: bytes) -> str:
    """Which rule a head breaks that is no HTTP/1.1 head; only for the message."""
    lines = head.split(b"\r\n")
    if any(b"\n" in line for line in lines):
        return "A line ends in a bare line feed."
    if any(b"\r" in line for line in lines):
        return "A bare carriage return."
    if any(line[:1] in {b" ", b"\t"} for line in lines[1:]):
        return "A folded header line."
    if b"\0" in head:
        return "A NUL character."
    if any(re.match(rb"[^:]*[ \t]+:", line) for line in lines[1:-2]):
        return "White space before a colon."
    if not re.search(rb"HTTP/1\.[01]", lines[0]):
        return "The first line is not HTTP/1.1."
    return "The head is not an HTTP/1.1 head."


class LengthBody:
    """A body of a known length."""

    __slots__ = ("done", "left", "rest")

    def __init__(self, length: int) -> None:
        self.left = length
        self.done = length == 0
        self.rest = b""

    def feed(self, received: bytes) -> bytes:
        """The part of `received` that is content; what follows the body is kept in `rest`."""
        size = len(received)
        if size < self.left:
            self.left -= size
            return received
        content = received if size == self.left else received[: self.left]
        self.rest = received[self.left :]
        self.left = 0
        self.done = True
        return content


class UntilClosed:
    """A response body that ends with the connection."""

    __slots__ = ("done", "rest")

    def __init__(self) -> None:
        self.done = False
        self.rest = b""

    def feed(self, received: bytes) -> bytes:
        """All of it."""
        return received


class ChunkedBody:
    """A body in chunks. `loose` (responses): extensions and trailers are read past; strict (requests): they are Malformed."""

    __slots__ = ("_at_end", "_left", "_line", "_loose", "_trailers", "done", "rest")

    def __init__(self, *, loose: bool) -> None:
        self._loose = loose
        self._line = b""
        self._left = -1
        self._at_end = False
        self._trailers = 0
        self.done = False
        self.rest = b""

    def feed(self, received: bytes) -> bytes:
        """The content in `received`, without its chunk framing; what follows the body is kept in `rest`."""
        parts = []
        rest = self._line + received if self._line else received
        self._line = b""
        while rest and not self.done:
            if self._left > 0:
                parts.append(rest[: self._left])
                taken = len(parts[-1])
                self._left -= taken
                rest = rest[taken:]
                continue
            line, found, after = rest.partition(b"\r\n")
            if not found:
                self._keep(rest)
                return b"".join(parts)
            rest = after
            self._take_line(line)
        self.rest = rest
        return b"".join(parts)

    def _keep(self, line: bytes) -> None:
        if len(line) > CHUNK_LINE_LIMIT or b"\n" in line or (self._left == 0 and line != b"\r"):
            raise Malformed("A chunk is not delimited as it must be.")
        self._line = line

    def _take_line(self, line: bytes) -> None:
        if self._left == 0:
            if line:
                raise Malformed("A chunk is longer than its size says.")
            self._left = -1
        elif self._at_end:
            self._take_trailer(line)
        else:
            self._take_size(line)

    def _take_size(self, line: bytes) -> None:
        match = (_LOOSE_CHUNK if self._loose else _STRICT_CHUNK).fullmatch(line)
        if match is None:
            raise Malformed("A chunk size that is not a plain hexadecimal number.")
        size = int(match[1], 16)
        if size:
            self._left = size
        else:
            self._at_end = True

    def _take_trailer(self, line: bytes) -> None:
        if not line:
            self.done = True
            return
        self._trailers += len(line)
        if not self._loose or self._trailers > TRAILER_LIMIT or not _TRAILERS.fullmatch(line + b"\r\n"):
            raise Malformed("Trailers after the last chunk.")


Body = LengthBody | ChunkedBody | UntilClosed


def request_body(head: RequestHead) -> LengthBody | ChunkedBody:
    """The reader for the body that follows this head."""
    return ChunkedBody(loose=False) if head.chunked else LengthBody(head.length or 0)


def response_body(head: ResponseHead, method: str) -> Body:
    """The reader for the body that follows (RFC 9112, 6.3): none for HEAD, 204 and 304."""
    if method == "HEAD" or head.status in {204, 304}:
        return LengthBody(0)
    if head.chunked:
        return ChunkedBody(loose=True)
    return UntilClosed() if head.length is None else LengthBody(head.length)
