"""The gate's own connections: resolve once, check every address, dial a checked one, verify its certificate."""

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from bot_bottle.errors import Refused
from bot_bottle.gates.egress.addresses import Network, check
from bot_bottle.gates.egress.http import HEAD_LIMIT, BadHttp, parse_response
from bot_bottle.gates.egress.names import authority_text, is_address
from bot_bottle.gates.egress.tls import client_context
from bot_bottle.manifest.spec import Upstream
from bot_bottle.record import dataclass

CONNECT_TIMEOUT_S = 15.0
RESOLVE_TIMEOUT_S = 10.0
IDLE_LIMIT = 32
"""Idle connections kept for each host; more are closed after use."""

IDLE_S = 55.0
"""How long an idle connection is reused; servers commonly close after 60 to 75 s."""


class CannotReach(Exception):
    """The upstream cannot be reached or is not who it must be; the text says why."""


@dataclass(kw_only=True, slots=True)
class Wire:
    """An open connection to an upstream. `is_reused` ones may have been closed by the other end meanwhile."""

    key: tuple[str, str, int]
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    is_reused: bool = False
    idle_since: float = 0.0

    def close(self) -> None:
        """Close it now; nothing is flushed."""
        self.writer.transport.abort()


class Dialler:
    """Opens, pools and closes upstream connections by (scheme, host, port)."""

    def __init__(self, settings: Upstream, *, own: Sequence[str] = ()) -> None:
        self._settings = settings
        self._pins = {(pin.host, pin.port): pin for pin in settings.connect}
        self._context: ssl.SSLContext | None = None
        self._idle: dict[tuple[str, str, int], list[Wire]] = {}
        self._own = own

    async def get(self, scheme: str, host: str, port: int, permitted: Sequence[Network], *, fresh: bool = False) -> Wire:
        """A connection to this very host. Refused for an address that is not permitted, CannotReach otherwise."""
        key = (scheme, host, port)
        now = asyncio.get_running_loop().time()
        idle = self._idle.get(key, [])
        while idle and not fresh:
            wire = idle.pop()
            if now - wire.idle_since < IDLE_S and not wire.reader.at_eof() and not wire.writer.is_closing():
                wire.is_reused = True
                return wire
            wire.close()
        reader, writer = await self.open(scheme, host, port, permitted)
        return Wire(key=key, reader=reader, writer=writer)

    def is_pinned_to_loopback(self, host: str, port: int) -> bool:
        """Whether the operator pinned this host and port to an address of this machine."""
        pin = self._pins.get((host, port))
        return pin is not None and ipaddress.ip_address(pin.address).is_loopback

    def give_back(self, wire: Wire) -> None:
        """Keep it for the next request."""
        idle = self._idle.setdefault(wire.key, [])
        if len(idle) >= IDLE_LIMIT or wire.reader.at_eof():
            wire.close()
            return
        wire.idle_since = asyncio.get_running_loop().time()
        idle.append(wire)

    async def open(
        self, scheme: str, host: str, port: int, permitted: Sequence[Network]
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A new connection; with scheme `https` its certificate is checked for `host`, with `tcp` nothing is said on it."""
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT_S):
                reader, writer = await self._reach(scheme, host, port, permitted)
                if scheme == "https":
                    await writer.start_tls(self._verifying(), server_hostname=host)
                return reader, writer
        except ssl.SSLCertVerificationError as error:
            raise CannotReach(f"the certificate of {host} is not valid: {error.verify_message}") from error
        except TimeoutError as error:
            raise CannotReach(f"{host} did not answer within {CONNECT_TIMEOUT_S:g} s") from error
        except (OSError, asyncio.IncompleteReadError, ssl.SSLError) as error:
            raise CannotReach(f"{host} cannot be reached: {_words(error)}") from error

    def _verifying(self) -> ssl.SSLContext:
        if self._context is None:
            self._context = client_context([Path(path) for path in self._settings.ca])
        return self._context

    async def _reach(
        self, scheme: str, host: str, port: int, permitted: Sequence[Network]
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        pin = self._pins.get((host, port))
        if pin is not None:
            return await asyncio.open_connection(pin.address, pin.to_port, limit=HEAD_LIMIT)
        if self._settings.proxy and not self._is_exempt(host):
            return await self._through_proxy(host, port, self._settings.proxy)
        return await self._dial_any(await self.resolve(host, port, permitted), port)

    async def resolve(self, host: str, port: int, permitted: Sequence[Network]) -> list[str]:
        """Every address of the host, checked; one bad address refuses the name, for an answer may be mixed on purpose."""
        if is_address(host):
            return [str(check(host, permitted=permitted, own=self._own))]
        if host == "localhost" or host.endswith(".localhost"):
            raise Refused(f"{host} is this machine itself (RFC 6761); pin it under egress.upstream.connect if that is meant.")
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(RESOLVE_TIMEOUT_S):
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = list(dict.fromkeys(str(row[4][0]) for row in found))
        return [str(check(address, permitted=permitted, own=self._own)) for address in addresses]

    async def _dial_any(self, addresses: Sequence[str], port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        last: OSError = OSError("the name has no address")
        for address in addresses:
            try:
                return await asyncio.open_connection(address, port, limit=HEAD_LIMIT)
            except OSError as error:
                last = error
        raise last

    async def _through_proxy(self, host: str, port: int, proxy: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """A tunnel through the operator's proxy (RFC 9110, 9.3.6). Address literals are checked here, names by the proxy."""
        if is_address(host):
            check(host, permitted=(), own=self._own)
        parts = urlsplit(proxy)
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port or 3128, limit=HEAD_LIMIT)
        authority = authority_text(host, port)
        writer.write(f"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n\r\n".encode("ascii"))
        try:
            head = parse_response(await reader.readuntil(b"\r\n\r\n"), to_method="CONNECT")
        except BadHttp as error:
            raise CannotReach(f"the proxy's answer is not HTTP: {error.why}") from error
        if head.status != 200:
            writer.close()
            raise CannotReach(f"the proxy answered {head.status} to a tunnel to {authority}")
        return reader, writer

    def _is_exempt(self, host: str) -> bool:
        for entry in self._settings.no_proxy:
            if entry.startswith(".") and (host.endswith(entry) or host == entry[1:]):
                return True
            if entry == host:
                return True
            if "/" in entry and is_address(host) and ipaddress.ip_address(host) in ipaddress.ip_network(entry):
                return True
        return False

    def forget_idle(self) -> None:
        """Close every idle connection: after a change of policy, and at the end."""
        for wires in self._idle.values():
            for wire in wires:
                wire.close()
        self._idle.clear()


def _words(error: BaseException) -> str:
    return getattr(error, "strerror", None) or type(error).__name__
