"""The fast engine: hyperscan, block mode for short texts and streaming mode for bodies, both compiled once and cached."""

import copy
from collections.abc import Sequence

import hyperscan

from bot_bottle.gates.dlp import compiled
from bot_bottle.gates.dlp.engine import Engine, Hit, Pattern, Stream

VERSION = str(vars(hyperscan)["__version__"])

FLAGS = hyperscan.HS_FLAG_DOTALL
"""Expressions say `(?i)` themselves where case does not matter."""


class HyperscanEngine(Engine):
    """Patterns come from the cache; needles are secrets, so their database lives in memory only."""

    name = "hyperscan"

    def __init__(self, patterns: Sequence[Pattern], needles: Sequence[bytes]) -> None:
        self._groups = [
            [(number, pattern.expression.encode("latin-1")) for number, pattern in enumerate(patterns) if pattern.group == group]
            for group in sorted({pattern.group for pattern in patterns})
        ]
        self._needles = [(len(patterns) + number, _exactly(needle)) for number, needle in enumerate(needles)]
        self._blocks = [(one, one.scratch) for one in self._make(hyperscan.HS_MODE_BLOCK)]
        self._streams: list[hyperscan.Database] = self._make(hyperscan.HS_MODE_STREAM)

    def _make(self, mode: int) -> list["hyperscan.Database"]:
        databases = [_cached(group, mode) for group in self._groups if group]
        return databases + ([_compile(self._needles, mode)] if self._needles else [])

    def find(self, content: bytes) -> list[Hit]:
        """Every hit in one block."""
        hits: list[Hit] = []
        for database, scratch in self._blocks:
            database.scan(content, match_event_handler=_note, context=hits, scratch=scratch)
        return hits

    def stream(self) -> Stream:
        """A search over chunks."""
        if not self._streams:
            self._streams = self._make(hyperscan.HS_MODE_STREAM)
        return _Streams(self._streams)

    def apart(self) -> "HyperscanEngine":
        """The same databases with room of its own to work in: hyperscan lets go of the interpreter while it searches.

        The binding closes a stream in its database's own room, so databases for streams are loaded anew when one is needed.
        """
        other = copy.copy(self)
        other._blocks = [(database, scratch.clone()) for database, scratch in self._blocks]
        other._streams = []
        return other


def _compile(group: list[tuple[int, bytes]], mode: int) -> "hyperscan.Database":
    database = hyperscan.Database(mode=mode)
    numbers, expressions = zip(*group, strict=True)
    database.compile(expressions=list(expressions), ids=list(numbers), flags=[FLAGS] * len(group))
    return database


def _cached(group: list[tuple[int, bytes]], mode: int) -> "hyperscan.Database":
    path = compiled.place([b"%d:%s" % one for one in group], engine=f"hyperscan {VERSION} {mode}")
    stored = compiled.load(path)
    if stored is not None:
        database = hyperscan.loadb(stored, mode)
        database.scratch = hyperscan.Scratch(database)
        return database
    database = _compile(group, mode)
    compiled.store(path, hyperscan.dumpb(database))
    return database


def _exactly(needle: bytes) -> bytes:
    """The bytes as an expression. The binding's own literal mode ends a pattern at its first NUL, and so matches too much."""
    return b"".join(b"\\x%02x" % byte for byte in needle)


def _note(number: int, _start: int, end: int, _flags: int, hits: object) -> None:
    hits.append((number, end))  # type: ignore[attr-defined]  # the list that was given as context


class _Streams(Stream):
    """One hyperscan stream per database."""

    def __init__(self, databases: list["hyperscan.Database"]) -> None:
        self._hits: list[Hit] = []
        self._streams = [database.stream(match_event_handler=_note, context=self._hits) for database in databases]
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
