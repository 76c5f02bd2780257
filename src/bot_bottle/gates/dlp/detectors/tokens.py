"""Tokens of known issuers, by prefix, length, alphabet and checksum (`formats/`)."""

import re

from bot_bottle.gates.dlp.detectors.base import Detector
from bot_bottle.gates.dlp.engine import Pattern, re2_compile
from bot_bottle.gates.dlp.formats.record import Format
from bot_bottle.gates.dlp.formats.shaped import Shaped
from bot_bottle.gates.dlp.formats.table import ALL
from bot_bottle.gates.dlp.records import Match, View

BACK = 4096
"""How far before the end of its shortest form a token may begin."""

AHEAD = 8192
"""How far behind it a token may go on."""


class Tokens(Detector):
    """One pattern per format; the confirming match starts at the format's prefix."""

    name = "tokens"
    title = "API keys, tokens, private keys and logins of about 290 known formats"

    def __init__(self, formats: tuple[Format | Shaped, ...] = ALL) -> None:
        self._formats = formats

    @property
    def patterns(self) -> tuple[Pattern, ...]:
        return tuple(Pattern(entry.shortest, _anchors(entry)) for entry in self._formats)

    def confirm(self, number: int, end: int, view: View) -> Match | None:
        entry = self._formats[number]
        return _prefixed(entry, view.content, end) if isinstance(entry, Format) else _shaped(entry, view.content, end)


def _anchors(entry: Format | Shaped) -> tuple[str, ...]:
    return (entry.prefix.lower(),) if isinstance(entry, Format) else entry.anchors


def _prefixed(entry: Format, content: bytes, end: int) -> Match | None:
    """The match that begins with the nearest prefix before `end`."""
    expression = re2_compile(entry.whole)
    prefix = entry.prefix.encode()
    start = content.rfind(prefix, max(end - BACK, 0), end)
    while start >= 0:
        match = expression.match(content, start, min(end + AHEAD, len(content)))
        if match is not None and match.end() >= end:
            is_inside = entry.edges and (_touches(entry.edges, content, start - 1) or _touches(entry.edges, content, match.end()))
            if not is_inside and (entry.check is None or entry.check(match.group().decode("latin-1"))):
                return _match(entry, start, match.end())
        start = content.rfind(prefix, max(end - BACK, 0), start)
    return None


def _shaped(entry: Shaped, content: bytes, end: int) -> Match | None:
    """The match that covers `end`; its first group is the secret."""
    low = max(end - BACK, 0)
    for match in re2_compile(entry.expression).finditer(content[low : end + AHEAD]):
        if low + match.start() >= end:
            return None
        if low + match.end() < end:
            continue
        group = 1 if match.re.groups else 0
        if entry.check is None or entry.check(match.group(group).decode("latin-1")):
            return _match(entry, low + match.start(group), low + match.end(group))
    return None


def _match(entry: Format | Shaped, start: int, end: int) -> Match:
    kind = "format" if entry.grade == "certain" else "hint"
    return Match(kind=kind, rule=entry.name, title=entry.title, start=start, end=end)  # type: ignore[arg-type]  # kind is one of two literals


def _touches(edges: str, content: bytes, at: int) -> bool:
    return 0 <= at < len(content) and re.match(edges.encode(), content[at : at + 1]) is not None
