"""Text as a reader sees it: compatibility forms, look-alike letters, invisible characters and odd blanks undone."""

import html
import re
import unicodedata

_LOOKALIKES = {
    "а": "a", "е": "e", "о": "o", "р": "p", "с": "c", "у": "y", "х": "x", "і": "i", "ј": "j", "ѕ": "s", "ԁ": "d", "һ": "h", "ո": "n", "ս": "u",
    "А": "a", "В": "b", "Е": "e", "К": "k", "М": "m", "Н": "h", "О": "o", "Р": "p", "С": "c", "Т": "t", "У": "y", "Х": "x", "І": "i", "Ѕ": "s",
    "α": "a", "ο": "o", "ρ": "p", "ν": "v", "ι": "i", "κ": "k", "τ": "t", "υ": "u", "ε": "e", "η": "n", "Α": "a", "Β": "b", "Ε": "e", "Ι": "i",
    "Κ": "k", "Μ": "m", "Ν": "n", "Ο": "o", "Ρ": "p", "Τ": "t", "Υ": "y", "Χ": "x", "Ζ": "z", "ɑ": "a", "ɡ": "g", "ⅼ": "l", "ꞁ": "l", "ӏ": "l",
    "ᴀ": "a", "ʙ": "b", "ᴄ": "c", "ᴅ": "d", "ᴇ": "e", "ɢ": "g", "ʜ": "h", "ɪ": "i", "ᴊ": "j", "ᴋ": "k", "ʟ": "l", "ᴍ": "m", "ɴ": "n", "ᴏ": "o",
    "ᴘ": "p", "ʀ": "r", "ꜱ": "s", "ᴛ": "t", "ᴜ": "u", "ᴠ": "v", "ᴡ": "w", "ʏ": "y", "ᴢ": "z", "’": "'", "‘": "'", "“": '"', "”": '"', "–": "-", "—": "-",
}  # fmt: skip
"""Letters of other scripts that look like Latin ones (a part of Unicode UTS 39 confusables), and typographic quotes."""

_TABLE = {ord(char): plain for char, plain in _LOOKALIKES.items()}
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufe00-\ufe0f\ufeff]|[\U000e0100-\U000e01ef]"
)
_TAG = re.compile("[\U000e0020-\U000e007e]+")
_COMBINING = re.compile("[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]+")
_REFERENCE = re.compile(rb"&#(?:x[0-9a-fA-F]{1,6}|[0-9]{1,7});")
_ODD = re.compile("[^\x00-\u00ac\u00ae-\u00ff\u4e00-\u9fff\u3040-\u30ff\uac00-\ud7af]")
"""Anything but Latin-1 and the usual letters of Chinese, Japanese and Korean: only then is there something to undo."""
_PLAIN = bytes(ord(" ") if chr(byte) in "\t\r\n\x0b\x0c" else byte + 32 if 65 <= byte <= 90 else byte for byte in range(256))
_LEET = bytes.maketrans(b"013457@$!", b"oieastasi")


def visible(text: str) -> str:
    """NFKC, look-alikes to Latin, combining marks and invisible characters gone, tag characters as the ASCII they spell."""
    text = _TAG.sub(lambda match: "".join(chr(ord(char) - 0xE0000) for char in match.group()), text)
    text = unicodedata.normalize("NFKC", _INVISIBLE.sub("", text)).translate(_TABLE)
    if text.isascii():
        return text
    return _COMBINING.sub("", unicodedata.normalize("NFD", text))


def readable(content: bytes) -> bytes:
    """Lower case, one blank for any, entities and other scripts' letters undone: what injection patterns match against."""
    if not content.isascii():
        text = content.decode("utf-8", "replace")
        content = (visible(text) if _ODD.search(text) else text).encode("utf-8", "replace")
    if b"&#" in content:
        content = _REFERENCE.sub(_referenced, content)
    for escaped in (b"\\n", b"\\r", b"\\t", b"&nbsp;"):
        if escaped in content:
            content = content.replace(escaped, b" ")
    content = content.translate(_PLAIN)
    return b" ".join([part.strip() for part in content.split(b"  ") if part])


def _referenced(match: re.Match[bytes]) -> bytes:
    return html.unescape(match.group().decode()).encode("utf-8", "replace")


def unleet(content: bytes) -> bytes:
    """Digits and signs that stand for letters, as letters."""
    return content.translate(_LEET)
