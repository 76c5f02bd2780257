"""WebSocket frames in a stream of bytes (RFC 6455 section 5.2), one direction. Strict; bounded; keeps the bytes as they came."""

from bot_bottle.gates.dlp.frames import MESSAGE, Frame
from bot_bottle.record import dataclass, field

OPCODES = {0: "continuation", 1: "text", 2: "binary", 8: "close", 9: "ping", 10: "pong"}


class BadFrame(Exception):
    """What came is no WebSocket frame that this gate lets pass."""


@dataclass(slots=True)
class FrameReader:
    """Cuts a stream into frames. `take` gives the frames that are complete and the bytes they were."""

    masked: bool
    """Frames from a client are masked, frames from a server are not (section 5.1)."""
    _held: bytearray = field(default_factory=bytearray, repr=False)

    def take(self, part: bytes) -> list[tuple[Frame, bytes]]:
        """Every frame that is complete now. BadFrame ends the connection."""
        self._held += part
        frames = []
        while (one := self._next()) is not None:
            frames.append(one)
        return frames

    def _next(self) -> tuple[Frame, bytes] | None:
        held = self._held
        if len(held) < 2:
            return None
        first, second = held[0], held[1]
        opcode = OPCODES.get(first & 0x0F)
        if opcode is None or first & 0x30:
            raise BadFrame("A frame has an unknown opcode or reserved bits.")
        if bool(second & 0x80) != self.masked:
            raise BadFrame("A frame is masked on the wrong side.")
        size, at = second & 0x7F, 2
        if size >= 126:
            width = 2 if size == 126 else 8
            if len(held) < at + width:
                return None
            size, at = int.from_bytes(held[at : at + width], "big"), at + width
        if size > MESSAGE:
            raise BadFrame(f"A frame is larger than {MESSAGE} bytes.")
        end = at + 4 * self.masked + size
        if len(held) < end:
            return None
        payload = bytes(held[end - size : end])
        if self.masked:
            payload = unmask(payload, bytes(held[at : at + 4]))
        raw = bytes(held[:end])
        del held[:end]
        return Frame(opcode=opcode, payload=payload, fin=bool(first & 0x80), rsv1=bool(first & 0x40)), raw


def unmask(payload: bytes, mask: bytes) -> bytes:
    """RFC 6455 section 5.3, as one large exclusive or."""
    size = len(payload)
    key = (mask * (size // 4 + 1))[:size]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")).to_bytes(size, "big")
