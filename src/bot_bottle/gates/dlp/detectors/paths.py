"""Data smuggled out in a URL: a path segment or a parameter that spells text in hex, or a long random segment."""

import base64
import binascii
import re
from collections.abc import Iterator

from bot_bottle.gates.dlp.checks import base58_decode, classes, entropy
from bot_bottle.gates.dlp.detectors.base import Detector
from bot_bottle.gates.dlp.records import Match, View

RANDOM = 24
"""Fewest characters of a random segment (140 bits in base 62)."""

BITS = 4.5
"""Entropy per character above which a segment of three kinds of characters counts as random."""

TEXT = 8
"""Fewest bytes of text that hexadecimal must spell."""

_PART = re.compile(rb"[^/?&=;#]+")
_HEX = re.compile(rb"(?:[0-9a-fA-F]{2}){8,}")
_DELIMITED = re.compile(rb"[0-9a-fA-F]{2}(?:[-:._][0-9a-fA-F]{2}){7,}")
_BASE64 = re.compile(rb"[A-Za-z0-9_+-]{32,}={0,2}")
_PLAIN = re.compile(rb"[\x20-\x7e\n\r\t]+")
_LETTERS = re.compile(rb"[A-Za-z0-9]+")


class Paths(Detector):
    """Random segments are looked for in paths only: queries are full of honest cursors, nonces and signatures."""

    name = "paths"
    title = "data encoded in a URL's path or parameters"
    action = "asks"
    looks_at = frozenset(("url",))

    def look(self, view: View) -> Iterator[Match]:
        if view.via:
            return
        query = view.content.find(b"?")
        for part in _PART.finditer(view.content):
            in_path = query < 0 or part.start() < query
            found = _spelled(part.group()) or (in_path and (_text(part.group()) or _random(part.group()))) or None
            if found:
                yield Match("exfil", *found, part.start(), part.end())


def _spelled(part: bytes) -> tuple[str, str] | None:
    if not _HEX.fullmatch(part) and not _DELIMITED.fullmatch(part):
        return None
    text = bytes.fromhex(re.sub(rb"[-:._]", b"", part).decode())
    is_text = len(text) >= TEXT and _PLAIN.fullmatch(text) and re.search(rb"[A-Za-z]", text)
    return ("url-hex-text", "Text in hexadecimal in a URL") if is_text else None


def _text(part: bytes) -> tuple[str, str] | None:
    """base64 of text that is no address: image proxies put addresses there."""
    text = _decoded(part) if _BASE64.fullmatch(part) else None
    is_text = text is not None and b"://" not in text and not text.startswith(b"{")
    return ("url-base64-text", "Text in base64 in a URL's path") if is_text else None


def _decoded(part: bytes) -> bytes | None:
    """What the part spells in base64, when that is text."""
    body = part.rstrip(b"=")
    try:
        text = base64.b64decode(body + b"=" * (-len(body) % 4), altchars=b"-_")
    except binascii.Error:
        return None
    return text if _PLAIN.fullmatch(text) else None


def _random(part: bytes) -> tuple[str, str] | None:
    if len(part) < RANDOM or len(part) > 512 or not _LETTERS.fullmatch(part):
        return None
    text = part.decode()
    if classes(text) < 3 or entropy(text) < BITS or is_content_address(text) or _decoded(part) is not None:
        return None
    return "url-random-segment", "Long random segment in a URL's path"


def is_content_address(text: str) -> bool:
    """A base58 multihash (IPFS CID version 0): 0x12 0x20 and a SHA-256."""
    raw = base58_decode(text) if text.startswith("Qm") and len(text) == 46 else None
    return raw is not None and raw[:2] == b"\x12\x20"
