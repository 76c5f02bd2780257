"""Undoing encodings: from a view and the signs found in it to the views inside. Pure; every size and depth is bounded.

The attacker chooses the bytes. A decoder here may return too much or nonsense (more to scan), never raise, and never return
more than its budget.
"""

import base64
import binascii
import html
import re
from collections.abc import Callable, Iterator, Sequence
from urllib.parse import unquote_to_bytes

from bot_bottle.gates.dlp import unpack
from bot_bottle.gates.dlp.engine import REACH
from bot_bottle.gates.dlp.triggers import RUN

SHORT = 4096
"""Runs up to this many bytes are also read backwards."""

LONGEST_NAME = 200
"""A longer run is not a name or a path, whatever it is made of."""

_RUN = re.compile(rb"[A-Za-z0-9+/_-]+={0,2}(?:(?:\r?\n|\\r\\n|\\n)[A-Za-z0-9+/_-]{4,}={0,2})*")
_BREAK = re.compile(rb"[\r\n]+|\\r|\\n")
_HEX = re.compile(rb"[0-9a-fA-F]{16,}")
_STRAY = {1: 1, 3: 1, 6: 1}
_WORDS = re.compile(rb"(?>(?:[A-Z]?[a-z]{2,}+|[A-Z]{2,}+|[0-9]++|[/_+-])+)")
"""Names and paths of programs: no small letter stands alone. Of random base64, 20 characters look so once in a hundred times, 40
once in ten thousand; capitals with digits may be base32, digits may be hexadecimal, and both are looked at."""

_LOWER = re.compile(rb"[a-z/_+-]{20}")
"""Words in small letters: nearly every run, and never base64."""

_PADDING = (b"", b"", b"==", b"=")
_BASE32 = re.compile(rb"[A-Z2-7]{16,}")
_BASE32_LOWER = re.compile(rb"[a-z2-7]{16,}")
_DIGIT = re.compile(rb"[0-9]")
_PIECE = re.compile(rb"[a-z]+|[A-Z]+")
_FIELD = re.compile(rb"[^\s\"'<>{}|`\x00]+")
_URL_SAFE = bytes.maketrans(b"-_", b"+/")
_SPACED = re.compile(rb"(?:[A-Za-z0-9]{1,3}[ :,._-]{1,2}){10,}[A-Za-z0-9]{1,3}|(?:[!-~][ ,]){11,}[!-~]")
_DECIMAL = re.compile(rb"(?:[0-9]{2,3}[ ,;]{1,2}){7,}[0-9]{2,3}")
_HEX_LIST = re.compile(rb"(?:0x[0-9a-fA-F]{2}[ ,;]{0,2}){8,}")
_UTF16 = re.compile(rb"(?:[^\x00]\x00|\x00[^\x00])+")
_ESCAPE = re.compile(rb"\\(?:u00([0-9a-fA-F]{2})|x([0-9a-fA-F]{2})|([0-3][0-7][0-7])|u\{([0-9a-fA-F]{2})\}|(/))")
_QUOTED = re.compile(rb"=([0-9A-F]{2})|=\r?\n")
_INVISIBLE = re.compile(rb"\xe2\x80[\x8b-\x8f]|\xe2\x81\xa0|\xef\xbb\xbf|\xc2\xad")
_ZERO_FIELD = re.compile(rb"[^\s\"'<>]+")

Decoder = Callable[[bytes, int], tuple[int, int, list[bytes]]]
"""(content, offset behind the sign) → (start, end of the encoded region, what it decodes to)."""


def from_runs(content: bytes, ends: Sequence[int]) -> Iterator[tuple[str, bytes]]:
    """(encoding, decoded text) for every run of letters and digits behind which a sign ends.

    base64 and its URL-safe form at four alignments, hexadecimal at two, base32; short runs also backwards.
    """
    done = 0
    for end in ends:
        start = end - RUN
        if start < done or _LOWER.match(content, start):
            continue
        match = _RUN.match(content, start)
        if match is None:
            continue
        done, run = match.end(), match.group()
        yield from from_run(_BREAK.sub(b"", run) if b"\n" in run or b"\\" in run else run)


def from_run(run: bytes) -> Iterator[tuple[str, bytes]]:
    """Everything that one run may spell. A run of small letters without digits is words."""
    if len(run) <= LONGEST_NAME and _WORDS.fullmatch(run) and not (run.isupper() and run.isalnum()) and not run.isdigit():
        return
    if _DIGIT.search(run) is None:
        if not run.islower():
            yield from _base32s(_BASE32, run)
        if is_name(run):
            return
    else:
        if found := _HEX.search(run):
            yield from _hexes(run, found.start())
        if run.islower():
            yield from _base32s(_BASE32_LOWER, run)
            return
        yield from _base32s(_BASE32, run)
    yield from _base64s(run)
    if len(run) <= SHORT:
        yield from _base64s(run[::-1])


def is_name(run: bytes) -> bool:
    """Words of a program rather than base64, when it has no digit: long stretches of one case, or one case and underscores."""
    return len(_PIECE.findall(run)) * 4 < len(run) or (run.isupper() and b"_" in run)


def _base64s(run: bytes) -> Iterator[tuple[str, bytes]]:
    body = run.translate(_URL_SAFE, b"=")
    for skip in range(4):
        part = body[skip:] if skip else body
        rest = len(part) % 4
        decoded = binascii.a2b_base64(part[:-1] if rest == 1 else part + _PADDING[rest])
        if skip:
            yield "base64", decoded
        else:
            for inner in unpack.opened(decoded):
                yield "base64", inner


def _hexes(run: bytes, start: int) -> Iterator[tuple[str, bytes]]:
    for match in _HEX.finditer(run, start):
        digits = match.group()
        for skip in (0, 1):
            part = digits[skip : len(digits) - (len(digits) - skip) % 2]
            for order in (part, part[::-1]) if len(part) <= SHORT else (part,):
                for inner in unpack.opened(binascii.unhexlify(order)):
                    yield "hex", inner


def _base32s(pattern: re.Pattern[bytes], run: bytes) -> Iterator[tuple[str, bytes]]:
    for match in pattern.finditer(run):
        letters = match.group().upper()
        for skip in (*range(8), -1) if match.start() and len(letters) <= 128 else (0, -1):
            part = letters[::-1] if skip < 0 else letters[skip:]
            part = part[: len(part) - _STRAY.get(len(part) % 8, 0)]
            for inner in unpack.opened(base64.b32decode(part + b"=" * (-len(part) % 8))):
                yield "base32", inner


def _field(content: bytes, end: int, pattern: re.Pattern[bytes] = _FIELD) -> re.Match[bytes] | None:
    """The stretch without blanks and quotes around `end - 1`."""
    low = max(end - 1 - REACH // 4, 0)
    start = low
    for stop in (b'"', b" ", b"\n", b"'", b"<", b">"):
        start = max(start, content.rfind(stop, low, end - 1) + 1)
    return pattern.match(content, start, min(len(content), end + REACH // 4))


def _whole_field(undo: Callable[[bytes], bytes], pattern: re.Pattern[bytes] = _FIELD) -> Decoder:
    def decode(content: bytes, end: int) -> tuple[int, int, list[bytes]]:
        match = _field(content, end, pattern)
        if match is None or match.end() < end:
            return end - 1, end, []
        text = undo(match.group())
        fields = [] if text.isascii() else [undo(part.partition(b"=")[2] or part) for part in match.group().split(b"&")]
        return match.start(), match.end(), [text, *(inner for field in fields for inner in unpack.opened(field)[1:])]

    return decode


def _unescape(text: bytes) -> bytes:
    def one(match: re.Match[bytes]) -> bytes:
        code, hexed, octal, braced, slash = match.groups()
        if slash:
            return b"/"
        return bytes((int(octal, 8) if octal else int(code or hexed or braced, 16),))

    return _ESCAPE.sub(one, text)


def _unquote(text: bytes) -> bytes:
    return unquote_to_bytes(text)


def _entities(text: bytes) -> bytes:
    return html.unescape(text.decode("latin-1")).encode("utf-8", "replace")


def _printable(text: bytes) -> bytes:
    return _QUOTED.sub(lambda match: bytes((int(match.group(1), 16),)) if match.group(1) else b"", text)


def _halfwidth(text: bytes) -> bytes:
    wide = text.decode("utf-8", "replace")
    return "".join(chr(ord(char) - 0xFEE0) if 0xFF01 <= ord(char) <= 0xFF5E else char for char in wide).encode()


def from_spaced(content: bytes, end: int) -> tuple[int, int, list[bytes]]:
    """Characters or bytes with separators between them: joined, and as numbers where all are decimal codes of ASCII."""
    low = max(end - 80, 0)
    match = _SPACED.search(content, low, min(len(content), end + REACH // 4))
    if match is None:
        return low, end, []
    text = match.group()
    decoded = [text.translate(None, b" :,._-"), text[::2], text[1::2]]
    for codes in _DECIMAL.finditer(text):
        decoded.append(bytes(code for code in map(int, re.findall(rb"[0-9]+", codes.group())) if code < 256))
    return match.start(), match.end(), decoded


def from_hex_list(content: bytes, end: int) -> tuple[int, int, list[bytes]]:
    """0x41, 0x42 and so on."""
    match = _HEX_LIST.search(content, max(end - 48, 0), min(len(content), end + REACH))
    if match is None:
        return end - 1, end, []
    digits = b"".join(re.findall(rb"0x([0-9a-fA-F]{2})", match.group()))
    return match.start(), match.end(), [binascii.unhexlify(digits)]


def from_utf16(content: bytes, end: int) -> tuple[int, int, list[bytes]]:
    """UTF-16 of either byte order: every other byte."""
    match = _UTF16.search(content, max(end - 16, 0), min(len(content), end + REACH))
    return (end - 1, end, []) if match is None else (match.start(), match.end(), [match.group().replace(b"\0", b"")])


def _packed(length: int, most: int = unpack.PACKED) -> Decoder:
    def decode(content: bytes, end: int) -> tuple[int, int, list[bytes]]:
        return end - length, end, unpack.opened(content[end - length : end + most])[1:]

    return decode


DECODERS: dict[str, tuple[str, Decoder]] = {
    "percent": ("percent-encoding", _whole_field(_unquote)),
    "escape": ("backslash escapes", _whole_field(_unescape)),
    "entity": ("HTML entities", _whole_field(_entities)),
    "quoted-printable": ("quoted-printable", _whole_field(_printable)),
    "backwards": ("reversal", _whole_field(lambda text: text[::-1])),
    "hex-list": ("hex", from_hex_list),
    "utf-16": ("UTF-16", from_utf16),
    "spaced": ("separators", from_spaced),
    "zero-width": ("zero-width characters", _whole_field(lambda text: _INVISIBLE.sub(b"", text), _ZERO_FIELD)),
    "full-width": ("full-width letters", _whole_field(_halfwidth, _ZERO_FIELD)),
    "gzip": ("gzip", _packed(3)),
    "zlib": ("zlib", _packed(2, REACH)),
    "zstd": ("zstd", _packed(4)),
    "zip": ("zip", _packed(4)),
    "bzip2": ("bzip2", _packed(10)),
    "xz": ("xz", _packed(6)),
}


def expand(content: bytes, runs: Sequence[int], signs: Sequence[tuple[str, int]]) -> Iterator[tuple[str, bytes]]:
    """What is encoded in `content`: (the encoding undone, the decoded texts joined by blanks and line ends), one per encoding.

    `runs` are the offsets behind the signs of runs, `signs` all other signs, (kind, offset behind it); both in order of offset.
    """
    decoded: dict[str, list[bytes]] = {}
    done: dict[str, int] = {}
    for label, text in from_runs(content, runs):
        decoded.setdefault(label, []).append(text)
    for kind, end in signs:
        if end <= done.get(kind, 0):
            continue
        label, decoder = DECODERS[kind]
        _start, done[kind], texts = decoder(content, end)
        if texts:
            decoded.setdefault(label, []).extend(texts)
    for label, texts in decoded.items():
        merged = b" \n ".join(text for text in texts if len(text) >= 3)
        if merged and merged != content:
            yield label, merged
