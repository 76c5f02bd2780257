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

_RUN = re.compile(rb"[A-Za-z0-9+/_-]+={0,2}(?:(?:\r?\n|\\r\\n|\\n)[A-Za-z0-9+/_-]{4,}={0,2})*")
_BREAK = re.compile(rb"[\r\n]+|\\r|\\n")
_HEX = re.compile(rb"[0-9a-fA-F]{16,}")
_BASE32 = re.compile(rb"[A-Z2-7]{16,}|[a-z2-7]{16,}")
_DIGIT = re.compile(rb"[0-9]")
_PIECE = re.compile(rb"[a-z]+|[A-Z]+")
_FIELD = re.compile(rb"[^\s\"'<>{}|`\x00]+")
_URL_SAFE = bytes.maketrans(b"-_", b"+/")
_SPACED = re.compile(rb"(?:[A-Za-z0-9]{1,3}[ :,._-]{1,2}){10,}[A-Za-z0-9]{1,3}")
_UTF16 = re.compile(rb"(?:[^\x00]\x00|\x00[^\x00])+")
_ESCAPE = re.compile(rb"\\(?:u00([0-9a-fA-F]{2})|x([0-9a-fA-F]{2})|([0-3][0-7][0-7])|u\{([0-9a-fA-F]{2})\}|(/))")
_QUOTED = re.compile(rb"=([0-9A-F]{2})|=\r?\n")
_INVISIBLE = re.compile(rb"\xe2\x80[\x8b-\x8f]|\xe2\x81\xa0|\xef\xbb\xbf|\xc2\xad")
_ZERO_FIELD = re.compile(rb"[^\s\"'<>]+")

Decoder = Callable[[bytes, int], tuple[int, int, list[bytes]]]
"""(content, offset behind the sign) → (start, end of the encoded region, what it decodes to)."""


def _run_at(content: bytes, end: int) -> tuple[int, int, bytes]:
    """The run that a sign ends in, wrapped lines joined."""
    start = end - RUN
    match = _RUN.match(content, start, min(len(content), start + 2 * REACH))
    if match is None:
        return start, end, b""
    run = match.group()
    return match.start(), match.end(), _BREAK.sub(b"", run) if b"\n" in run or b"\\" in run else run


def from_base64(content: bytes, end: int) -> tuple[int, int, list[bytes]]:
    """base64 and its URL-safe form at four alignments, also backwards."""
    start, stop, run = _run_at(content, end)
    if not run or is_name(run):
        return start, stop, []
    pieces = _base64s(run)
    pieces[:1] = [inner for piece in pieces[:1] for inner in unpack.opened(piece)]
    if len(run) <= SHORT:
        backwards = _base64s(run.strip(b"=")[::-1])
        pieces += [inner for piece in backwards[:1] for inner in unpack.opened(piece)] + backwards[1:]
    return start, stop, pieces


def from_hex(content: bytes, end: int) -> tuple[int, int, list[bytes]]:
    """Hexadecimal inside a run, at both alignments, also backwards."""
    start, stop, run = _run_at(content, end)
    return start, stop, [inner for piece in _hexes(run) for inner in unpack.opened(piece)]


def from_base32(content: bytes, end: int) -> tuple[int, int, list[bytes]]:
    """base32 of either case inside a run, also backwards."""
    start, stop, run = _run_at(content, end)
    return start, stop, [inner for piece in _base32s(run) for inner in unpack.opened(piece)]


def is_name(run: bytes) -> bool:
    """Words of a program or a path rather than base64: one case only, or long stretches of one case and no digit."""
    if run.islower():
        return True
    if _DIGIT.search(run):
        return False
    stretches = len(_PIECE.findall(run))
    return stretches * 4 < len(run) or (run.isupper() and b"_" in run)


def _base64s(run: bytes) -> list[bytes]:
    body = run.rstrip(b"=").translate(_URL_SAFE)
    found = []
    for skip in range(4):
        part = body[skip:]
        usable = len(part) - (len(part) % 4 == 1)
        try:
            found.append(binascii.a2b_base64(part[:usable] + b"=" * (-usable % 4)))
        except binascii.Error:  # pragma: no cover - the alphabet was checked
            continue
    return found


def _hexes(run: bytes) -> list[bytes]:
    found = []
    for match in _HEX.finditer(run):
        digits = match.group()
        for skip in (0, 1):
            part = digits[skip:]
            found.append(binascii.unhexlify(part[: len(part) // 2 * 2]))
            if len(part) <= SHORT:
                backwards = part[::-1]
                found.append(binascii.unhexlify(backwards[: len(part) // 2 * 2]))
    return found


def _base32s(run: bytes) -> list[bytes]:
    found = []
    for match in _BASE32.finditer(run):
        for letters in (match.group().upper(), match.group().upper()[::-1]):
            for skip in range(8) if len(letters) <= 512 else (0,):
                part = letters[skip:]
                part = part[: len(part) - {1: 1, 3: 1, 6: 1}.get(len(part) % 8, 0)]
                found.append(base64.b32decode(part + b"=" * (-len(part) % 8)))
    return found


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
        return (end - 1, end, []) if match is None or match.end() < end else (match.start(), match.end(), [undo(match.group())])

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
    parts = re.findall(rb"[A-Za-z0-9]+", match.group())
    decoded = [b"".join(parts)]
    decoded += [bytes(map(int, parts))] if all(part.isdigit() and 9 <= int(part) <= 126 for part in parts) else []
    return match.start(), match.end(), decoded


def from_utf16(content: bytes, end: int) -> tuple[int, int, list[bytes]]:
    """UTF-16 of either byte order: every other byte."""
    match = _UTF16.search(content, max(end - 16, 0), min(len(content), end + REACH))
    return (end - 1, end, []) if match is None else (match.start(), match.end(), [match.group().replace(b"\0", b"")])


def _packed(length: int) -> Decoder:
    def decode(content: bytes, end: int) -> tuple[int, int, list[bytes]]:
        return end - length, end, unpack.opened(content[end - length :])[1:]

    return decode


DECODERS: dict[str, tuple[tuple[str, Decoder], ...]] = {
    "run": (("base64", from_base64), ("hex", from_hex), ("base32", from_base32)),
    "percent": (("percent-encoding", _whole_field(_unquote)),),
    "escape": (("backslash escapes", _whole_field(_unescape)),),
    "entity": (("HTML entities", _whole_field(_entities)),),
    "quoted-printable": (("quoted-printable", _whole_field(_printable)),),
    "utf-16": (("UTF-16", from_utf16),),
    "spaced": (("separators", from_spaced),),
    "zero-width": (("zero-width characters", _whole_field(lambda text: _INVISIBLE.sub(b"", text), _ZERO_FIELD)),),
    "full-width": (("full-width letters", _whole_field(_halfwidth, _ZERO_FIELD)),),
    "gzip": (("gzip", _packed(3)),),
    "zstd": (("zstd", _packed(4)),),
    "zip": (("zip", _packed(4)),),
    "bzip2": (("bzip2", _packed(10)),),
    "xz": (("xz", _packed(6)),),
}


def expand(content: bytes, signs: Sequence[tuple[str, int]]) -> Iterator[tuple[str, bytes]]:
    """What is encoded in `content`: (the encoding undone, the decoded texts joined by line ends), one per encoding.

    `signs` are (kind of trigger, offset behind it) in order of offset.
    """
    decoded: dict[str, list[bytes]] = {}
    done: dict[str, int] = {}
    for kind, end in signs:
        if end <= done.get(kind, 0):
            continue
        for label, decoder in DECODERS[kind]:
            _start, done[kind], texts = decoder(content, end)
            if texts:
                decoded.setdefault(label, []).extend(texts)
    for label, texts in decoded.items():
        merged = b"\n".join(text for text in texts if len(text) >= 3)
        if merged and merged != content:
            yield label, merged
