"""Opening compressed bytes: gzip, deflate, brotli, zstd, bzip2, xz, zip. Bounded output, and silence where nothing opens."""

import bz2
import io
import lzma
import zipfile
import zlib
from collections.abc import Callable, Iterator

LIMIT = 32 * 1024 * 1024
"""Most bytes that one compressed text may open to. One that reaches it is not known to its end, which is a finding."""

PACKED = 16 * 1024 * 1024
"""Most bytes of compressed text that are opened from one place."""

GUESS = 64 * 1024
"""Formats without a mark at their start are tried on texts up to this size only."""

NESTED = 3
"""Compressions inside compressions that are opened."""

MEMBERS = 200
"""Most files of one archive that are read."""


def gunzip(packed: bytes, limit: int = LIMIT) -> bytes:
    """gzip (RFC 1952) or zlib (RFC 1950)."""
    return _inflate(packed, 32 + zlib.MAX_WBITS, limit)


def _inflate(packed: bytes, window: int, limit: int) -> bytes:
    inflater = zlib.decompressobj(window)
    try:
        return inflater.decompress(packed, limit)
    except zlib.error:
        return b""


def inflate(packed: bytes, limit: int = LIMIT) -> bytes:
    """Raw deflate (RFC 1951), which has no mark: accepted when the stream ends well and gives more than noise would."""
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    try:
        text = inflater.decompress(packed, limit)
    except zlib.error:
        return b""
    return text if inflater.eof and len(text) >= 8 else b""


def unbrotli(packed: bytes, limit: int = LIMIT) -> bytes:
    """Brotli (RFC 7932)."""
    import brotli

    try:
        return bytes(brotli.Decompressor().process(packed, output_buffer_limit=limit))
    except brotli.error:
        return b""


def unzstd(packed: bytes, limit: int = LIMIT) -> bytes:
    """Zstandard (RFC 8878)."""
    import zstandard

    try:
        with zstandard.ZstdDecompressor(max_window_size=1 << 27).stream_reader(io.BytesIO(packed)) as reader:
            return reader.read(limit)
    except (zstandard.ZstdError, ValueError):
        return b""


def unbzip2(packed: bytes, limit: int = LIMIT) -> bytes:
    """bzip2."""
    try:
        return bz2.BZ2Decompressor().decompress(packed, limit)
    except (OSError, ValueError):
        return b""


def unxz(packed: bytes, limit: int = LIMIT) -> bytes:
    """xz, with a bounded dictionary."""
    try:
        return lzma.LZMADecompressor(memlimit=64 << 20).decompress(packed, limit)
    except lzma.LZMAError:
        return b""


def unzip(packed: bytes, limit: int = LIMIT) -> bytes:
    """The members of a zip archive, joined, names first; encrypted members are left out (`is_sealed_zip` tells)."""
    texts: list[bytes] = []
    left = limit
    try:
        with zipfile.ZipFile(io.BytesIO(packed)) as archive:
            for member in archive.infolist()[:MEMBERS]:
                texts.append(member.filename.encode("utf-8", "replace"))
                if member.flag_bits & 1 or left <= 0:
                    continue
                with archive.open(member) as file:
                    text = file.read(left)
                left -= len(text)
                texts.append(text)
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, OSError, NotImplementedError, RuntimeError, ValueError, EOFError):
        return b"\n".join(texts)
    return b"\n".join(texts)


def is_sealed_zip(packed: bytes) -> bool:
    """Holds an encrypted member (APPNOTE 4.4.4, bit 0 of the general purpose flag)."""
    return packed[:4] == b"PK\x03\x04" and len(packed) > 8 and bool(packed[6] & 1)


NAMES = frozenset(("gzip", "zlib", "zstd", "zip", "bzip2", "xz", "compression"))
"""Encodings that make text smaller, by the labels that views carry."""

MARKS: dict[bytes, Callable[[bytes], bytes]] = {
    b"\x1f\x8b": gunzip,
    b"\x28\xb5": unzstd,
    b"PK": unzip,
    b"BZ": unbzip2,
    b"\xfd7": unxz,
    b"\x78\x01": gunzip,
    b"\x78\x5e": gunzip,
    b"\x78\x9c": gunzip,
    b"\x78\xda": gunzip,
}
"""The first two bytes of a compressed text, and what opens it."""

RAW_ENDINGS = frozenset((1, 3, 5))
"""The first three bits of raw deflate whose only block is the last one, as short texts have it."""

BROTLI_STARTS = frozenset((0xB, 0xD, 0xF))
"""The low four bits of a brotli text with a window of 22 (what every encoder takes by default), 23 or 24 bits (RFC 7932 9.1)."""


def opened(packed: bytes, depth: int = NESTED) -> list[bytes]:
    """The text itself, and what it opens to when it is compressed, forwards or backwards, also several times."""
    texts = [packed]
    if len(packed) < 6 or depth == 0:
        return texts
    for text in _openings(packed):
        if text:
            texts += opened(text, depth - 1)
    return texts


def _openings(packed: bytes) -> Iterator[bytes]:
    if opener := MARKS.get(packed[:2]):
        yield opener(packed)
    if opener := MARKS.get(packed[:-3:-1]):
        yield opener(packed[::-1])
    if len(packed) <= GUESS and not packed.isascii():
        if packed[0] & 7 in RAW_ENDINGS:
            yield inflate(packed)
        if packed[-1] & 7 in RAW_ENDINGS:
            yield inflate(packed[::-1])
        if packed[0] & 15 in BROTLI_STARTS:
            yield unbrotli(packed)
        if packed[-1] & 15 in BROTLI_STARTS:
            yield unbrotli(packed[::-1])


def open_as(encoding: str, packed: bytes) -> bytes | None:
    """Undo one content coding (RFC 9110 section 8.4.1), or None when it is unknown or does not open."""
    openers = {"gzip": gunzip, "x-gzip": gunzip, "br": unbrotli, "zstd": unzstd}
    if encoding in {"", "identity"}:
        return packed
    if encoding == "deflate":  # zlib by the standard, raw by custom
        return gunzip(packed) or inflate(packed) or None
    opener = openers.get(encoding)
    return (opener(packed) or None) if opener is not None else None
