"""WebSocket framing (RFC 6455, 5.2), followed but not changed: after a 101 nothing else can be spoken. Pure."""

from collections import deque
from collections.abc import Iterator, Sequence

from bot_bottle.gates.egress.scrub import Scrubber

DATA = frozenset({0x0, 0x1, 0x2})
CONTROL = frozenset({0x8, 0x9, 0xA})
CONTROL_LIMIT = 125
LONGEST_HEADER = 14
WAITING_LIMIT = 1000
"""Frames that may wait for bytes which could still be of a value: more of them are empty ones, which nobody sends in earnest."""


class NotFrames(ValueError):
    """The bytes are not WebSocket frames of this direction."""


class Frames:
    """One direction: `masked` for what clients send, `compressed` when permessage-deflate (RFC 7692) was agreed."""

    def __init__(self, *, masked: bool, compressed: bool = False) -> None:
        self._masked = masked
        self._compressed = compressed
        self._header = b""
        self._skip = 0

    def feed(self, content: bytes) -> bytes:
        """Follow the next bytes; what may go on, here all of them. NotFrames when they break the framing."""
        for _ in self.parts(content):
            pass
        return content

    def parts(self, content: bytes) -> Iterator[tuple[bytes, bytes]]:
        """The same bytes as headers, each whole in the first place, and some of a payload in the second."""
        at = 0
        size = len(content)
        while at < size:
            if self._skip:
                step = min(self._skip, size - at)
                self._skip -= step
                yield b"", content[at : at + step]
                at += step
                continue
            header = self._header + content[at : at + LONGEST_HEADER - len(self._header)]
            length = self._header_length(header)
            if length is None or len(header) < length:
                self._header = header
                return
            at += length - len(self._header)
            self._header = b""
            self._skip = self._payload_length(header)
            yield header[:length], b""

    @property
    def is_between(self) -> bool:
        """Whether the frame that began is there in full."""
        return not self._skip

    def _header_length(self, header: bytes) -> int | None:
        """Bytes of the whole header, None while its second byte is missing."""
        if len(header) < 2:
            return None
        extended = {126: 2, 127: 8}.get(header[1] & 0x7F, 0)
        return 2 + extended + (4 if header[1] & 0x80 else 0)

    def _payload_length(self, header: bytes) -> int:
        first, second = header[0], header[1]
        opcode, reserved = first & 0x0F, first & 0x70
        if opcode not in DATA and opcode not in CONTROL:
            raise NotFrames(f"a WebSocket frame of the unknown kind {opcode}")
        if reserved and not (self._compressed and reserved == 0x40 and opcode in DATA):
            raise NotFrames("a WebSocket frame with reserved bits")
        if bool(second & 0x80) is not self._masked:
            raise NotFrames("a WebSocket frame that is masked wrongly for its direction")
        short = second & 0x7F
        length = short if short < 126 else int.from_bytes(header[2:4] if short == 126 else header[2:10], "big")
        if length >= 1 << 63:
            raise NotFrames("a WebSocket frame with an impossible length")
        if opcode in CONTROL and (length > CONTROL_LIMIT or not first & 0x80):
            raise NotFrames("a WebSocket control frame that is too long or fragmented")
        return length


class ScrubbedFrames(Frames):
    """A server's frames, with values masked in what they carry, also where a message is in fragments.

    A mask is as long as what it masks, so headers stay true. Bytes that may still become a value wait for the next fragment,
    and what comes after them with them.
    """

    def __init__(self, values: Sequence[str]) -> None:
        super().__init__(masked=False)
        self._message = Scrubber(values)
        self._control = Scrubber(values)
        self._first = 0
        self._order: deque[bytes | int] = deque()
        self._ready = bytearray()

    def feed(self, content: bytes) -> bytes:
        """What may go on. NotFrames when the framing is broken, or made to make us hold frames without end."""
        for header, payload in self.parts(content):
            if header:
                self._first = header[0]
                self._order.append(header)
            elif self._first & 0x0F in CONTROL:
                self._order.append(self._control.feed(payload))
            else:
                self._order.append(len(payload))
                self._ready += self._message.feed(payload)
            if self.is_between:
                self._end_frame()
        if len(self._order) > WAITING_LIMIT:
            raise NotFrames("WebSocket frames without content in the middle of a message")
        return self._out()

    def _end_frame(self) -> None:
        if self._first & 0x0F in CONTROL:
            self._order.append(self._control.finish())
        elif self._first & 0x80:
            self._ready += self._message.finish()

    def _out(self) -> bytes:
        """Headers and payloads in their order, as far as they are decided."""
        out, at = [], 0
        while self._order:
            one = self._order.popleft()
            if isinstance(one, bytes):
                out.append(one)
                continue
            step = min(one, len(self._ready) - at)
            out.append(bytes(self._ready[at : at + step]))
            at += step
            if step < one:
                self._order.appendleft(one - step)
                break
        del self._ready[:at]
        return b"".join(out)
