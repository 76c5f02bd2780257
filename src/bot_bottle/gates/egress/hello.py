"""The first flight of a TLS client, read far enough to know the server name it asks for (RFC 8446, 4.1.2; RFC 6066, 3).

Pure. The bytes come from the bottle: every length is checked against what is there, and the whole is bounded.
"""

from bot_bottle.record import dataclass

HELLO_LIMIT = 16 * 1024 + 5
"""One full record. Hellos with post-quantum key shares are near 2 KB."""

RECORDS_LIMIT = 16
"""Records that one hello may be cut into; clients that hide the name from filters cut it into two or three."""

HANDSHAKE = 22
CLIENT_HELLO = 1
SERVER_NAME = 0
ALPN = 16


class NotTls(Exception):
    """The bytes are no TLS client hello; `args[0]` says why."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Hello:
    """What a client asks for: the server name as sent (None without one) and its protocols."""

    server_name: str | None
    protocols: tuple[str, ...]


def parse_hello(received: bytes) -> Hello | None:
    """The hello, or None while more bytes are needed. NotTls when it cannot become one."""
    handshake = bytearray()
    at = 0
    for _ in range(RECORDS_LIMIT):
        if len(received) > at and received[at] != HANDSHAKE:
            raise NotTls("the first byte is not that of a TLS handshake")
        if len(received) > at + 1 and received[at + 1] != 3:
            raise NotTls("not a TLS record")
        if len(received) < at + 5:
            _bound(received)
            return None
        size = int.from_bytes(received[at + 3 : at + 5], "big")
        if not 0 < size <= 16 * 1024:
            raise NotTls("a TLS record of a size that is not allowed")
        handshake += received[at + 5 : at + 5 + size]
        if handshake and handshake[0] != CLIENT_HELLO:
            raise NotTls("the first handshake message is not a client hello")
        if len(handshake) >= 4:
            wanted = 4 + int.from_bytes(handshake[1:4], "big")
            if wanted > HELLO_LIMIT:
                raise NotTls("a client hello over the limit")
            if len(handshake) >= wanted:
                return _parse_body(_Bytes(bytes(handshake[4:wanted])))
        if len(received) < at + 5 + size:
            _bound(received)
            return None
        at += 5 + size
    raise NotTls("a client hello in too many records")


def _bound(received: bytes) -> None:
    if len(received) > HELLO_LIMIT:
        raise NotTls("a client hello over the limit")


class _Bytes:
    """A cursor that refuses to read past the end."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._at = 0

    def __bool__(self) -> bool:
        return self._at < len(self._content)

    def take(self, count: int) -> bytes:
        if self._at + count > len(self._content):
            raise NotTls("a length in the client hello points past its end")
        part = self._content[self._at : self._at + count]
        self._at += count
        return part

    def number(self, size: int) -> int:
        return int.from_bytes(self.take(size), "big")

    def vector(self, size: int) -> "_Bytes":
        return _Bytes(self.take(self.number(size)))


def _parse_body(body: _Bytes) -> Hello:
    body.take(2 + 32)
    body.vector(1)
    body.vector(2)
    body.vector(1)
    server_name: str | None = None
    protocols: tuple[str, ...] = ()
    seen: set[int] = set()
    extensions = body.vector(2) if body else _Bytes(b"")
    if body:
        raise NotTls("bytes after the client hello")
    while extensions:
        kind = extensions.number(2)
        content = extensions.vector(2)
        if kind in seen:
            raise NotTls("an extension twice")
        seen.add(kind)
        if kind == SERVER_NAME:
            server_name = _server_name(content)
        elif kind == ALPN:
            protocols = _protocols(content)
    return Hello(server_name=server_name, protocols=protocols)


def _server_name(content: _Bytes) -> str:
    names = content.vector(2)
    kind = names.number(1)
    name = names.vector(2)
    if kind != 0 or names or content:
        raise NotTls("a server name that is not exactly one host name")
    text = name.take(len(name._content))
    try:
        return text.decode("ascii")
    except UnicodeDecodeError:
        raise NotTls("a server name that is not ASCII") from None


def _protocols(content: _Bytes) -> tuple[str, ...]:
    entries = content.vector(2)
    protocols = []
    while entries:
        entry = entries.vector(1)
        protocols.append(entry.take(len(entry._content)).decode("latin-1"))
    return tuple(protocols)
