"""The engine without hyperscan: Aho-Corasick finds the literals that a pattern cannot do without, RE2 looks around them."""

from collections.abc import Iterator, Sequence

import ahocorasick_rs

from bot_bottle.gates.dlp.engine import Engine, Hit, Pattern, Stream, joined, re2_compile

BEFORE, AFTER = 700, 8200
"""Bytes around a literal in which its pattern is searched: longer than the longest shortest form of any pattern."""

GULP = 4096
"""Chunks are gathered to this size before they are searched, so that tiny chunks do not cost a search each."""


class LiteralEngine(Engine):
    """Same hits as hyperscan up to repetition: one hit at least wherever a pattern matches."""

    name = "aho-corasick"

    def __init__(self, patterns: Sequence[Pattern], needles: Sequence[bytes]) -> None:
        self._expressions = [re2_compile(pattern.expression) for pattern in patterns]
        self._free = [number for number, pattern in enumerate(patterns) if not pattern.anchors]
        by_anchor: dict[bytes, list[int]] = {}
        for number, pattern in enumerate(patterns):
            for anchor in pattern.anchors:
                by_anchor.setdefault(anchor.encode("latin-1"), []).append(number)
        self._owners = list(by_anchor.values())
        self._anchors = ahocorasick_rs.BytesAhoCorasick(list(by_anchor)) if by_anchor else None
        self._first_needle = len(patterns)
        self._needles = ahocorasick_rs.BytesAhoCorasick(list(needles)) if needles else None

    def find(self, content: bytes) -> list[Hit]:
        """Every hit in one block."""
        return joined([*self._near_anchors(content), *self._anywhere(content), *self._exact(content)])

    def stream(self) -> Stream:
        """A search over chunks."""
        return _Overlapping(self)

    def _near_anchors(self, content: bytes) -> Iterator[Hit]:
        if self._anchors is None:
            return
        searched: dict[int, int] = {}
        for anchor, start, _end in self._anchors.find_matches_as_indexes(content.lower(), overlapping=True):
            for number in self._owners[anchor]:
                low = max(start - BEFORE, 0)
                if searched.get(number, -1) > start:
                    continue
                match = self._expressions[number].search(content, low, min(start + AFTER, len(content)))
                while match is not None:
                    yield number, match.end()
                    searched[number] = match.start() + 1
                    if match.start() > start:
                        break
                    match = self._expressions[number].search(content, match.start() + 1, min(start + AFTER, len(content)))

    def _anywhere(self, content: bytes) -> Iterator[Hit]:
        for number in self._free:
            for match in self._expressions[number].finditer(content):
                yield number, match.end()

    def _exact(self, content: bytes) -> Iterator[Hit]:
        if self._needles is not None:
            for needle, _start, end in self._needles.find_matches_as_indexes(content, overlapping=True):
                yield self._first_needle + needle, end


class _Overlapping(Stream):
    """Searches each gulp together with what came just before it."""

    def __init__(self, engine: LiteralEngine) -> None:
        self._engine = engine
        self._kept = b""
        self._base = 0
        self._told = -1
        self._waiting = bytearray()

    def feed(self, chunk: bytes) -> list[Hit]:
        self._waiting += chunk
        return self._search() if len(self._waiting) >= GULP else []

    def finish(self) -> list[Hit]:
        return self._search()

    def _search(self) -> list[Hit]:
        content = self._kept + bytes(self._waiting)
        fresh = len(self._kept)
        self._waiting.clear()
        hits = [(number, self._base + end) for number, end in self._engine.find(content) if end > fresh]
        keep = min(len(content), BEFORE + AFTER)
        self._base += len(content) - keep
        self._kept = content[len(content) - keep :]
        return hits
