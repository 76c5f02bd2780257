"""Secrets sent in pieces: over fields of one request, over requests of one bottle. Bounded memory; no bytes of secrets kept.

Two watches. `Fragments` counts which stretches of the operator's secrets went by, whatever stood between them. `Recent`
holds the last few values sent to each host, so that a token cut in two is seen when its second half comes.
"""

import copy
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from threading import Lock

from bot_bottle.gates.dlp import own
from bot_bottle.gates.dlp.engine import choose_engine
from bot_bottle.gates.dlp.records import Match, View

ENOUGH = 0.8
"""Share of a secret's bytes that must have gone by; less is common with secrets that resemble words."""

LASTS = 200
"""Requests after which a fragment is forgotten."""

VALUES = 2048
"""Bytes of earlier values kept per host."""

HOSTS = 64
"""Hosts whose values are kept; the one used longest ago is forgotten first."""

LONGEST_PIECE = 512
"""A value longer than this was not cut to be put together."""


class Fragments:
    """Which parts of which secrets were seen in the last requests."""

    def __init__(self, secrets: Sequence[own.OwnSecret], *, engine: str = "") -> None:
        self._secrets = [secret for secret in secrets if len(secret.value) >= 2 * own.FRAGMENT]
        self._places: list[list[tuple[int, int]]] = []
        texts: dict[bytes, int] = {}
        for number, secret in enumerate(self._secrets):
            for at in range(len(secret.value) - own.FRAGMENT + 1):
                text = secret.value[at : at + own.FRAGMENT]
                index = texts.setdefault(text, len(texts))
                if index == len(self._places):
                    self._places.append([])
                self._places[index].append((number, at))
        self._engine = choose_engine([], list(texts), prefer=engine) if texts else None
        self._seen: list[dict[int, int]] = [{} for _ in self._secrets]
        self._request = 0
        self._turn = Lock()

    def apart(self) -> "Fragments":
        """The same watch for another thread, which may look while this one does: what either sees counts for both."""
        other = copy.copy(self)
        other._engine = None if self._engine is None else self._engine.apart()
        return other

    def next_request(self) -> None:
        """A new request begins; what is too old is forgotten."""
        self._request += 1
        if self._request % LASTS == 0:
            self._seen = [{at: when for at, when in seen.items() if self._request - when < LASTS} for seen in self._seen]

    def look(self, content: bytes) -> list[Match]:
        """The secrets that are now complete enough; each is told once, and then counted anew."""
        if self._engine is None:
            return []
        touched: set[int] = set()
        hits = self._engine.find(content)
        with self._turn:
            for index, _end in hits:
                for number, at in self._places[index]:
                    touched.add(number)
                    for offset in range(at, at + own.FRAGMENT):
                        self._seen[number][offset] = self._request
            return [match for number in sorted(touched) if (match := self._complete(number)) is not None]

    def _complete(self, number: int) -> Match | None:
        secret, seen = self._secrets[number], self._seen[number]
        fresh = sum(self._request - when < LASTS for when in seen.values())
        if fresh < ENOUGH * len(secret.value):
            return None
        self._seen[number] = {}
        return Match(secret.kind, f"{secret.kind}:{secret.name}", f"Your secret {secret.name}, in pieces", 0, 0)


class Recent:
    """The last values sent to each host, as one string."""

    def __init__(self) -> None:
        self._values: OrderedDict[str, bytes] = OrderedDict()

    def join(self, host: str, values: Iterable[bytes]) -> View | None:
        """What was sent before and these values, as a view; None when nothing was sent before or the values are no pieces."""
        fresh = b"".join(value for value in values if len(value) <= LONGEST_PIECE)[:VALUES]
        before = self._values.get(host, b"")
        if fresh:
            self._values[host] = (before + fresh)[-VALUES:]
            self._values.move_to_end(host)
            if len(self._values) > HOSTS:
                self._values.popitem(last=False)
        return View("query", f"values sent to {host} one after the other", before + fresh) if before and fresh else None
