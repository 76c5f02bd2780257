"""Takes a credential's value out of what a server answers, in the spellings in which servers echo things back.

Streaming, and exact across chunk borders: what comes out is what one search over the whole body would leave. Only bytes that may
still become a spelling are held back, so that a stream of events is not delayed. The body must not be compressed.
"""

import base64
import json
import re
from collections.abc import Iterable
from urllib.parse import quote

SHORTEST = 6
"""A spelling shorter than this would take harmless text with it; it is not searched for."""

MASK = b"*"

_LEFT_PLAIN = ("", "/", "!'()*~", "!'()*~/:@&=+$,;?#")
"""Which marks encoders leave plain: RFC 3986 strictly, path encoders, JavaScript's encodeURIComponent and encodeURI."""


def spellings(value: str) -> frozenset[bytes]:
    """The value plain, in base64 at its three offsets (also url-safe), hex, percent-encoded, and JSON-escaped."""
    plain = value.encode()
    if len(plain) < SHORTEST:
        return frozenset()
    found = {plain, plain.hex().encode(), plain.hex().upper().encode()}
    for safe in _LEFT_PLAIN:
        quoted = quote(value, safe=safe)
        found |= {quoted.encode(), re.sub("%..", lambda match: match[0].lower(), quoted).encode()}
    for text in (value, *(one.decode() for one in _base64(plain))):
        escaped = json.dumps(text)[1:-1]
        found |= {escaped.encode(), escaped.replace("/", "\\/").encode(), quote(text, safe="").encode()}
    found |= _base64(plain)
    return frozenset(one for one in found if len(one) >= SHORTEST)


def _base64(plain: bytes) -> set[bytes]:
    """At each offset the characters that depend on the value alone (RFC 4648, 4 and 5)."""
    found = set()
    for shift in range(3):
        first, last = -(-shift * 8 // 6), (shift + len(plain)) * 8 // 6
        core = base64.b64encode(b"\0" * shift + plain)[first:last]
        found |= {core, core.translate(bytes.maketrans(b"+/", b"-_"))}
    return found


class Scrubber:
    """Puts as many asterisks in place of every spelling of these values, so that lengths stay true."""

    def __init__(self, values: Iterable[str]) -> None:
        every = sorted({one for value in values for one in spellings(value)}, key=len, reverse=True)
        self._pattern = re.compile(b"|".join(map(re.escape, every))) if every else None
        self._beginnings = frozenset(one[:size] for one in every for size in range(1, len(one)))
        self._longest = len(every[0]) if every else 0
        self._held = b""

    def feed(self, part: bytes) -> bytes:
        """What may be passed on now."""
        if self._pattern is None:
            return part
        text = self._held + part
        safe = len(text) - self._undecided(text)
        out, done = [], 0
        for match in self._pattern.finditer(text):
            if match.start() >= safe:
                break
            out += [text[done : match.start()], MASK * len(match[0])]
            done = match.end()
        out.append(text[done:safe])
        self._held = text[max(done, safe) :]
        return b"".join(out)

    def _undecided(self, text: bytes) -> int:
        """How many bytes at the end begin a spelling that is not yet there in full, or could be of a longer one."""
        most = min(self._longest - 1, len(text))
        return next((size for size in range(most, 0, -1) if text[-size:] in self._beginnings), 0)

    def finish(self) -> bytes:
        """The rest, at the end of the body."""
        rest, self._held = self._held, b""
        return self._pattern.sub(_mask, rest) if self._pattern else rest

    def header(self, value: str) -> str:
        """A header's value without them."""
        if self._pattern is None:
            return value
        return self._pattern.sub(_mask, value.encode("latin-1")).decode("latin-1")


def _mask(match: re.Match[bytes]) -> bytes:
    return MASK * len(match[0])
