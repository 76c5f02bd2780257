"""Reads the server name out of a TLS ClientHello, bounded and strict (RFC 8446, 4.1.2; RFC 6066, 3)."""

import asyncio

HELLO_LIMIT = 16 * 1024
"""Bytes of handshake that may come before the hello is whole; with post-quantum key shares it is about 2 KiB."""

HANDSHAKE, CLIENT_HELLO, SERVER_NAME, HOST_NAME = 22, 1, 0, 0


class NotTls(Exception):
    """What came is no ClientHello with one reading."""


async def read(reader: asyncio.StreamReader) -> tuple[bytes, str | None]:
    """The bytes read, to be sent on as they are, and the name they ask for (lower case), None when they ask for none."""
    raw, handshake = b"", b""
    while len(handshake) < 4 or len(handshake) < 4 + int.from_bytes(handshake[1:4], "big"):
        head = await reader.readexactly(5)
        size = int.from_bytes(head[3:5], "big")
        if head[0] != HANDSHAKE or head[1] != 3 or not 0 < size <= HELLO_LIMIT or len(raw) + size > HELLO_LIMIT:
            raise NotTls("not a TLS handshake record")
        part = await reader.readexactly(size)
        raw += head + part
        handshake += part
    return raw, server_name(handshake)


def server_name(handshake: bytes) -> str | None:
    """The name in a whole ClientHello message."""
    try:
        return _server_name(handshake)
    except (IndexError, ValueError) as error:
        raise NotTls("a ClientHello that is cut off or malformed") from error


def _server_name(handshake: bytes) -> str | None:
    if handshake[0] != CLIENT_HELLO or len(handshake) != 4 + int.from_bytes(handshake[1:4], "big"):
        raise ValueError("not one ClientHello")
    rest = handshake[4 + 2 + 32 :]
    for width in (1, 2, 1):  # session id, cipher suites, compression methods
        _, rest = _vector(rest, width)
    extensions, rest = _vector(rest, 2)
    if rest:
        raise ValueError("bytes behind the extensions")
    names = []
    while extensions:
        kind, (body, extensions) = int.from_bytes(extensions[:2], "big"), _vector(extensions[2:], 2)
        if kind == SERVER_NAME:
            names.append(body)
    if len(names) > 1:
        raise ValueError("two server names")
    return _host_name(names[0]) if names else None


def _host_name(body: bytes) -> str:
    entries, rest = _vector(body, 2)
    if rest or entries[0] != HOST_NAME:
        raise ValueError("not one host name")
    name, rest = _vector(entries[1:], 2)
    if rest or not name:
        raise ValueError("not one host name")
    return name.decode("ascii").lower()


def _vector(data: bytes, width: int) -> tuple[bytes, bytes]:
    """A length-prefixed vector and what follows it."""
    size = int.from_bytes(data[:width], "big")
    if len(data) < width + size:
        raise ValueError("cut off")
    return data[width : width + size], data[width + size :]
