"""The fast engine: hyperscan, block mode for short texts and streaming mode for bodies, both compiled once and cached."""

from collections.abc import Sequence
from functools import partial

import hyperscan

from bot_bottle.gates.dlp import compiled
from bot_bottle.gates.dlp.engine import Engine, Hit, Pattern, Stream

FLAGS = hyperscan.HS_FLAG_DOTALL
"""Expressions say `(?i)` themselves where case does not matter."""


class HyperscanEngine(Engine):
    """Patterns come from the cache; needles are secrets, so their database lives in memory only."""

    name = "hyperscan"

    def __init__(self, patterns: Sequence[Pattern], needles: Sequence[bytes]) -> None:
        expressions = [pattern.expression.encode("latin-1") for pattern in patterns]
        self._patterns = expressions
        self._needles = list(needles)
        self._databases = {
            hyperscan.HS_MODE_BLOCK: self._make(hyperscan.HS_MODE_BLOCK),
            hyperscan.HS_MODE_STREAM: self._make(hyperscan.HS_MODE_STREAM),
        }

    def _make(self, mode: int) -> list["hyperscan.Database"]:
        databases = [self._cached(mode)] if self._patterns else []
        if self._needles:
            first = len(self._patterns)
            database = hyperscan.Database(mode=mode)
            count = len(self._needles)
            expressions = [_exactly(needle) for needle in self._needles]
            database.compile(expressions=expressions, ids=list(range(first, first + count)), flags=[FLAGS] * count)
            databases.append(database)
        return databases

    def _cached(self, mode: int) -> "hyperscan.Database":
        path = compiled.place(self._patterns, engine=f"hyperscan {hyperscan.__version__} {mode}")
        stored = compiled.load(path)
        if stored is not None:
            database = hyperscan.loadb(stored, mode)
            database.scratch = hyperscan.Scratch(database)
            return database
        database = hyperscan.Database(mode=mode)
        count = len(self._patterns)
        database.compile(expressions=self._patterns, ids=list(range(count)), flags=[FLAGS] * count)
        compiled.store(path, hyperscan.dumpb(database))
        return database

    def find(self, content: bytes) -> list[Hit]:
        """Every hit in one block."""
        hits: list[Hit] = []
        for database in self._databases[hyperscan.HS_MODE_BLOCK]:
            database.scan(content, match_event_handler=_note, context=hits)
        return hits

    def stream(self) -> Stream:
        """A search over chunks."""
        return _Streams(self._databases[hyperscan.HS_MODE_STREAM])


def _exactly(needle: bytes) -> bytes:
    """The bytes as an expression. The binding's own literal mode ends a pattern at its first NUL, and so matches too much."""
    return b"".join(b"\\x%02x" % byte for byte in needle)


def _note(number: int, _start: int, end: int, _flags: int, hits: list[Hit]) -> None:
    hits.append((number, end))


class _Streams(Stream):
    """One hyperscan stream per database."""

    def __init__(self, databases: list["hyperscan.Database"]) -> None:
        self._hits: list[Hit] = []
        self._streams = [database.stream(match_event_handler=partial(_note), context=self._hits) for database in databases]
        for stream in self._streams:
            stream.__enter__()

    def feed(self, chunk: bytes) -> list[Hit]:
        for stream in self._streams:
            stream.scan(chunk)
        return self._drain()

    def finish(self) -> list[Hit]:
        for stream in self._streams:
            stream.__exit__(None, None, None)
        self._streams = []
        return self._drain()

    def _drain(self) -> list[Hit]:
        hits = self._hits[:]
        self._hits.clear()
        return hits
