"""Views in, findings out: the one pass over everything that leaves or arrives. Pure; bounded in time and memory.

The bytes are the attacker's. Whatever cannot be looked at within the bounds is itself a finding.
"""

from collections.abc import Iterable, Iterator, Sequence

from bot_bottle.gates.dlp import own, unpack
from bot_bottle.gates.dlp.decode import expand
from bot_bottle.gates.dlp.detectors.base import Detector
from bot_bottle.gates.dlp.engine import Engine, Hit, Pattern, choose_engine
from bot_bottle.gates.dlp.records import Finding, Match, View, finding
from bot_bottle.gates.dlp.triggers import TRIGGERS
from bot_bottle.record import dataclass

DEPTH = 6
"""Most encodings one inside the other that are undone."""

GROWTH = 12
"""Most bytes of decoded text per byte of content, and FLOOR bytes on top."""

FLOOR = 4 * 1024 * 1024

MOST = 50
"""Findings of one scan after which it stops looking: the verdict stands, and an attacker must not fill the log."""


@dataclass(frozen=True, slots=True)
class _Owner:
    """Whose pattern a number is: a detector's own n-th, or a sign of an encoding."""

    detector: Detector | None
    number: int
    trigger: str = ""


class Scanner:
    """Detectors and secrets, compiled. One per direction and bottle; a scan keeps no state."""

    def __init__(
        self,
        detectors: Sequence[Detector],
        *,
        key: bytes,
        secrets: Sequence[own.OwnSecret] = (),
        engine: str = "",
        decoding: bool = True,
    ) -> None:
        self._decoding = decoding
        patterns: list[Pattern] = []
        self._owners: list[_Owner] = []
        for kind in (kind for kind in TRIGGERS if decoding and kind != "sealed"):
            patterns.append(TRIGGERS[kind])
            self._owners.append(_Owner(None, 0, kind))
        for detector in detectors:
            for number, pattern in enumerate(detector.patterns):
                patterns.append(pattern)
                self._owners.append(_Owner(detector, number))
        self._lookers = [detector for detector in detectors if detector.looks_at]
        self._secrets = list(secrets)
        self._needles = own.needles(secrets)
        self._key = key
        self.engine: Engine = choose_engine(patterns, [needle.text for needle in self._needles], prefer=engine)

    def scan(self, views: Iterable[View]) -> list[Finding]:
        """Everything found in these views, each finding once."""
        found: dict[tuple[str, str, str, tuple[str, ...]], Finding] = {}
        for view in views:
            for one in self.judge(view, self.engine.find(view.content)):
                found.setdefault((one.rule, one.fingerprint, one.where, one.via), one)
                if len(found) >= MOST:
                    return list(found.values())
        return list(found.values())

    def judge(self, view: View, hits: Sequence[Hit]) -> Iterator[Finding]:
        """The findings behind the engine's hits in a view, and in what is encoded in it."""
        if not hits and not self._lookers and view.content.isascii():
            return
        budget = [len(view.content) * GROWTH + FLOOR]
        for match, where in self._matches(view, hits, budget):
            yield finding(match, where, self._key)

    def _matches(self, view: View, hits: Sequence[Hit], budget: list[int]) -> Iterator[tuple[Match, View]]:
        signs: list[tuple[str, int]] = []
        runs: list[int] = []
        for number, end in hits:
            if number == 0 and self._decoding:  # by far the most frequent hit
                runs.append(end)
                continue
            if number >= len(self._owners):
                yield self._own(number - len(self._owners), end), view
                continue
            owner = self._owners[number]
            if owner.detector is None:
                signs.append((owner.trigger, end))
                continue
            match = owner.detector.confirm(owner.number, end, view)
            if match is not None:
                yield match, view
        for detector in self._lookers:
            if view.surface in detector.looks_at:
                for match in detector.look(view):
                    yield match, view
        if not view.via and 0 < len(view.content) <= unpack.GUESS and not view.content.isascii():
            yield from self._opened(view, budget)
        if runs or signs:
            yield from self._inside(view, runs, signs, budget)

    def _inside(
        self, view: View, runs: list[int], signs: list[tuple[str, int]], budget: list[int]
    ) -> Iterator[tuple[Match, View]]:
        runs.sort()
        signs.sort(key=lambda sign: sign[1])
        for label, text in expand(view.content, runs, signs):
            if label == "reversal" and label in view.via:
                continue
            yield from self._decoded(view, label, text, budget)

    def _opened(self, view: View, budget: list[int]) -> Iterator[tuple[Match, View]]:
        """A small view that is itself compressed, with or without a mark."""
        for text in unpack.opened(view.content)[1:]:
            yield from self._decoded(view, "compression", text, budget)

    def _decoded(self, view: View, label: str, text: bytes, budget: list[int]) -> Iterator[tuple[Match, View]]:
        budget[0] -= len(text)
        if budget[0] < 0 or len(view.via) >= DEPTH or (len(text) >= unpack.LIMIT and label in unpack.NAMES):
            yield (
                Match("unscannable", "too-deep", "Encodings inside encodings, or a compressed text, beyond the limit", 0, 0),
                view,
            )
            return
        inner = View(view.surface, view.where, text, (*view.via, label))
        yield from self._matches(inner, self.engine.find(text), budget)

    def _own(self, number: int, end: int) -> Match:
        needle = self._needles[number]
        secret = self._secrets[needle.secret]
        how = f" in {needle.encoding}" if needle.encoding else ""
        title = f"{'Canary' if secret.kind == 'canary' else 'Your secret'} {secret.name}{how}"
        return Match(secret.kind, f"{secret.kind}:{secret.name}", title, end - len(needle.text), end)
