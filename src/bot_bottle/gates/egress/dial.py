"""From an origin to a connection: dial exactly a checked address, verify its certificate. Keeps idle connections for reuse.

A host that no rule allows never comes here. Behind an upstream proxy the proxy resolves names, so nothing is checked here that
could then be sent elsewhere.
"""

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from bot_bottle.errors import Refused
from bot_bottle.gates.addresses import Network, check
from bot_bottle.gates.egress.names import authority_text, is_address
from bot_bottle.gates.egress.proxy import Proxy, ask_proxy
from bot_bottle.gates.egress.resolve import Resolver, refuse_localhost
from bot_bottle.gates.egress.stream import Owner, Stream
from bot_bottle.gates.egress.tls import client_context
from bot_bottle.manifest.spec import Upstream

CONNECT_S = 15.0
ATTEMPT_S = 4.0
"""For one address while others are left."""

IDLE_LIMIT = 64
"""Idle connections kept for one origin, and four times as many for all."""

IDLE_S = 15.0
"""How long an idle connection is kept: many servers close after 60 s, some after 5; a race lost costs a request."""


class CannotReach(Exception):
    """No connection came about; `args[0]` says why, `status` is what to answer."""

    def __init__(self, why: str, *, status: int = 502) -> None:
        super().__init__(why)
        self.status = status


class Origin(NamedTuple):
    """Whom to connect to. `permitted` are the blocks that the rules permit besides public addresses."""

    scheme: str
    host: str
    port: int
    permitted: tuple[Network, ...] = ()


class Dialler:
    """Opens connections for one bottle, and keeps idle ones. A kept one is only used for an origin with the same permissions."""

    def __init__(self, settings: Upstream, resolver: Resolver, *, proxy_login: str = "") -> None:
        self._settings = settings
        self._resolver = resolver
        self._pins = {(pin.host, pin.port): pin for pin in settings.connect}
        self._at_loopback = {place for place, pin in self._pins.items() if ipaddress.ip_address(pin.address).is_loopback}
        self._proxy = Proxy.read(settings, proxy_login)
        self._context: ssl.SSLContext | None = None
        self._idle: dict[Origin, list[Idle]] = {}
        self._count = 0
        self._is_retired = False

    def warm(self) -> None:
        """Load the trusted roots now rather than in the first request."""
        if self._context is None:
            self._context = client_context([Path(path) for path in self._settings.ca])

    def is_pinned_to_loopback(self, host: str, port: int) -> bool:
        """Whether the operator pinned this host and port to an address of this machine."""
        return (host, port) in self._at_loopback

    def take(self, origin: Origin, owner: Owner) -> Stream | None:
        """An idle connection to this very origin, handed to the owner."""
        idle = self._idle.get(origin)
        if not idle:
            return None
        one = idle.pop()
        self._count -= 1
        one.stream.hand_to(owner)
        return one.stream

    def give(self, origin: Origin, stream: Stream) -> None:
        """Keep it for the next request, or close it."""
        idle = self._idle.setdefault(origin, [])
        if self._is_retired or len(idle) >= IDLE_LIMIT or self._count >= 4 * IDLE_LIMIT:
            stream.close()
            return
        one = Idle(self, origin, stream, asyncio.get_running_loop().time() + IDLE_S)
        stream.hand_to(one)
        stream.resume()
        idle.append(one)
        self._count += 1

    def drop(self, one: "Idle") -> None:
        """Close an idle connection."""
        idle = self._idle.get(one.origin, [])
        if one in idle:
            idle.remove(one)
            self._count -= 1
        one.stream.close()

    def sweep(self, now: float) -> None:
        """Close what has been idle for too long."""
        for origin, idle in tuple(self._idle.items()):
            for one in [one for one in idle if one.until <= now]:
                self.drop(one)
            if not idle:
                del self._idle[origin]

    def forget(self) -> None:
        """Close every idle connection and ask for names again: after a change of policy, and at the end."""
        for idle in self._idle.values():
            for one in tuple(idle):
                self.drop(one)
        self._idle.clear()
        self._resolver.forget()

    def retire(self) -> None:
        """Another one is used from now on: what is under way may end, and nothing is kept."""
        self._is_retired = True
        self.forget()

    async def open(self, origin: Origin, owner: Owner) -> Stream:
        """A new connection, its TLS verified for https. Refused for an address that is not permitted, CannotReach otherwise."""
        connection = await self.connect(origin)
        stream = Stream(connection, owner)
        stream.start()
        if origin.scheme != "https":
            return stream
        self.warm()
        assert self._context is not None
        try:
            async with asyncio.timeout(CONNECT_S):
                await stream.secure(self._context, hostname=origin.host)
        except TimeoutError:
            stream.abort()
            raise CannotReach(f"{origin.host} did not finish the TLS handshake within {CONNECT_S:g} s.", status=504) from None
        except OSError as error:  # ssl.SSLError is one
            stream.abort()
            raise CannotReach(f"TLS with {origin.host} failed: {_words(error)}.") from None
        except asyncio.CancelledError:
            stream.abort()
            raise
        return stream

    async def connect(self, origin: Origin) -> socket.socket:
        """A connected socket on which nothing was said (but to a proxy). Refused or CannotReach."""
        try:
            async with asyncio.timeout(CONNECT_S):
                return await self._reach(origin)
        except TimeoutError:
            raise CannotReach(f"{origin.host} did not answer within {CONNECT_S:g} s.", status=504) from None
        except OSError as error:
            raise CannotReach(f"{origin.host} cannot be reached: {_words(error)}.") from None

    async def _reach(self, origin: Origin) -> socket.socket:
        pin = self._pins.get((origin.host, origin.port))
        if pin is not None:
            return await _dial_any([pin.address], pin.to_port)
        if self._proxy is None or not self._proxy.serves(origin.host):
            return await _dial_any(await self._resolver.checked(origin.host, origin.permitted), origin.port)
        refuse_localhost(origin.host)
        if is_address(origin.host):
            check(origin.host, permitted=origin.permitted)
        connection = await _dial_any(await self._resolver.any(self._proxy.host), self._proxy.port)
        try:
            await ask_proxy(connection, self._proxy, authority_text(origin.host, origin.port))
        except Refused as refused:
            connection.close()
            raise CannotReach(refused.what) from None
        except BaseException:
            connection.close()
            raise
        return connection


class Idle:
    """Owns an idle connection: whatever happens on it, a server that speaks unasked included, closes it."""

    def __init__(self, dialler: Dialler, origin: Origin, stream: Stream, until: float) -> None:
        self._dialler = dialler
        self.origin = origin
        self.stream = stream
        self.until = until

    def received(self, content: bytes) -> None:
        """Unasked: not HTTP."""
        self._dialler.drop(self)

    def ended(self, *, clean: bool) -> None:
        """The server closed it."""
        self._dialler.drop(self)

    def drained(self) -> None:
        """Nothing."""


async def _dial_any(found: Sequence[str], port: int) -> socket.socket:
    """The first address that accepts, in order."""
    last: OSError = OSError("the name has no address")
    for number, address in enumerate(found):
        is_last = number == len(found) - 1
        try:
            async with asyncio.timeout(None if is_last else ATTEMPT_S):
                return await _dial(address, port)
        except OSError as error:  # TimeoutError is one
            if is_last and isinstance(error, TimeoutError):
                raise
            last = error
    raise last


async def _dial(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    connection = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
    try:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        await asyncio.get_running_loop().sock_connect(connection, (address, port))
    except BaseException:
        connection.close()
        raise
    return connection


def _words(error: OSError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not valid ({error.verify_message})"
    reason = getattr(error, "reason", None)
    return str(reason or error.strerror or error)
