"""One connection of the bottle: proxy requests in the open, or one tunnel whose TLS ends here.

The bottle controls every byte that is read here: names, framing, timing, volume. A request leaves only as a decided record.
"""

import asyncio
import socket
import time
from typing import TYPE_CHECKING

from bot_bottle.errors import Refused
from bot_bottle.gates.base import Inspection, Stopped
from bot_bottle.gates.egress import asking, mutations
from bot_bottle.gates.egress.answer import Refusal, Subject, refusal_bytes
from bot_bottle.gates.egress.asking import Authority, Put
from bot_bottle.gates.egress.credentials import apply
from bot_bottle.gates.egress.dial import Origin
from bot_bottle.gates.egress.exchange import Asked, Exchange, Traffic
from bot_bottle.gates.egress.framing import (
    HEAD_LIMIT,
    ChunkedBody,
    LengthBody,
    Malformed,
    RequestHead,
    parse_request,
    request_body,
)
from bot_bottle.gates.egress.hello import HANDSHAKE, NotTls, parse_hello
from bot_bottle.gates.egress.phase import Phase
from bot_bottle.gates.egress.relay import Passthrough, Switched
from bot_bottle.gates.egress.rules import Allowed, Denied, admits_host, decide
from bot_bottle.gates.egress.stream import READ_SIZE, SMALL_READ, Stream

if TYPE_CHECKING:
    from bot_bottle.gates.egress.serve import EgressGate

ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"
UNAUTHORIZED = 401
WEB_PORTS = frozenset({80, 443, 8080, 8443})
"""Ports at which a denied CONNECT is still answered inside TLS, where programs show the answer; elsewhere a client may wait for
the server to speak first, so it is told at once."""


class Client:
    """Reads requests one after the other: the next one is looked at when the answer to the last one has been given."""

    def __init__(self, gate: "EgressGate", connection: socket.socket) -> None:
        self._gate = gate
        self._loop = asyncio.get_running_loop()
        self._phase = Phase.HEAD
        self._buffer = b""
        self._tunnel: Authority | None = None
        self._mismatch: Refusal | None = None
        self._exchange: Exchange | None = None
        self._body: LengthBody | ChunkedBody | None = None
        self._body_limit = 0
        self._relay: Passthrough | Switched | None = None
        self._number = 0
        self._rule = ""
        self._began = self._loop.time()
        self.deadline = self._began + gate.bounds.head_s
        self.stream = Stream(connection, self, closed=lambda: gate.forget(self))
        self.stream.appetite = SMALL_READ
        self.stream.start()

    # What the stream calls.

    def received(self, content: bytes) -> None:
        """Bytes of the bottle."""
        if self._phase is Phase.BODY:
            self._take_body(content)
        elif self._phase is Phase.HEAD and not self._buffer:
            self._buffer = content
            self.deadline = self._loop.time() + self._gate.bounds.head_s
            self._take_head()
        elif self._phase is not Phase.OVER:
            self._buffer += content
            if self._phase is Phase.HEAD:
                self._take_head()
            elif self._phase is Phase.HELLO:
                self._take_hello()
            elif len(self._buffer) > HEAD_LIMIT:
                self.stream.pause()

    def ended(self, *, clean: bool) -> None:
        """The bottle closed the connection: nobody waits for the answer."""
        self.end("the bottle closed the connection")

    def drained(self) -> None:
        """What the bottle was sent has left."""
        if self._exchange is not None:
            self._exchange.client_drained()

    # What the gate calls.

    def expire(self) -> None:
        """The deadline has passed."""
        if self._exchange is not None:
            waits_for_bottle = self._phase is Phase.BODY and not self._exchange.has_answered
            why = "The request took too long to arrive." if waits_for_bottle else "The server took too long."
            self.failed(Refusal(status=408 if waits_for_bottle else 504, why=why))
        elif self._phase is Phase.HEAD and not self._buffer:
            self._over()
        elif self._phase in {Phase.HEAD, Phase.HELLO}:
            self._refuse(Refusal(status=408, why="The request took too long to arrive."))
        else:
            self.end()

    def recheck(self) -> None:
        """The rules changed: end what they no longer allow."""
        policy = self._gate.settings.running
        if self._exchange is not None and not self._exchange.is_allowed(policy):
            self.end("the policy changed")
        elif self._relay is not None and not self._relay.is_allowed(policy):
            self._relay.end("the policy changed")

    def end(self, why: str = "the gate ended it") -> None:
        """Close at once, with whatever is under way."""
        if self._relay is not None:
            self._relay.end(why)
        if self._exchange is not None:
            self._note_done(why)
            self._exchange.abort()
            self._exchange = None
        self._phase = Phase.OVER
        self.stream.abort()

    # Heads.

    def _take_head(self) -> None:
        while self._phase is Phase.HEAD and self._buffer:
            end = self._buffer.find(b"\r\n\r\n")
            if end < 0 or end > HEAD_LIMIT:
                if (refusal := asking.unfinished(self._buffer, end)) is not None:
                    self._refuse(refusal)
                return
            head, self._buffer = self._buffer[: end + 4], self._buffer[end + 4 :]
            self._began = self._loop.time()
            try:
                parsed = parse_request(head)
            except Malformed as malformed:
                self._refuse(Refusal(status=malformed.status, why=malformed.why))
                return
            if parsed.method == "CONNECT" and self._tunnel is None:
                self._open_tunnel(parsed)
            else:
                self._serve_one(parsed)

    def _serve_one(self, head: RequestHead) -> None:
        asked = asking.put(head, self._tunnel)
        if isinstance(asked, Refusal):
            self._refuse(self._mismatch or asked, self._subject(head))
            return
        if self._mismatch is not None:
            self._refuse(self._mismatch, self._subject(head, asked))
            return
        gate = self._gate
        verdict = decide(asked.request, gate.settings.policy)
        if isinstance(verdict, Denied):
            refusal = Refusal(status=403, why=verdict.why, rule=verdict.rule, hint=verdict.hint)
            self._refuse(refusal, self._subject(head, asked), keeps=head.keeps_alive and not head.has_body)
            return
        limit = gate.bounds.body_limit if verdict.rule.max_body is None else min(verdict.rule.max_body, gate.bounds.body_limit)
        if head.length is not None and head.length > limit:
            self._refuse(Refusal(status=413, why=f"The body is larger than {limit} bytes."), self._subject(head, asked))
            return
        self._body_limit = limit
        waits = gate.tokens.wanted(asked.request, gate.settings.bindings)
        if waits:
            self._phase = Phase.RENEWAL
            gate.tokens.renew(waits, lambda why: self._renewed(asked, why))
            return
        self._try(asked, verdict)

    def _renewed(self, asked: Put, why: str) -> None:
        """The tokens are there, or not. Meanwhile the rules may have changed: they are asked again."""
        if self._phase is not Phase.RENEWAL:
            return
        self._phase = Phase.HEAD
        verdict = decide(asked.request, self._gate.settings.policy)
        if why or isinstance(verdict, Denied):
            refusal = Refusal(status=502, why=why) if why else Refusal(status=403, why=getattr(verdict, "why", ""))
            self._refuse(refusal, asking.subject_of_request(asked.request))
        else:
            self._try(asked, verdict)

    def _try(self, asked: Put, verdict: Allowed) -> None:
        head = asked.head
        try:
            self._begin(asked, verdict)
        except Refused as refused:
            self._refuse(Refusal(status=403, why=refused.what), self._subject(head, asked))
        except Stopped as stopped:
            refusal = Refusal(status=403, why=stopped.why, by=stopped.rule, advice=stopped.hint, hint=stopped.argument)
            self._refuse(refusal, self._subject(head, asked))

    def _begin(self, asked: Put, verdict: Allowed) -> None:
        """Set credentials and let the request go. Refused or Stopped when it may not."""
        gate, request, head = self._gate, asked.request, asked.head
        dressed = apply(
            request,
            asked.fields,
            asked.target.raw_query,
            bindings=gate.settings.bindings,
            values=gate.values,
            plain_ok=gate.dialler.is_pinned_to_loopback(request.host, request.port),
            authority=asked.authority,
            has_body=head.has_body,
            at=time.time(),
        )
        target = request.path if dressed.raw_query is None else f"{request.path}?{dressed.raw_query}"
        origin = Origin(scheme=request.scheme, host=request.host, port=request.port, permitted=verdict.permitted)
        self._number = 0
        self._rule = verdict.rule.where
        self._exchange = exchange = Exchange(
            self,
            gate.dialler,
            Asked(request=request, head=head, target=target, authority=asked.authority, dressed=dressed, origin=origin),
            self._inspect(asked, verdict),
        )
        gate.passes(self._rule)
        self._body = body = request_body(head)
        if head.expects_continue and head.has_body and not self._buffer:
            self.stream.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        buffered, self._buffer = self._buffer, b""
        content = self._feed(buffered) if not body.done else b""
        if content is None:
            return
        self._phase = Phase.ANSWER if body.done else Phase.BODY
        self._buffer = body.rest if head.has_body else buffered
        self._set_deadline()
        exchange.send(content, complete=body.done)

    def _inspect(self, asked: Put, verdict: Allowed) -> Inspection | None:
        """The request as the bottle wrote it, before credentials are set. Stopped when it must not leave."""
        inspector, outbound = self._gate.inspector, asking.outbound_of(asked)
        inner = self._gate.meter.watch(outbound, inspector.inspect(outbound) if inspector is not None else None)
        return mutations.watched(outbound, asked, verdict.rule, inner)

    # Bodies.

    def _take_body(self, received: bytes) -> None:
        exchange, body = self._exchange, self._body
        assert exchange is not None
        assert body is not None
        content = self._feed(received)
        if content is None:
            return
        if body.done:
            self._phase = Phase.ANSWER
            self._buffer = body.rest
        self.stream.appetite = SMALL_READ if body.done else READ_SIZE
        self._set_deadline()
        exchange.send(content, complete=body.done)

    def _feed(self, received: bytes) -> bytes | None:
        """The content; None when the body was refused."""
        assert self._body is not None
        try:
            content = self._body.feed(received) if received else b""
        except Malformed as malformed:
            self._fail_body(Refusal(status=malformed.status, why=malformed.why))
            return None
        self._body_limit -= len(content)
        if self._body_limit < 0:
            self._fail_body(Refusal(status=413, why="The body is larger than the rules allow."))
            return None
        return content

    def _fail_body(self, refusal: Refusal) -> None:
        exchange = self._exchange
        assert exchange is not None
        exchange.abort()
        self.failed(refusal)

    # What the exchange calls.

    def leaving(self) -> None:
        """Record the decision; a request that is sent a second time was decided once."""
        exchange = self._exchange
        assert exchange is not None
        if not self._number:
            asked = exchange.asked
            more = {"rule": self._rule, "scheme": asked.request.scheme, "credentials": list(asked.dressed.names)}
            self._number = self._gate.note("allow", asking.subject_of_request(asked.request), more)

    def answering(self) -> None:
        """Something came from the server."""
        self._set_deadline()

    def answered(self, *, keeps: bool) -> None:
        """The answer is complete."""
        self._note_done("")
        if self._exchange is not None and self._exchange.traffic.status == UNAUTHORIZED:
            self._gate.rejected(self._exchange.asked.dressed.names)
        self._exchange = None
        if not keeps or self._phase is not Phase.ANSWER:
            self._over()
            return
        self._phase = Phase.HEAD
        self._await_head()
        self.stream.resume()
        if self._buffer:
            self._loop.call_soon(self._take_head)

    def failed(self, refusal: Refusal) -> None:
        """There will be no answer, or no whole one."""
        exchange, self._exchange = self._exchange, None
        if exchange is None:
            return
        exchange.abort()
        subject = asking.subject_of_request(exchange.asked.request)
        if self._number or refusal.status >= 500:
            self._exchange = exchange
            self.leaving()
            self._exchange = None
            exchange.traffic.status = exchange.traffic.status or refusal.status
            self._gate.note_done(self._number, exchange.traffic, self._began, refusal.why)
        if refusal.status < 500:
            self._gate.note_refusal(refusal, subject)
        if exchange.has_answered:
            self._over(goodbye=False)
            return
        self.stream.write(refusal_bytes(refusal, subject, close=True, can_ask=self._gate.can_ask))
        self._over()

    def switched(self, upstream: Stream, first: bytes, *, compressed: bool) -> None:
        """A WebSocket from here on."""
        assert self._exchange is not None
        self._phase = Phase.RELAY
        buffered, self._buffer = self._buffer, b""
        self._relay = relay = Switched(self, upstream, self._exchange)
        self._exchange = None
        relay.start(sent=buffered, answered=first, compressed=compressed)

    # Tunnels.

    def _open_tunnel(self, head: RequestHead) -> None:
        place = asking.connect_place(head)
        if isinstance(place, Refusal):
            self._refuse(place, asking.subject_of(head, None))
            return
        host, port = place
        subject = Subject(host=host, port=port, method="CONNECT", scheme="https")
        verdict = admits_host(host, port, self._gate.settings.policy)
        if isinstance(verdict, Denied) and port not in WEB_PORTS:
            self._refuse(Refusal(status=403, why=verdict.why, rule=verdict.rule, hint=verdict.hint), subject)
            return
        self._tunnel = Authority(scheme="https", host=host, port=port)
        self._phase = Phase.HELLO
        self.deadline = self._loop.time() + self._gate.bounds.head_s
        self.stream.write(ESTABLISHED)
        if self._buffer:
            self._take_hello()

    def _take_hello(self) -> None:
        assert self._tunnel is not None
        if self._buffer[0] != HANDSHAKE and self._buffer[:1].isalpha():
            # HTTP without TLS, as some programs send to http:// hosts: decided by the rules for plain http.
            self._tunnel = Authority(scheme="http", host=self._tunnel.host, port=self._tunnel.port)
            self._phase = Phase.HEAD
            self._take_head()
            return
        try:
            hello = parse_hello(self._buffer)
        except NotTls as error:
            self._refuse(
                Refusal(status=400, why=f"Nothing but TLS and HTTP/1.1 goes through a tunnel: {error}."), self._subject()
            )
            return
        if hello is None:
            return
        first, self._buffer = self._buffer, b""
        tunnel = self._tunnel
        verdict = admits_host(tunnel.host, tunnel.port, self._gate.settings.policy)
        self._mismatch = asking.name_mismatch(hello, tunnel)
        if isinstance(verdict, Allowed) and verdict.rule.passthrough:
            self._pass_through(first, verdict)
        else:
            self._end_tls(first, verdict)

    def _end_tls(self, first: bytes, verdict: Allowed | Denied) -> None:
        """Take the server's part, for denied hosts too: inside TLS the reason reaches the agent."""
        assert self._tunnel is not None
        self._phase = Phase.SHAKE
        done = self.stream.secure(self._gate.certificates.context_for(self._tunnel.host), first=first)

        def shaken(future: "asyncio.Future[None]") -> None:
            error = future.exception()
            if self._phase is not Phase.SHAKE:
                return
            if error is None:
                self._phase = Phase.HEAD
                self.deadline = self._loop.time() + self._gate.bounds.head_s
                return
            reason = getattr(error, "reason", None) or "closed"
            why = verdict.why if isinstance(verdict, Denied) else f"The TLS handshake of the bottle's program failed ({reason})."
            self._gate.note("deny", self._subject(), {"status": 400, "why": why, "rule": None})
            self.end()

        done.add_done_callback(shaken)

    def _pass_through(self, first: bytes, verdict: Allowed) -> None:
        assert self._tunnel is not None
        if self._mismatch is not None:
            self._gate.note("deny", self._subject(), {"status": 421, "why": self._mismatch.why, "rule": None})
            self.end()
            return
        self._phase = Phase.RELAY
        self._number = self._gate.note("allow", self._subject(), {"rule": verdict.rule.where, "passthrough": True})
        self._relay = relay = Passthrough(self, self._gate.dialler, self._tunnel)
        relay.open(first, verdict.permitted)

    def relaying(self) -> None:
        """Bytes went one way or the other."""
        self.deadline = self._loop.time() + self._gate.bounds.relay_s

    def relayed(self, traffic: Traffic, why: str, refusal: Refusal | None = None) -> None:
        """The relay is over."""
        if refusal is not None:
            self._gate.note_refusal(refusal, self._subject())
        self._gate.note_done(self._number, traffic, self._began, why)
        self._relay = None
        self._over()

    # Answers and the end.

    def _subject(self, head: RequestHead | None = None, asked: Put | None = None) -> Subject:
        return asking.subject_of(head, self._tunnel, asked)

    def _refuse(self, refusal: Refusal, subject: Subject | None = None, *, keeps: bool = False) -> None:
        """Say no, and why. Without `keeps` the connection ends: what follows may be a body that nobody reads."""
        subject = subject or self._subject()
        self._gate.note_refusal(refusal, subject)
        self.stream.write(refusal_bytes(refusal, subject, close=not keeps, can_ask=self._gate.can_ask))
        if not keeps:
            self._over()
        else:
            self._await_head()

    def _note_done(self, why: str) -> None:
        if self._exchange is not None and self._number:
            self._gate.note_done(self._number, self._exchange.traffic, self._began, why)

    def _await_head(self) -> None:
        bounds = self._gate.bounds
        self.deadline = self._loop.time() + (bounds.head_s if self._buffer else bounds.idle_s)

    def _set_deadline(self) -> None:
        bounds = self._gate.bounds
        self.deadline = self._loop.time() + (bounds.stall_s if self._phase is Phase.BODY else bounds.answer_s)

    def _over(self, *, goodbye: bool = True) -> None:
        """Nothing more is read or written, but for what waits."""
        self._phase = Phase.OVER
        self._buffer = b""
        self.stream.finish(goodbye=goodbye)
