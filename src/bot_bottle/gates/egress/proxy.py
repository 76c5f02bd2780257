"""The operator's own proxy between the gate and the world (HTTP CONNECT, RFC 9110, 9.3.6), and which hosts go round it."""

import asyncio
import ipaddress
import socket
from base64 import b64encode
from urllib.parse import urlsplit

from bot_bottle.errors import BottleError, Refused
from bot_bottle.gates.egress.framing import HEAD_LIMIT, Malformed, parse_response
from bot_bottle.gates.egress.names import is_address
from bot_bottle.manifest.spec import Upstream
from bot_bottle.record import dataclass, field

DEFAULT_PORT = 3128


@dataclass(frozen=True, kw_only=True, slots=True)
class Proxy:
    """Where the proxy is, who we are to it, and the hosts that bypass it."""

    host: str
    port: int
    bypass: tuple[str, ...] = ()
    authorization: str | None = field(default=None, repr=False)

    @classmethod
    def read(cls, upstream: Upstream, login: str) -> "Proxy | None":
        """From the settings and `USER:PASSWORD`, or nothing; None without a proxy."""
        if upstream.proxy is None:
            return None
        parts = urlsplit(upstream.proxy)
        if parts.scheme != "http" or not parts.hostname or parts.username is not None:
            raise BottleError("The upstream proxy must be an http:// address.")
        authorization = f"Basic {b64encode(login.encode()).decode()}" if login else None
        return cls(
            host=parts.hostname, port=parts.port or DEFAULT_PORT, bypass=tuple(upstream.no_proxy), authorization=authorization
        )

    def serves(self, host: str) -> bool:
        """Whether connections to this canonical host go through the proxy. A bypass name covers the names below it, a block its
        addresses, `*` everything."""
        return not any(_bypasses(entry, host) for entry in self.bypass)


def _bypasses(entry: str, host: str) -> bool:
    name = entry.lower().removeprefix("*.").removeprefix(".")
    if entry == "*" or host == name:
        return True
    if is_address(host):
        return "/" in entry and ipaddress.ip_address(host) in ipaddress.ip_network(entry, strict=False)
    return host.endswith(f".{name}")


async def ask_proxy(connection: socket.socket, proxy: Proxy, authority: str) -> None:
    """Have the proxy connect to `authority`. Refused when it will not or says more than that; OSError when it goes away."""
    loop = asyncio.get_running_loop()
    lines = [f"CONNECT {authority} HTTP/1.1", f"Host: {authority}"]
    if proxy.authorization is not None:
        lines.append(f"Proxy-Authorization: {proxy.authorization}")
    await loop.sock_sendall(connection, "\r\n".join([*lines, "", ""]).encode("latin-1"))
    head = bytearray()
    while b"\r\n\r\n" not in head:
        part = await loop.sock_recv(connection, 4096)
        head += part
        if not part or len(head) > HEAD_LIMIT:
            raise Refused(f"The upstream proxy {proxy.host} sent no whole answer.")
    end = head.index(b"\r\n\r\n") + 4
    try:
        answer = parse_response(bytes(head[:end]))
    except Malformed as malformed:
        raise Refused(f"The upstream proxy {proxy.host} does not speak HTTP/1.1: {malformed.why}") from None
    if answer.status == 407:
        raise Refused(f"The upstream proxy {proxy.host} wants another login than the operator's (407).")
    if not 200 <= answer.status < 300:
        raise Refused(f"The upstream proxy {proxy.host} answered {answer.status} to a tunnel to {authority}.")
    if end != len(head):
        raise Refused(f"The upstream proxy {proxy.host} sent more than its answer.")
