"""Many patterns in one pass. Two engines, one contract: hyperscan where its wheel exists, else Aho-Corasick with RE2.

An engine only says where to look: every hit is confirmed with RE2 by whoever owns the pattern, so both engines give the same
verdicts. All expressions are RE2's syntax; none can take exponential time.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

from bot_bottle.errors import CannotRunHere
from bot_bottle.record import dataclass

if TYPE_CHECKING:
    import re2

REACH = 64 * 1024
"""How far from a hit, in bytes, confirming and decoding may look."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """One expression to search for.

    `anchors`: lower-case literals of which one is in every match, or empty. `group`: searched together. Expressions that
    begin anywhere in ordinary text (1) or are short of letters (2) go apart: with the others they would slow all down by half.
    """

    expression: str
    anchors: tuple[str, ...] = ()
    group: int = 0


Hit = tuple[int, int]
"""A pattern's number, and the offset just behind a match of it."""


class Stream(ABC):
    """A search over chunks; the hits are those of the chunks joined, with offsets in the whole."""

    @abstractmethod
    def feed(self, chunk: bytes) -> list[Hit]:
        """Hits that end in what was fed so far and were not told before."""

    @abstractmethod
    def finish(self) -> list[Hit]:
        """The last hits; the stream is over."""


class Engine(ABC):
    """Finds patterns (and needles: plain byte strings numbered after the patterns)."""

    name: str

    @abstractmethod
    def find(self, content: bytes) -> list[Hit]:
        """Every hit in one block."""

    @abstractmethod
    def stream(self) -> Stream:
        """A search over chunks."""

    def apart(self) -> "Engine":
        """The same search for another thread, which may run while this one does."""
        return self


@cache
def re2_compile(expression: str) -> "re2._Regexp[bytes]":
    """Compile for bytes, one byte one character, with a bounded memory for the automaton."""
    import re2

    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.max_mem = 64 << 20
    options.log_errors = False
    return re2.compile(expression.encode("latin-1"), options)


def choose_engine(patterns: Sequence[Pattern], needles: Sequence[bytes], *, prefer: str = "") -> Engine:
    """The fast engine, or the other where hyperscan is missing. `prefer` names one, for tests and for operators."""
    if prefer != "aho-corasick":
        try:
            from bot_bottle.gates.dlp.hyperscan_engine import HyperscanEngine

            return HyperscanEngine(patterns, needles)
        except ImportError as error:
            if prefer:
                raise CannotRunHere("The hyperscan engine was asked for but is not installed.", facts=(str(error),)) from error
    try:
        from bot_bottle.gates.dlp.literal_engine import LiteralEngine

        return LiteralEngine(patterns, needles)
    except ImportError as error:
        raise CannotRunHere(
            "No scan engine is installed, so nothing that leaves could be checked.",
            facts=(str(error),),
            next="Install hyperscan and google-re2, or ahocorasick-rs and google-re2.",
        ) from error


def joined(calls: list[Any]) -> list[Hit]:  # Any: engines hand over tuples of ints
    """Hits in order of their offset, each once."""
    return sorted(set(calls), key=lambda hit: (hit[1], hit[0]))
