"""What arrives and will be read by a model: injection, poisoned tool descriptions, tools that changed. Pure."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence

from bot_bottle.gates.dlp.decode import expand
from bot_bottle.gates.dlp.detectors.injection import MENTION, Injection, settle
from bot_bottle.gates.dlp.engine import Pattern, choose_engine
from bot_bottle.gates.dlp.plain_text import readable, unleet
from bot_bottle.gates.dlp.records import Finding, Match, View, finding
from bot_bottle.gates.dlp.triggers import TRIGGERS
from bot_bottle.record import dataclass

ENCODED = ("run", "percent", "escape", "quoted-printable")
"""Encodings in which an order may be hidden in a page, so that a model asked to decode it reads it."""

ENCODED_MOST = 256 * 1024
"""Bytes of decoded text that are looked at."""

PIECE = 1024 * 1024
"""A response is looked at in pieces of this size that overlap by OVERLAP."""

OVERLAP = 8 * 1024


class Reader:
    """Looks for orders in text that arrives."""

    def __init__(self, *, key: bytes, engine: str = "") -> None:
        self._detector = Injection()
        self._key = key
        self._engine = choose_engine(self._detector.patterns, [], prefer=engine)
        self._signs = choose_engine([*self._sign_patterns()], [], prefer=engine)

    @staticmethod
    def _sign_patterns() -> Iterator[Pattern]:
        yield from (TRIGGERS[kind] for kind in ENCODED)

    def read(self, views: Iterable[View]) -> list[Finding]:
        """Every finding, each rule once per view."""
        found: list[Finding] = []
        for view in views:
            for start in range(0, max(len(view.content), 1), PIECE - OVERLAP):
                piece = View(view.surface, view.where, view.content[start : start + PIECE], view.via)
                found += [finding(match, where, self._key) for match, where in self._piece(piece)]
        return list({(one.rule, one.where): one for one in found}.values())

    def _piece(self, view: View) -> list[tuple[Match, View]]:
        texts = [(readable(view.content), view.via or ("normalisation",))]
        for label, text in expand(view.content, *self._encoded(view.content)):
            texts.append((readable(text[:ENCODED_MOST]), (*view.via, label)))
        found: list[tuple[Match, View]] = []
        for text, via in texts:
            for shown in (text, unleet(text)):
                where = View(view.surface, view.where, shown, via)
                found += [(match, where) for match in settle(self._matches(where))]
        return found

    def _matches(self, view: View) -> list[Match]:
        """One for each rule, and mentions: a page that repeats an order a thousand times takes no longer than another."""
        found: dict[int, Match] = {}
        mentions: dict[int, Match] = {}
        for number, end in self._engine.find(view.content):
            if number not in found and (match := self._detector.confirm(number, end, view)):
                (mentions if match.rule == MENTION else found)[number] = match
        return [*found.values(), *mentions.values()]

    def _encoded(self, content: bytes) -> tuple[list[int], list[tuple[str, int]]]:
        hits = sorted(self._signs.find(content), key=lambda hit: hit[1])
        return [end for number, end in hits if number == 0], [(ENCODED[number], end) for number, end in hits if number]


@dataclass(frozen=True, slots=True)
class Pins:
    """What each tool of each server said when it was first listed: hashes only."""

    seen: tuple[tuple[str, str], ...] = ()


def pin(pins: Pins, server: str, tools: Sequence[tuple[str, View]]) -> tuple[Pins, list[tuple[Match, View]]]:
    """The pins with these tools, and a finding for each tool that no longer says what it said (a "rug pull")."""
    known = dict(pins.seen)
    changed: list[tuple[Match, View]] = []
    for name, view in tools:
        label = f"{server} {name}"
        digest = hashlib.sha256(view.content).hexdigest()
        if known.setdefault(label, digest) != digest:
            changed.append((Match("pin", "tool-changed", f"Tool {name} changed since it was first listed", 0, 0), view))
    return Pins(tuple(list(known.items())[-2000:])), changed
