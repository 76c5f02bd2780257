"""From a parsed head to the question that the rules are asked. Pure: one request, one reading, or a refusal.

CONNECT authority, Host and target must agree; the tunnel's TLS name is compared before a head is read.
"""

from functools import cached_property, lru_cache
from typing import NamedTuple

from bot_bottle.errors import Refused
from bot_bottle.gates.base import Outbound
from bot_bottle.gates.egress import compose
from bot_bottle.gates.egress.answer import SHOWN_PATH, Refusal, Subject
from bot_bottle.gates.egress.framing import HEAD_LIMIT, Fields, RequestHead
from bot_bottle.gates.egress.hello import Hello
from bot_bottle.gates.egress.names import authority_text, canonical_authority, is_address, shown
from bot_bottle.gates.egress.paths import Target, canonical_target
from bot_bottle.gates.egress.rules import Request
from bot_bottle.record import dataclass

WEBSOCKET_VERSION = "13"
"""RFC 6455, 4.1."""

WEBSOCKET_KEY_LENGTH = 24
"""Sixteen bytes in base64."""


@dataclass(frozen=True, kw_only=True)
class Authority:
    """Where a connection leads: fixed by CONNECT, else by each request."""

    scheme: str
    host: str
    port: int

    @cached_property
    def text(self) -> str:
        """As the Host field writes it."""
        return authority_text(self.host, self.port, default_port=443 if self.scheme == "https" else 80)


class Put(NamedTuple):
    """The question, and what of the head goes on when the answer is yes."""

    request: Request
    head: RequestHead
    target: Target
    authority: str
    fields: Fields


@lru_cache(maxsize=256)
def _known_authority(text: str, default_port: int) -> tuple[str, int]:
    """A bottle asks for the same few hosts again and again; what is refused is not remembered."""
    return canonical_authority(text, default_port=default_port)


def put(head: RequestHead, tunnel: Authority | None) -> Put | Refusal:
    """The request that this head makes on a connection that leads to `tunnel`, or, with None, to a proxy."""
    try:
        where, raw = _place(head, tunnel)
        named = _known_authority(head.host, 443 if where.scheme == "https" else 80)
        if named != (where.host, where.port) and not _is_bare(head.host, named, where):
            return Refusal(status=421, why=f"The request is for {where.text}, its Host header names {shown(head.host)}.")
        target = canonical_target(raw)
    except Refused as refused:
        return Refusal(status=400, why=refused.what)
    if (name := compose.override(head.fields)) is not None:
        return Refusal(status=400, why=f"The field {name} would have the server see another request than the rules did.")
    is_websocket = _is_websocket(head)
    if isinstance(is_websocket, Refusal):
        return is_websocket
    request = Request(
        scheme=where.scheme,
        host=where.host,
        port=where.port,
        method=head.method,
        path=target.path,
        query=target.query,
        websocket=is_websocket,
        content_length=None if head.chunked else head.length or 0,
    )
    return Put(request=request, head=head, target=target, authority=where.text, fields=compose.forwardable(head))


def unfinished(buffer: bytes, end: int) -> Refusal | None:
    """What is wrong with a head that is not complete; `end` is where it ends beyond the limit, or -1."""
    if end > HEAD_LIMIT or len(buffer) > HEAD_LIMIT:
        return Refusal(status=431, why=f"The request head is larger than {HEAD_LIMIT} bytes.")
    if b"\n\n" in buffer or b"\n\r\n" in buffer:
        return Refusal(status=400, why="A line ends in a bare line feed.")
    return None


def outbound_of(asked: Put) -> Outbound:
    """The request as the bottle wrote it, for the inspection."""
    request = asked.request
    return Outbound(
        scheme=request.scheme,
        host=request.host,
        port=request.port,
        method=request.method,
        target=asked.target.wire,
        headers=asked.head.fields,
        is_websocket=request.websocket,
    )


def _is_bare(text: str, named: tuple[str, int], where: Authority) -> bool:
    """A Host without a port in a tunnel to an unusual one: what some programs send, and it names no other server."""
    return named[0] == where.host and not text.rpartition(":")[2].isdigit()


def _place(head: RequestHead, tunnel: Authority | None) -> tuple[Authority, bytes]:
    """Where this request goes, and its origin-form target. Refused for any other form than the connection calls for."""
    if tunnel is not None:
        if head.method == "CONNECT":
            raise Refused("There is no tunnel inside a tunnel.")
        return tunnel, head.target.encode("latin-1")
    scheme, colon, rest = head.target.partition("://")
    if not colon or scheme.lower() != "http":
        raise Refused("A proxy request names http://HOST/…; for https use CONNECT.")
    ends = [at for at in (rest.find("/"), rest.find("?"), rest.find("#")) if at >= 0]
    end = min(ends, default=len(rest))
    host, port = _known_authority(rest[:end], 80)
    path = rest[end:] if rest[end : end + 1] == "/" else "/" + rest[end:]
    return Authority(scheme="http", host=host, port=port), path.encode("latin-1")


def _is_websocket(head: RequestHead) -> bool | Refusal:
    """Whether the request opens a WebSocket. Other upgrades are left out, as a server may ignore them (RFC 9110, 7.8)."""
    if head.upgrade != "websocket" or "upgrade" not in head.options:
        return False
    key = compose.field(head.fields, "sec-websocket-key") or ""
    version = compose.field(head.fields, "sec-websocket-version")
    if head.method != "GET" or head.has_body or head.minor != 1:
        return Refusal(status=400, why="A WebSocket handshake is a GET without a body.")
    if version != WEBSOCKET_VERSION or len(key) != WEBSOCKET_KEY_LENGTH:
        return Refusal(status=400, why="The WebSocket handshake is not one of RFC 6455.")
    return True


def connect_place(head: RequestHead) -> tuple[str, int] | Refusal:
    """Host and port that a CONNECT asks for."""
    try:
        host, port = canonical_authority(head.target)
        named = canonical_authority(head.host, default_port=port)
    except Refused as refused:
        return Refusal(status=400, why=refused.what)
    if named != (host, port):
        return Refusal(status=400, why="The Host header and the CONNECT authority differ.")
    if head.has_body:
        return Refusal(status=400, why="A CONNECT has no body.")
    return host, port


def name_mismatch(hello: Hello, tunnel: Authority) -> Refusal | None:
    """What is wrong with the name that a TLS client asks for in a tunnel to here. Addresses are not named (RFC 6066, 3)."""
    name = hello.server_name
    if name is None:
        if is_address(tunnel.host):
            return None
        return Refusal(status=421, why=f"The tunnel is for {tunnel.host}, but the TLS client named no server (SNI).")
    if name.lower().removesuffix(".") != tunnel.host:
        return Refusal(status=421, why=f"The tunnel is for {tunnel.host}, but the TLS client asked for {shown(name)}.")
    return None


def subject_of_request(request: Request) -> Subject:
    """What an answer or event says about a request that was read; a canonical path is printable ASCII already."""
    path = request.path if len(request.path) <= SHOWN_PATH else f"{request.path[:SHOWN_PATH]}…"
    return Subject(host=request.host, port=request.port, method=request.method, path=path, scheme=request.scheme)


def subject_of(head: RequestHead | None, tunnel: Authority | None, asked: Put | None = None) -> Subject:
    """What an answer or event says a request was about, from as much as was read of it."""
    if asked is not None:
        return subject_of_request(asked.request)
    if head is None:
        return (
            Subject() if tunnel is None else Subject(host=tunnel.host, port=tunnel.port, method="CONNECT", scheme=tunnel.scheme)
        )
    target = "" if head.method == "CONNECT" else shown(head.target.partition("?")[0], limit=SHOWN_PATH)
    host = shown(head.host) if tunnel is None else tunnel.host
    port, scheme = (tunnel.port, tunnel.scheme) if tunnel else (None, "")
    return Subject(host=host, port=port, method=head.method, path=target, scheme=scheme)
