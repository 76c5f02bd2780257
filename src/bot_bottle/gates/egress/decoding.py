"""Undoes the content codings of an answer as it passes, where it must be read: gzip, deflate, brotli, zstd (RFC 9110, 8.4.1).

The server is not trusted: what grows too much is refused, and so is what ends in the middle or goes on after its end.
"""

import zlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from bot_bottle.gates.egress.framing import Malformed

if TYPE_CHECKING:
    import zstandard

GROWTH = 64
"""How many times longer than its coded form a text may be. Real pages and JSON grow 3 to 30 times."""

FREE = 8 * 1024 * 1024
"""Bytes that it may have besides, for short answers that are very regular."""

MOST = 3
"""Codings of one answer."""

ZSTD_SLICE = 512
"""Bytes of zstd at a time: a block of 4 bytes can give 128 KiB (RFC 8878, 3.1.1.2), so that a slice gives at most 16 MiB."""

ZSTD_WINDOW = 8 * 1024 * 1024
"""The window that every decoder has to support (RFC 8878, 3.1.1.1.2) and that senders over HTTP keep to (RFC 9659)."""


class Coding(Protocol):
    """One coding, undone part by part."""

    def feed(self, part: bytes, room: int) -> bytes:
        """What the part gives, at most `room` bytes and some. Malformed when it is not of this coding or gives more."""

    @property
    def is_whole(self) -> bool:
        """Whether its end was there."""


class Decoder:
    """The codings of one answer, as its field lists them. Malformed when one is unknown."""

    def __init__(self, codings: Sequence[str]) -> None:
        known = [one.strip().lower() for one in codings]
        self._steps = [_coding(one) for one in reversed(known) if one != "identity"]
        if len(self._steps) > MOST:
            raise Malformed("it has too many content codings")
        self._taken = self._given = 0

    def feed(self, part: bytes) -> bytes:
        """The plain text of the next part."""
        self._taken += len(part)
        for step in self._steps:
            room = self._taken * GROWTH + FREE - self._given
            part = step.feed(part, room)
            if len(part) > room:
                raise Malformed("it grows too much when its content coding is undone")
        self._given += len(part)
        return part

    def finish(self) -> None:
        """The answer has ended. Malformed when a coding has not; an answer without a byte has none."""
        if self._taken and not all(step.is_whole for step in self._steps):
            raise Malformed("its content coding ends in the middle")


def _coding(name: str) -> Coding:
    match name:
        case "gzip" | "x-gzip":
            return _Gzip()
        case "deflate":
            return _Deflate()
        case "br":
            return _Brotli()
        case "zstd":
            return _Zstd()
        case _:
            raise Malformed("its content coding is none that can be undone")


def _broken(coding: str) -> Malformed:
    return Malformed(f"it is no {coding}, although it says so")


class _Gzip:
    """RFC 1952: one member or several."""

    name = "gzip"
    window = 16 + zlib.MAX_WBITS

    def __init__(self) -> None:
        self._inflater = zlib.decompressobj(self.window)

    def feed(self, part: bytes, room: int) -> bytes:
        texts: list[bytes] = []
        while part:
            if self._inflater.eof:
                self._inflater = self._next()
            try:
                texts.append(self._inflater.decompress(part, max(room, 0) + 1))
            except zlib.error:
                raise _broken(self.name) from None
            room -= len(texts[-1])
            part = self._inflater.unused_data
            if room < 0:
                break
        return b"".join(texts)

    def _next(self) -> "zlib._Decompress":
        return zlib.decompressobj(self.window)

    @property
    def is_whole(self) -> bool:
        return self._inflater.eof


class _Deflate(_Gzip):
    """zlib (RFC 1950), or raw deflate, which some servers send under this name."""

    name = "deflate"
    window = zlib.MAX_WBITS

    def __init__(self) -> None:
        super().__init__()
        self._first = b""
        self._is_known = False

    def feed(self, part: bytes, room: int) -> bytes:
        if not self._is_known:
            part = self._first + part
            if len(part) < 2:
                self._first = part
                return b""
            self._is_known = True
            if part[0] & 0x0F != 8 or int.from_bytes(part[:2], "big") % 31:  # RFC 1950, 2.2
                self._inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        return super().feed(part, room)

    def _next(self) -> "zlib._Decompress":
        raise Malformed("it goes on after its end")


class _Brotli:
    """RFC 7932."""

    def __init__(self) -> None:
        import brotli

        self._brotli = brotli
        self._opener = brotli.Decompressor()

    def feed(self, part: bytes, room: int) -> bytes:
        texts: list[bytes] = []
        try:
            while True:
                texts.append(self._opener.process(part, output_buffer_limit=max(room, 0) + 1))
                room -= len(texts[-1])
                part = b""
                if room < 0 or self._opener.can_accept_more_data() or self._opener.is_finished():
                    return b"".join(texts)
        except self._brotli.error:
            raise _broken("brotli") from None

    @property
    def is_whole(self) -> bool:
        return bool(self._opener.is_finished())


class _Zstd:
    """RFC 8878: one frame or several."""

    def __init__(self) -> None:
        import zstandard

        self._zstandard = zstandard
        self._opener = self._next()

    def _next(self) -> "zstandard.ZstdDecompressionObj":
        return self._zstandard.ZstdDecompressor(max_window_size=ZSTD_WINDOW).decompressobj()

    def feed(self, part: bytes, room: int) -> bytes:
        texts: list[bytes] = []
        for start in range(0, len(part), ZSTD_SLICE):
            rest = part[start : start + ZSTD_SLICE]
            while rest and room >= 0:
                if self._opener.eof:
                    self._opener = self._next()
                try:
                    texts.append(self._opener.decompress(rest))
                except self._zstandard.ZstdError:
                    raise _broken("zstd") from None
                room -= len(texts[-1])
                rest = self._opener.unused_data if self._opener.eof else b""
        return b"".join(texts)

    @property
    def is_whole(self) -> bool:
        return bool(self._opener.eof)
