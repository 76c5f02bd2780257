"""Takes a credential's value out of what a server answers, in the spellings in which servers echo things back.

Streaming, and exact across chunk borders: what comes out is what one search over the whole body would leave. Only bytes that may
still become a spelling are held back, so that a stream of events is not delayed. The body must not be compressed.
"""

import re
from collections.abc import Iterable

from bot_bottle.gates.spellings import spellings

MASK = b"*"


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
