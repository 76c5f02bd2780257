"""One request that the policy allows: sent upstream, its answer passed back as it comes, its credential never seen inside.

The upstream server is not trusted: what it answers is parsed, framed anew, and scrubbed of the credentials that were set.
"""

import asyncio
from typing import NamedTuple, Protocol

from bot_bottle.errors import Refused
from bot_bottle.gates.base import Inspection, Stopped
from bot_bottle.gates.egress import compose
from bot_bottle.gates.egress.answer import Refusal
from bot_bottle.gates.egress.credentials import Dressed
from bot_bottle.gates.egress.dial import CannotReach, Dialler, Origin
from bot_bottle.gates.egress.framing import (
    HEAD_LIMIT,
    Body,
    ChunkedBody,
    LengthBody,
    Malformed,
    RequestHead,
    ResponseHead,
    UntilClosed,
    parse_response,
    response_body,
)
from bot_bottle.gates.egress.plain_answer import PlainAnswer
from bot_bottle.gates.egress.rules import Allowed, Policy, Request, Verdict, decide
from bot_bottle.gates.egress.stream import Stream

REPEATABLE = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})
"""Idempotent methods (RFC 9110, 9.2.2): sent again when a kept connection turns out to be closed."""


class Traffic:
    """What an exchange moved, for its event. Status 0: no response came."""

    __slots__ = ("bytes_in", "bytes_out", "status")

    def __init__(self, *, status: int = 0, bytes_out: int = 0, bytes_in: int = 0) -> None:
        self.status = status
        self.bytes_out = bytes_out
        self.bytes_in = bytes_in


class Asked(NamedTuple):
    """An allowed request: as the policy saw it, as it was framed, and as it is sent."""

    request: Request
    head: RequestHead
    target: str
    authority: str
    dressed: Dressed
    origin: Origin


def still_allows(verdict: Verdict, origin: Origin) -> bool:
    """Whether what is open may stay: allowed, and with every block of addresses that was permitted when it was dialled."""
    return isinstance(verdict, Allowed) and set(origin.permitted) <= set(verdict.permitted)


class Client(Protocol):
    """The connection of the bottle that an exchange serves."""

    @property
    def stream(self) -> Stream:
        """Where the answer goes."""

    def leaving(self) -> None:
        """The first byte is about to go to the server: the decision is recorded before it does."""

    def answering(self) -> None:
        """Something came from the server: the clock starts anew."""

    def answered(self, *, keeps: bool) -> None:
        """The answer is complete; `keeps`: the connection can carry another request."""

    def failed(self, refusal: Refusal) -> None:
        """There will be no answer, or no whole one."""

    def switched(self, upstream: Stream, first: bytes, *, compressed: bool) -> None:
        """The server speaks WebSocket from here on; `first` it has said already."""


class Exchange:
    """Runs one exchange. Owns its upstream stream until the answer is complete.

    Under inspection nothing is sent, not even the head, before the first of the body may leave; a body that is stopped early is
    never seen by the server.
    """

    def __init__(self, client: Client, dialler: Dialler, asked: Asked, inspection: Inspection | None = None) -> None:
        self._inspection = inspection
        self._held = b""
        self.has_answered = False
        self._client = client
        self._dialler = dialler
        self._asked = asked
        self._upstream: Stream | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._reused = False
        self._waiting = b""
        self._complete = False
        self._head = b""
        self._response: ResponseHead | None = None
        self._body: Body | None = None
        reads = asked.dressed.values or (inspection is not None and inspection.needs_identity)
        self._plain = PlainAnswer(asked.dressed.values) if reads else None
        self._is_chunked = False
        self._keeps = False
        self._over = False
        self.traffic = Traffic()

    @property
    def asked(self) -> Asked:
        """The request."""
        return self._asked

    def is_allowed(self, policy: Policy) -> bool:
        """Whether these rules still allow it where it goes."""
        return still_allows(decide(self._asked.request, policy), self._asked.origin)

    @property
    def inspection(self) -> Inspection | None:
        """What looks at it."""
        return self._inspection

    def send(self, content: bytes, *, complete: bool) -> None:
        """The next of the body, empty when there is none: with the first that may leave goes the head."""
        self._complete = complete
        if self._inspection is not None and self._asked.head.has_body:
            try:
                content = self._inspection.send(content) if content else b""
                content += self._inspection.finish() if complete else b""
            except Stopped as stopped:
                self._stop(stopped)
                return
            if not content and not complete:
                return
        framed = self._framed(content, complete=complete)
        if self._upstream is not None:
            self._upstream.write(framed)
            if self._upstream.is_full:
                self._client.stream.pause()
        elif self._connecting is not None:
            self._waiting += framed
        else:
            self._begin(framed)

    def _begin(self, framed: bytes) -> None:
        upstream = self._dialler.take(self._asked.origin, self)
        if upstream is not None:
            self._reused = True
            self._attach(upstream, framed)
        else:
            self._waiting = framed
            self._connect()

    def abort(self) -> None:
        """The client is gone, or may not go on: leave the server."""
        self._over = True
        if self._connecting is not None:
            self._connecting.cancel()
        if self._upstream is not None:
            self._upstream.abort()
        if self._inspection is not None:
            self._inspection.close()

    def client_drained(self) -> None:
        """What the client was sent has left."""
        if self._upstream is not None and not self._over:
            self._upstream.resume()

    def _connect(self) -> None:
        self._client.stream.pause()
        self._connecting = asyncio.get_running_loop().create_task(self._open())

    async def _open(self) -> None:
        try:
            upstream = await self._dialler.open(self._asked.origin, self)
        except (CannotReach, Refused) as error:
            status, why = (403, error.what) if isinstance(error, Refused) else (error.status, str(error))
            self._fail(Refusal(status=status, why=why))
            return
        finally:
            self._connecting = None
        if self._over:
            upstream.abort()
            return
        waiting, self._waiting = self._waiting, b""
        self._attach(upstream, waiting)
        self._client.stream.resume()

    def _attach(self, upstream: Stream, content: bytes) -> None:
        self._upstream = upstream
        self._client.leaving()
        upstream.write(self._request_bytes() + content)

    def _request_bytes(self) -> bytes:
        asked = self._asked
        fields = list(asked.dressed.headers)
        if self._plain is not None:
            fields = self._plain.asked_for(fields)
        elif self._inspection is not None:  # no compression between frames: they are read one by one
            fields = [one for one in fields if one[0].lower() != "sec-websocket-extensions"]
        return compose.request_bytes(asked.head, asked.target, asked.authority, fields, websocket=asked.request.websocket)

    def _framed(self, content: bytes, *, complete: bool) -> bytes:
        self.traffic.bytes_out += len(content)
        if not self._asked.head.chunked:
            return content
        framed = compose.chunk(content) if content else b""
        return framed + compose.LAST_CHUNK if complete else framed

    # What follows is called by the upstream stream.

    def received(self, content: bytes) -> None:
        """The server's bytes."""
        if self._over:
            return
        if self._upstream is None:
            self._fail(Refusal(status=502, why="The server spoke before it was asked."))
            return
        self._client.answering()
        try:
            if self._body is not None:
                self._pass(content, b"")
            else:
                self._take_head(content)
        except Malformed as malformed:
            self._fail(_unreadable(malformed))
        except Stopped as stopped:
            self._stop(stopped)

    def ended(self, *, clean: bool) -> None:
        """The server closed the connection."""
        if self._over or self._connecting is not None:
            return
        if isinstance(self._body, UntilClosed) and clean:
            try:
                self._finish(self._held + self._last(b""))
            except Malformed as malformed:
                self._fail(_unreadable(malformed))
            except Stopped as stopped:
                self._stop(stopped)
        elif self._reused and not self._head and self._response is None and self._may_repeat():
            self._reused = False
            if self._upstream is not None:
                self._upstream.abort()
            self._upstream = None
            self._connect()
        else:
            host = self._asked.request.host
            self._fail(Refusal(status=502, why=f"{host} closed the connection before its answer was complete."))

    def drained(self) -> None:
        """What the server was sent has left."""
        self._client.stream.resume()

    def _may_repeat(self) -> bool:
        return self._asked.request.method in REPEATABLE and not self._asked.head.has_body

    def _take_head(self, content: bytes) -> None:
        self._head += content
        while self._response is None:
            end = self._head.find(b"\r\n\r\n")
            if end < 0:
                if len(self._head) > HEAD_LIMIT:
                    raise Malformed("its head is too large")
                return
            head = parse_response(self._head[: end + 4])
            rest, self._head = self._head[end + 4 :], self._head[end + 4 :]
            if head.status == 101:
                self._switch(head, rest)
                return
            if head.status >= 200:
                self._answer(head, rest)

    def _answer(self, head: ResponseHead, rest: bytes) -> None:
        asked = self._asked
        self._response = head
        self.traffic.status = head.status
        self._body = body = response_body(head, asked.request.method)
        fields = compose.answerable(head)
        is_decoded = False
        if self._plain is not None:
            fields = self._plain.begin(head, fields, has_body=not (isinstance(body, LengthBody) and body.done))
            is_decoded = self._plain.is_decoded
        if self._inspection is not None:
            self._inspection.answered(head.status, fields)
        self._is_chunked = (is_decoded or isinstance(body, ChunkedBody)) and asked.head.minor == 1
        ends_itself = not isinstance(body, UntilClosed) and (self._is_chunked or not is_decoded)
        self._keeps = asked.head.keeps_alive and self._complete and ends_itself
        out = compose.response_bytes(
            head.status,
            head.reason,
            fields,
            length=None if head.status == 204 or is_decoded else head.length,
            chunked=self._is_chunked,
            close=not self._keeps,
        )
        self._pass(rest, out)

    def _pass(self, content: bytes, out: bytes) -> None:
        """The next of the body to the client, behind `out`."""
        body = self._body
        assert body is not None
        part = body.feed(content) if content else b""
        self.traffic.bytes_in += len(part)
        out = self._held + out
        self._held = b""
        if body.done:
            self._finish(out + self._last(part))
            return
        ready = self._part(part)
        if not ready and not self.has_answered and self._inspection is not None and self._inspection.holds_answer:
            self._held = out
        elif out or ready:
            self.has_answered = True
            client = self._client.stream
            client.write(out + ready)
            if client.is_full and self._upstream is not None:
                self._upstream.pause()

    def _part(self, part: bytes) -> bytes:
        if self._plain is not None:
            part = self._plain.feed(part)
        if self._inspection is not None and part:
            part = self._inspection.receive(part)
        return compose.chunk(part) if part and self._is_chunked else part

    def _last(self, part: bytes) -> bytes:
        """The end of the body as it goes to the client."""
        if self._plain is not None:
            part = self._plain.finish(part)
        if self._inspection is not None:
            part = (self._inspection.receive(part) if part else b"") + self._inspection.finish_receiving()
        if not self._is_chunked:
            return part
        return (compose.chunk(part) if part else b"") + compose.LAST_CHUNK

    def _finish(self, out: bytes) -> None:
        """The answer is complete."""
        assert self._response is not None
        assert self._body is not None
        self._over = self.has_answered = True
        if self._inspection is not None:
            self._inspection.close()
        if out:
            self._client.stream.write(out)
        upstream = self._upstream
        assert upstream is not None
        reusable = self._response.keeps_alive and self._complete and not self._body.rest
        if reusable and isinstance(self._body, LengthBody | ChunkedBody):
            self._dialler.give(self._asked.origin, upstream)
        else:
            upstream.close()
        self._client.answered(keeps=self._keeps)

    def _fail(self, refusal: Refusal) -> None:
        if self._over:
            return
        self.abort()
        self._client.failed(refusal)

    def _stop(self, stopped: Stopped) -> None:
        """An inspection refuses the request or its answer."""
        self._fail(Refusal(status=403, why=stopped.why, by=stopped.rule, advice=stopped.hint, hint=stopped.argument))

    def _switch(self, head: ResponseHead, rest: bytes) -> None:
        """A WebSocket (RFC 6455, 4.1): only when asked for, and only when the server proves that it speaks it."""
        asked = self._asked
        key = compose.field(asked.head.fields, "sec-websocket-key") or ""
        proof = compose.field(head.fields, "sec-websocket-accept")
        if not asked.request.websocket or "upgrade" not in head.options or proof != compose.websocket_accept(key):
            raise Malformed("it switched protocols without being asked, or to one that was not asked for")
        fields = compose.answerable(head)
        if self._plain is not None:
            fields = self._plain.scrubbed(fields)
        if self._inspection is not None:
            self._inspection.answered(head.status, head.fields)
        self.traffic.status = 101
        self._over = self.has_answered = True
        upstream = self._upstream
        assert upstream is not None
        out = compose.response_bytes(101, head.reason, fields, length=None, chunked=False, close=False, websocket=True)
        self._client.stream.write(out)
        compressed = "permessage-deflate" in (compose.field(head.fields, "sec-websocket-extensions") or "").lower()
        self._client.switched(upstream, rest, compressed=compressed)


def _unreadable(malformed: Malformed) -> Refusal:
    return Refusal(status=502, why=f"The server's answer has no single reading: {malformed.why}")
