"""What a detector is: patterns for the engine, a look at each hit, or a look at a whole small view. Pure."""

from collections.abc import Iterable
from typing import ClassVar

from bot_bottle.gates.dlp.engine import Pattern
from bot_bottle.gates.dlp.records import Match, Surface, View

REQUEST_SURFACES: frozenset[Surface] = frozenset(
    ("url", "host", "path", "query", "header", "cookie", "body", "file-name", "frame", "git", "mcp", "command")
)
"""Everything that leaves."""


class Detector:
    """Two ways to see something: `confirm` a hit of one of `patterns`, or `look` at views of the surfaces in `looks_at`."""

    name: ClassVar[str]
    title: ClassVar[str]
    """One line for `dlp explain`: what it finds."""
    action: ClassVar[str] = "blocks"
    """What it leads to by default, in a word."""
    looks_at: ClassVar[frozenset[Surface]] = frozenset()

    @property
    def patterns(self) -> tuple[Pattern, ...]:
        """What the engine searches for; hits are handed to `confirm` with the pattern's number in this tuple."""
        return ()

    def confirm(self, number: int, end: int, view: View) -> Match | None:
        """Judge a hit of pattern `number` that ends at `end`; None when it is nothing."""
        return None

    def look(self, view: View) -> Iterable[Match]:
        """Judge a whole view of a surface in `looks_at`."""
        return ()
