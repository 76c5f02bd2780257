"""One request that the policy allows: sent upstream, its answer passed back as it comes, its credential never seen inside."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine

from bot_bottle.gates.base import Inspection, Stopped
from bot_bottle.gates.egress.credentials import Dressed
from bot_bottle.gates.egress.http import (
    LAST_CHUNK,
    BadHttp,
    Chunked,
    Framing,
    RequestHead,
    ResponseHead,
    Sized,
    UntilClose,
    body_parts,
    end_to_end,
    framed,
    framing_headers,
    parse_response,
    tokens,
    write_head,
)
from bot_bottle.gates.egress.names import authority_text
from bot_bottle.gates.egress.rules import Request
from bot_bottle.gates.egress.scrub import Scrubber
from bot_bottle.gates.egress.upstream import CannotReach, Wire
from bot_bottle.record import dataclass

RESPONSE_HEAD_TIMEOUT_S = 600.0
"""A model may think for minutes before its first byte."""

BODY_IDLE_TIMEOUT_S = 600.0
WITH_BODY = frozenset({"POST", "PUT", "PATCH"})


@dataclass(kw_only=True, slots=True)
class Traffic:
    """What an exchange moved, for its event: status 0 means that no response came."""

    status: int = 0
    bytes_out: int = 0
    bytes_in: int = 0


class Exchange:
    """Runs one exchange between the bottle's connection and an upstream's."""

    def __init__(  # noqa: PLR0917 - the two sides of one exchange
        self,
        request: Request,
        head: RequestHead,
        dressed: Dressed,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        inspection: Inspection | None = None,
    ) -> None:
        self._inspection = inspection
        self._request = request
        self._head = head
        self._dressed = dressed
        self._reader = reader
        self._writer = writer
        self._scrubber = Scrubber(dressed.values)
        self.traffic = Traffic()
        self._opened: Wire | None = None
        self.body_is_read = False
        self.has_answered = False

    async def run(self, wire: Wire) -> bool:
        """Send, and pass the answer back. Whether the bottle's connection can serve another request.

        CannotReach before anything was answered; BadHttp when the upstream or the bottle breaks the protocol.
        """
        sending = asyncio.create_task(self._send(wire))
        try:
            response = await self._response_to(sending, wire)
            if self._inspection is not None:
                self._inspection.answered(response.status, response.headers)
            if response.status == 101:
                await sending
                return await self._switch(wire, response)
            keeps = await self._pass_back(wire, response)
            if sending.done():
                await sending
            return keeps and sending.done()
        finally:
            if not sending.done():
                sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)

    async def _response_to(self, sending: "asyncio.Task[None]", wire: Wire) -> ResponseHead:
        """The response head; Stopped when the request itself was stopped on its way."""
        try:
            return await self._response_head(wire)
        except CannotReach:
            error = sending.exception() if sending.done() and not sending.cancelled() else None
            if isinstance(error, Stopped):
                raise error from None
            raise

    def _request_bytes(self) -> bytes:
        request, head = self._request, self._head
        default = 443 if request.scheme == "https" else 80
        headers: list[tuple[str, str]] = [("host", authority_text(request.host, request.port, default_port=default))]
        headers += [(name, value) for name, value in end_to_end(self._dressed.headers) if name != "host"]
        if self._dressed.values:  # an encoded answer could not be scrubbed
            headers = [(name, value) for name, value in headers if name != "accept-encoding"]
            headers.append(("accept-encoding", "identity"))
        if self._inspection is not None:  # no compression between frames: they are read one by one
            headers = [(name, value) for name, value in headers if name != "sec-websocket-extensions"]
        if request.websocket:
            headers += [("connection", "Upgrade"), ("upgrade", "websocket")]
        headers += framing_headers(head.framing, has_body=request.method in WITH_BODY)
        query = "" if self._dressed.raw_query is None else f"?{self._dressed.raw_query}"
        return write_head(f"{request.method} {request.path}{query} HTTP/1.1", headers)

    async def _send(self, wire: Wire) -> None:
        try:
            framing = self._head.framing
            if framing == Sized(length=0):
                self._open(wire)
            else:
                await self._send_body(wire, framing)
            self.body_is_read = True
            await wire.writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            wire.close()
        except (BadHttp, Stopped):
            wire.close()
            raise

    async def _send_body(self, wire: Wire, framing: Framing) -> None:
        """The head goes with the first part that may leave, so that of a body that is stopped early nothing leaves."""
        if "100-continue" in tokens(self._head.headers, "expect"):
            self._writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if self._inspection is None:
            self._open(wire)
        async for part in timed(body_parts(self._reader, framing)):
            await self._send_part(wire, self._inspection.send(part) if self._inspection is not None else part, framing)
        if self._inspection is not None:
            await self._send_part(wire, self._inspection.finish(), framing)
        self._open(wire)
        if isinstance(framing, Chunked):
            wire.writer.write(LAST_CHUNK)

    async def _send_part(self, wire: Wire, part: bytes, framing: Framing) -> None:
        if part:
            self._open(wire)
            wire.writer.write(framed(part, framing))
            self.traffic.bytes_out += len(part)
            await wire.writer.drain()

    def _open(self, wire: Wire) -> None:
        """Write the request's head, once."""
        if self._opened is not wire:
            self._opened = wire
            wire.writer.write(self._request_bytes())

    async def _response_head(self, wire: Wire) -> ResponseHead:
        while True:
            try:
                async with asyncio.timeout(RESPONSE_HEAD_TIMEOUT_S):
                    raw = await wire.reader.readuntil(b"\r\n\r\n")
            except (asyncio.IncompleteReadError, ConnectionError) as error:
                raise CannotReach(f"{self._request.host} closed the connection without an answer") from error
            except asyncio.LimitOverrunError as error:
                raise BadHttp("the server's response head is too large", status=502) from error
            except TimeoutError as error:
                raise CannotReach(f"{self._request.host} did not answer in {RESPONSE_HEAD_TIMEOUT_S:g} s") from error
            response = parse_response(raw, to_method=self._request.method)
            if response.status == 101 and not self._request.websocket:
                raise BadHttp("the server switched protocols without being asked", status=502)
            if response.status >= 200 or response.status == 101:
                return response

    async def _pass_back(self, wire: Wire, response: ResponseHead) -> bool:
        framing = self._outer_framing(response)
        keeps = not self._head.wants_close() and not isinstance(framing, UntilClose)
        inspection = self._inspection
        if inspection is None or not inspection.holds_answer:
            self._answer(response, framing, keeps=keeps)
        async for part in timed(body_parts(wire.reader, response.framing)):
            self.traffic.bytes_in += len(part)
            ready = self._read(self._scrubber.feed(part))
            if ready and not self.has_answered:
                self._answer(response, framing, keeps=keeps)
            await self._write_part(ready, framing)
        ready = self._read(self._scrubber.finish()) + (inspection.finish_receiving() if inspection is not None else b"")
        if not self.has_answered:
            self._answer(response, framing, keeps=keeps)
        await self._write_part(ready, framing)
        if isinstance(framing, Chunked) and self._request.method != "HEAD":
            self._writer.write(LAST_CHUNK)
        await self._writer.drain()
        return keeps

    def _read(self, part: bytes) -> bytes:
        return self._inspection.receive(part) if self._inspection is not None and part else part

    def _outer_framing(self, response: ResponseHead) -> Framing:
        if isinstance(response.framing, Sized) or self._head.minor == 1:
            return Chunked() if isinstance(response.framing, UntilClose) else response.framing
        return UntilClose()

    def _answer(self, response: ResponseHead, framing: Framing, *, keeps: bool) -> None:
        headers = [(name, self._scrubber.header(value)) for name, value in end_to_end(response.headers)]
        if isinstance(framing, Sized) and self._request.method == "HEAD":
            headers += [(name, value) for name, value in response.headers if name == "content-length"]
        elif not isinstance(framing, UntilClose) and response.status not in (204, 304):
            headers += framing_headers(framing, has_body=True)
        if not keeps:
            headers.append(("connection", "close"))
        self._writer.write(write_head(f"HTTP/1.1 {response.status} {response.reason}", headers))
        self.traffic.status = response.status
        self.has_answered = True

    async def _write_part(self, part: bytes, framing: Framing) -> None:
        if part:
            self._writer.write(framed(part, framing) if isinstance(framing, Chunked) else part)
            await self._writer.drain()

    async def _switch(self, wire: Wire, response: ResponseHead) -> bool:
        """A WebSocket (RFC 6455): from here on bytes both ways until either end closes."""
        if tokens(response.headers, "upgrade") != {"websocket"}:
            raise BadHttp("the server switched to a protocol that was not asked for", status=502)
        headers = [(name, self._scrubber.header(value)) for name, value in end_to_end(response.headers)]
        headers += [("connection", "Upgrade"), ("upgrade", "websocket")]
        self._writer.write(write_head(f"HTTP/1.1 101 {response.reason}", headers))
        self.traffic.status, self.has_answered = 101, True
        through = self._inspection.send if self._inspection is not None else _unchanged
        outward = pump(self._reader, wire.writer, self._count_out, through)
        inward = pump(wire.reader, self._writer, self._count_in)
        await first_ends(outward, inward)
        wire.close()
        return False

    def _count_out(self, size: int) -> None:
        self.traffic.bytes_out += size

    def _count_in(self, size: int) -> None:
        self.traffic.bytes_in += size


async def timed(parts: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The same parts; TimeoutError when one takes longer than the idle limit."""
    while True:
        async with asyncio.timeout(BODY_IDLE_TIMEOUT_S):
            part = await anext(parts, None)
        if part is None:
            return
        yield part


def _unchanged(part: bytes) -> bytes:
    return part


async def pump(
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
    count: Callable[[int], None],
    through: Callable[[bytes], bytes] = _unchanged,
) -> None:
    """Bytes one way until the end."""
    while part := await reader.read(1 << 16):
        count(len(part))
        writer.write(through(part))
        await writer.drain()


async def first_ends(*ways: Coroutine[None, None, None]) -> None:
    """Run all; when one ends, end the others."""
    tasks = [asyncio.create_task(way) for way in ways]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for error in [task.exception() for task in done]:
            if isinstance(error, Stopped):
                raise error
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
