"""Bytes both ways between two streams: WebSocket after its handshake, and TLS that is not ours to open (passthrough)."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Protocol

from bot_bottle.errors import Refused
from bot_bottle.gates.addresses import Network
from bot_bottle.gates.base import Inspection, Stopped
from bot_bottle.gates.egress.answer import Refusal
from bot_bottle.gates.egress.asking import Authority
from bot_bottle.gates.egress.dial import CannotReach, Dialler, Origin
from bot_bottle.gates.egress.exchange import Exchange, Traffic, still_allows
from bot_bottle.gates.egress.rules import Allowed, Policy, admits_host
from bot_bottle.gates.egress.stream import READ_SIZE, Stream
from bot_bottle.gates.egress.websocket import Frames, NotFrames, ScrubbedFrames


class Bottle(Protocol):
    """The bottle's connection."""

    @property
    def stream(self) -> Stream:
        """Its stream."""

    def relaying(self) -> None:
        """Bytes went one way or the other."""

    def relayed(self, traffic: Traffic, why: str, refusal: Refusal | None = None) -> None:
        """The relay is over, because of a refusal if there is one. Called once."""


class Relay:
    """Runs until one side ends; then finishes the other."""

    def __init__(self, bottle: Bottle, upstream: Stream, traffic: Traffic) -> None:
        self._bottle: Bottle | None = bottle
        self._traffic = traffic
        self._inner = _Side(self._moved_out, self, bottle.stream)
        self._outer = _Side(self._moved_in, self, upstream)

    def start(
        self,
        *,
        sent: bytes,
        answered: bytes,
        outward: Frames | None = None,
        inward: Frames | None = None,
        inspection: Inspection | None = None,
    ) -> None:
        """Begin with what was read already. The frames look at what goes by, the inspection at what goes out."""
        self._inner.begin(self._outer, outward, inspection)
        self._outer.begin(self._inner, inward)
        if answered:
            self._outer.received(answered)
        if sent:
            self._inner.received(sent)

    def end(self, why: str, refusal: Refusal | None = None) -> None:
        """Close both sides. Once."""
        bottle, self._bottle = self._bottle, None
        if bottle is not None:
            self._outer.stream.finish()
            bottle.relayed(self._traffic, why, refusal)

    def refuse(self, refusal: Refusal) -> None:
        """Close both sides because of what one of them sent."""
        self.end(refusal.why, refusal)

    def _moved_out(self, size: int) -> None:
        self._traffic.bytes_out += size
        if self._bottle is not None:
            self._bottle.relaying()

    def _moved_in(self, size: int) -> None:
        self._traffic.bytes_in += size
        if self._bottle is not None:
            self._bottle.relaying()


class _Side:
    """One end: what it reads is written to the other."""

    def __init__(self, moved: Callable[[int], None], relay: Relay, stream: Stream) -> None:
        self._moved = moved
        self._relay = relay
        self.stream = stream
        self._other: Stream | None = None
        self._frames: Frames | None = None
        self._inspection: Inspection | None = None

    def begin(self, other: "_Side", frames: Frames | None, inspection: Inspection | None = None) -> None:
        self._other = other.stream
        self._frames = frames
        self._inspection = inspection
        self.stream.hand_to(self)
        self.stream.appetite = READ_SIZE
        self.stream.resume()

    def received(self, content: bytes) -> None:
        assert self._other is not None
        try:
            if self._frames is not None:
                content = self._frames.feed(content)
            if self._inspection is not None:
                content = self._inspection.send(content)
        except NotFrames as error:
            self._relay.refuse(Refusal(status=400, why=f"Nothing but WebSocket frames follows a 101: {error}."))
            return
        except Stopped as stopped:
            self._relay.refuse(Refusal(status=403, why=stopped.why, by=stopped.rule))
            return
        self._moved(len(content))
        self._other.write(content)
        if self._other.is_full:
            self.stream.pause()

    def ended(self, *, clean: bool) -> None:
        self._relay.end("")

    def drained(self) -> None:
        assert self._other is not None
        self._other.resume()


class Switched:
    """A WebSocket: the request that opened it stays subject to the rules."""

    def __init__(self, bottle: Bottle, upstream: Stream, exchange: Exchange) -> None:
        self._exchange = exchange
        self._inspection = exchange.inspection
        self._relay = Relay(bottle, upstream, exchange.traffic)

    def start(self, *, sent: bytes, answered: bytes, compressed: bool) -> None:
        """Begin. Where a credential was set the frames were asked for, and are required, without compression."""
        values = self._exchange.asked.dressed.values
        self._relay.start(
            sent=sent,
            answered=answered,
            outward=Frames(masked=True, compressed=compressed),
            inward=ScrubbedFrames(values) if values else Frames(masked=False, compressed=compressed),
            inspection=self._inspection,
        )

    def end(self, why: str) -> None:
        """Close both sides."""
        self._relay.end(why)

    def is_allowed(self, policy: Policy) -> bool:
        """Whether these rules still allow it."""
        return self._exchange.is_allowed(policy)


class Passthrough:
    """A tunnel that is not opened: its server name was checked, the rest is between its ends."""

    def __init__(self, bottle: Bottle, dialler: Dialler, place: Authority) -> None:
        self._bottle: Bottle | None = bottle
        self._dialler = dialler
        self._place = place
        self._origin = Origin(scheme="tcp", host=place.host, port=place.port)
        self._relay: Relay | None = None
        self._opening: asyncio.Task[None] | None = None

    def open(self, first: bytes, permitted: Sequence[Network]) -> None:
        """Connect, then relay, beginning with the client hello that was read."""
        assert self._bottle is not None
        self._bottle.stream.pause()
        self._origin = self._origin._replace(permitted=tuple(permitted))
        self._opening = asyncio.get_running_loop().create_task(self._open(first))

    async def _open(self, first: bytes) -> None:
        try:
            connection = await self._dialler.connect(self._origin)
        except (CannotReach, Refused) as error:
            self.end(error.what if isinstance(error, Refused) else str(error))
            return
        finally:
            self._opening = None
        bottle, self._bottle = self._bottle, None
        if bottle is None:
            connection.close()
            return
        upstream = Stream(connection, NOBODY)
        self._relay = Relay(bottle, upstream, Traffic())
        self._relay.start(sent=first, answered=b"")
        upstream.start()

    def end(self, why: str) -> None:
        """Close both sides, or give up connecting."""
        if self._opening is not None:
            self._opening.cancel()
        bottle, self._bottle = self._bottle, None
        if self._relay is not None:
            self._relay.end(why)
        elif bottle is not None:
            bottle.relayed(Traffic(), why)

    def is_allowed(self, policy: Policy) -> bool:
        """Whether these rules still let it through unopened."""
        verdict = admits_host(self._place.host, self._place.port, policy)
        return isinstance(verdict, Allowed) and verdict.rule.passthrough and still_allows(verdict, self._origin)


class _Nobody:
    """Owns a stream that was just connected."""

    def received(self, content: bytes) -> None:
        """Nothing yet."""

    def ended(self, *, clean: bool) -> None:
        """Nothing yet."""

    def drained(self) -> None:
        """Nothing yet."""


NOBODY = _Nobody()
