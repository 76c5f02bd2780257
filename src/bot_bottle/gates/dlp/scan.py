"""Views in, findings out: the one pass over everything that leaves or arrives. Pure; bounded in time and memory.

The bytes are the attacker's. Whatever cannot be looked at within the bounds is itself a finding.
"""

import copy
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence

from bot_bottle.gates.dlp import own, unpack
from bot_bottle.gates.dlp.decode import expand
from bot_bottle.gates.dlp.detectors.base import Detector
from bot_bottle.gates.dlp.engine import REACH, Engine, Hit, Pattern, choose_engine
from bot_bottle.gates.dlp.records import Finding, Match, Surface, View, finding
from bot_bottle.gates.dlp.triggers import TRIGGERS
from bot_bottle.record import dataclass, replace

DEPTH = 6
"""Most encodings one inside the other that are undone."""

LIGHT = frozenset(("backslash escapes", "percent-encoding", "HTML entities"))
"""Encodings that sources and patterns pile up without meaning anything by it; `nesting` looks at letters that are."""

GROWTH = 12
"""Most bytes of decoded text per byte of content, and FLOOR bytes on top."""

FLOOR = 48 * 1024 * 1024

MOST = 50
"""Findings of one scan after which it stops looking: the verdict stands, and an attacker must not fill the log."""

LOUD = frozenset(("hint", "evasion", "exfil"))
MOST_ALIKE = 10
"""Findings of one rule of these kinds in one view: a text made of nothing but escapes must not drown the secret inside."""


@dataclass(frozen=True, slots=True)
class _Owner:
    """Whose pattern a number is: a detector's own n-th, or a sign of an encoding."""

    detector: Detector | None
    number: int
    trigger: str = ""


STEP = 256 * 1024
"""A body is judged in steps of this many bytes, wherever its chunks begin and end; so chunks cannot change a verdict."""

PART = 1024 * 1024

RUN_BYTES = re.compile(rb"[A-Za-z0-9+/_-]{20}")


EVERY = tuple(kind for kind in TRIGGERS if kind != "sealed")


class Scanner:
    """Detectors and secrets, compiled. One per direction and bottle; a scan keeps no state."""

    def __init__(
        self,
        detectors: Sequence[Detector],
        *,
        key: bytes,
        secrets: Sequence[own.OwnSecret] = (),
        engine: str = "",
        triggers: Collection[str] = EVERY,
    ) -> None:
        self._decoding = "run" in triggers
        patterns: list[Pattern] = []
        self._owners: list[_Owner] = []
        for kind in triggers:
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

    def apart(self) -> "Scanner":
        """The same for another thread, which may scan while this one does."""
        other = copy.copy(self)
        other.engine = self.engine.apart()
        return other

    def scan(self, views: Iterable[View]) -> list[Finding]:
        """Everything found in these views, each finding once."""
        found: dict[tuple[str, str, str, tuple[str, ...]], Finding] = {}
        for view in views:
            for one in self._one(view):
                found.setdefault((one.rule, one.fingerprint, one.where, one.via), one)
                if len(found) >= MOST:
                    return list(found.values())
        return list(found.values())

    def _one(self, view: View) -> Iterator[Finding]:
        if len(view.content) <= STEP + REACH:
            yield from self.judge(view, self.engine.find(view.content))
            return
        body = BodyScan(self, view.surface, view.where)
        for start in range(0, len(view.content), PART):
            yield from body.feed(view.content[start : start + PART])
        yield from body.finish()

    def judge(self, view: View, hits: Sequence[Hit]) -> Iterator[Finding]:
        """The findings behind the engine's hits in a view, and in what is encoded in it."""
        if not hits and not self._lookers and view.content.isascii():
            return
        budget = [len(view.content) * GROWTH + FLOOR]
        told: Counter[str] = Counter()
        for match, where in self._matches(view, hits, budget):
            if match.kind in LOUD:
                told[match.rule] += 1
                if told[match.rule] > MOST_ALIKE:
                    continue
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
        if len(view.via) >= DEPTH and LIGHT.issuperset((*view.via[1:], label)):
            return
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


class BodyScan:
    """One body, searched while it passes. Not more than STEP + 2 REACH + one chunk is held.

    `released` is how much of the body may go on: nothing found later can begin before it. A body of up to STEP + REACH bytes
    is judged at its end, so nothing of it is released before.
    """

    def __init__(self, scanner: Scanner, surface: Surface, where: str) -> None:
        self._scanner = scanner
        self._surface = surface
        self._where = where
        self._stream = scanner.engine.stream()
        self._hits: list[Hit] = []
        self._held = bytearray()
        self._base = 0
        self._judged = 0
        self._count = 0
        self.released = 0

    def feed(self, chunk: bytes) -> list[Finding]:
        """What this chunk made certain."""
        self._hits += self._stream.feed(chunk)
        self._held += chunk
        found: list[Finding] = []
        while self._base + len(self._held) >= self._judged + STEP + REACH:
            found += self._judge(self._judged + STEP, self._judged + STEP + REACH)
        return found

    def finish(self) -> list[Finding]:
        """The rest."""
        self._hits += self._stream.finish()
        end = self._base + len(self._held)
        found = self._judge(end, end)
        self.released = end
        return found

    def _judge(self, cut: int, end: int) -> list[Finding]:
        """Judge the hits up to `cut`, looking as far as `end`."""
        content = bytes(self._held[: end - self._base])
        base = self._base
        due = [(number, at - base) for number, at in self._hits if at <= cut]
        self._hits = [hit for hit in self._hits if hit[1] > cut] if cut < end else []
        due += self._open_run(content)
        view = View(self._surface, self._where, content)
        found = []
        for one in self._scanner.judge(view, due):
            self._count += 1
            if self._count > MOST:
                break
            is_raw = one.start is not None and one.end is not None
            found.append(replace(one, start=one.start + base, end=one.end + base) if is_raw else one)  # type: ignore[operator]  # checked
        self._judged = cut
        keep = max(cut - REACH, self._base)
        del self._held[: keep - self._base]
        self._base = self.released = keep
        return found

    def _open_run(self, content: bytes) -> list[Hit]:
        """A sign where a run of letters and digits began in an earlier step and goes on in this one."""
        if self._judged == 0:
            return []
        start = max(self._judged - self._base - REACH // 2, 0)
        return [(0, start + 20)] if RUN_BYTES.match(content, start) else []
