"""Messages written anew from parsed fields. Pure: records in, bytes out. Fields that concern one connection only are left out."""

from base64 import b64encode

from bot_bottle.gates.egress.framing import Fields, RequestHead, ResponseHead

_ONE_HOP = frozenset(
    {
        "connection", "keep-alive", "proxy-connection", "proxy-authenticate", "proxy-authorization", "te", "trailer",
        "transfer-encoding", "upgrade", "http2-settings", "content-length",
    }
)  # fmt: skip
"""RFC 9110, 7.6.1, and RFC 9113, 3.2; Content-Length is written by us."""

_NOT_SENT = _ONE_HOP | {
    "host", "expect", "forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-port", "x-forwarded-proto",
    "x-forwarded-server", "x-real-ip",
}  # fmt: skip
"""A bottle says nothing about where a request comes from or whom it is for: servers behind proxies believe such fields."""

_NOT_ANSWERED = _ONE_HOP | {"alt-svc"}
"""An alternative service (RFC 7838) lies outside what the rules allow, and a bottle cannot reach it."""

OVERRIDES = frozenset({"x-http-method-override", "x-http-method", "x-method-override", "x-original-url", "x-rewrite-url"})
"""Fields that make some servers see another method or path than the one that the rules were asked about."""

WEBSOCKET_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
"""RFC 6455, 1.3."""


def override(fields: Fields) -> str | None:
    """The first field that would change the method or path behind the rules' back, or None."""
    for name, _ in fields:
        if name.lower() in OVERRIDES or ("_" in name and name.lower().replace("_", "-") in OVERRIDES):
            return name
    return None


def forwardable(head: RequestHead) -> Fields:
    """The fields that go upstream, without Host."""
    dropped = _NOT_SENT | head.options if head.options else _NOT_SENT
    return [field for field in head.fields if field[0].lower() not in dropped]


def request_bytes(head: RequestHead, target: str, authority: str, fields: Fields, *, websocket: bool) -> bytes:
    """A request head in origin-form, or absolute-form when `target` is one."""
    lines = [f"{head.method} {target} HTTP/1.1\r\nHost: {authority}\r\n"]
    lines += [f"{name}: {value}\r\n" for name, value in fields]
    if head.chunked:
        lines.append("Transfer-Encoding: chunked\r\n")
    elif head.length is not None:
        lines.append(f"Content-Length: {head.length}\r\n")
    lines.append("Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n" if websocket else "\r\n")
    return "".join(lines).encode("latin-1")


def answerable(head: ResponseHead) -> Fields:
    """The fields that go back to the client."""
    dropped = _NOT_ANSWERED | head.options if head.options else _NOT_ANSWERED
    return [field for field in head.fields if field[0].lower() not in dropped]


def response_bytes(
    status: int, reason: str, fields: Fields, *, length: int | None, chunked: bool, close: bool, websocket: bool = False
) -> bytes:
    """A response head."""
    lines = [f"HTTP/1.1 {status} {reason}\r\n"]
    lines += [f"{name}: {value}\r\n" for name, value in fields]
    if chunked:
        lines.append("Transfer-Encoding: chunked\r\n")
    elif length is not None:
        lines.append(f"Content-Length: {length}\r\n")
    if websocket:
        lines.append("Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
    else:
        lines.append("Connection: close\r\n\r\n" if close else "\r\n")
    return "".join(lines).encode("latin-1")


def chunk(content: bytes) -> bytes:
    """One chunk (RFC 9112, 7.1); `content` is not empty."""
    return b"%x\r\n%b\r\n" % (len(content), content)


LAST_CHUNK = b"0\r\n\r\n"


def websocket_accept(key: str) -> str:
    """The Sec-WebSocket-Accept that proves a server speaks WebSocket (RFC 6455, 4.2.2)."""
    from hashlib import sha1  # 2 ms of a start, and few bottles speak WebSocket

    digest = sha1(key.encode("latin-1") + WEBSOCKET_GUID, usedforsecurity=False).digest()
    return b64encode(digest).decode()


def field(fields: Fields, name: str) -> str | None:
    """The value of the only field of this lower-case name, or None when it is absent or there twice."""
    values = [value for known, value in fields if known.lower() == name]
    return values[0] if len(values) == 1 else None
