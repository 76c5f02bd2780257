"""WebSocket framing (RFC 6455, 5.2), followed but not changed: after a 101 nothing else can be spoken. Pure."""

DATA = frozenset({0x0, 0x1, 0x2})
CONTROL = frozenset({0x8, 0x9, 0xA})
CONTROL_LIMIT = 125
LONGEST_HEADER = 14


class NotFrames(ValueError):
    """The bytes are not WebSocket frames of this direction."""


class Frames:
    """One direction: `masked` for what clients send, `compressed` when permessage-deflate (RFC 7692) was agreed."""

    def __init__(self, *, masked: bool, compressed: bool = False) -> None:
        self._masked = masked
        self._compressed = compressed
        self._header = b""
        self._skip = 0

    def feed(self, content: bytes) -> None:
        """Follow the next bytes. NotFrames when they break the framing."""
        at = 0
        size = len(content)
        while at < size:
            if self._skip:
                step = min(self._skip, size - at)
                self._skip -= step
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
