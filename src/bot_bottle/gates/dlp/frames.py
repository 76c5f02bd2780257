"""WebSocket messages put together from their frames (RFC 6455 section 5.4), and the last few joined. Pure; bounded."""

from bot_bottle.gates.dlp.records import Match, View
from bot_bottle.gates.dlp.unpack import inflate
from bot_bottle.record import dataclass, field, replace

MESSAGE = 16 * 1024 * 1024
"""Largest message in bytes that is put together; a larger one cannot be scanned and is a finding."""

RECENT = 16 * 1024
"""Bytes of earlier messages that are looked at together with the next, for secrets sent in pieces."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Frame:
    """One frame, unmasked. `opcode`: text, binary, continuation, or a control frame's name."""

    opcode: str
    payload: bytes = field(repr=False)
    fin: bool = True
    rsv1: bool = False


@dataclass(frozen=True, slots=True)
class Frames:
    """One direction of a connection: the open message's parts, and the tail of what was sent before."""

    parts: bytes = field(default=b"", repr=False)
    packed: bool = False
    recent: bytes = field(default=b"", repr=False)
    extension: bool = False
    """permessage-deflate was agreed (RFC 7692); without it a frame with RSV1 is an error."""

    def take(self, frame: Frame) -> tuple["Frames", tuple[View, ...], tuple[Match, ...]]:
        """The state after the frame, the views that are now complete, and what is wrong with the frame itself."""
        if frame.opcode in {"close", "ping", "pong"}:
            return self, (View("frame", f"a {frame.opcode} frame", frame.payload),), ()
        if frame.rsv1 and not self.extension:
            return self, (), (Match("unscannable", "frame-rsv1", "Compressed frame without an agreed extension", 0, 0),)
        packed = self.packed or (frame.rsv1 and frame.opcode != "continuation")
        parts = self.parts + frame.payload
        if len(parts) > MESSAGE:
            return (
                replace(self, parts=b""),
                (),
                (Match("unscannable", "message-size", "WebSocket message too large to scan", 0, 0),),
            )
        if not frame.fin:
            return replace(self, parts=parts, packed=packed), (), ()
        text = _inflated(parts) if packed else parts
        if text is None:
            return (
                replace(self, parts=b"", packed=False),
                (),
                (Match("unscannable", "frame-deflate", "Compressed message that does not open", 0, 0),),
            )
        views = [View("frame", "a WebSocket message", text)]
        if self.recent:
            views.append(View("frame", "WebSocket messages, joined", self.recent + text[:RECENT]))
        return replace(self, parts=b"", packed=False, recent=(self.recent + text)[-RECENT:]), tuple(views), ()


def _inflated(packed: bytes) -> bytes | None:
    """RFC 7692 section 7.2.2: the sender removed an empty block from the end."""
    import zlib

    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        return inflater.decompress(packed + b"\x00\x00\xff\xff", MESSAGE) if packed else b""
    except zlib.error:
        return inflate(packed) or None
