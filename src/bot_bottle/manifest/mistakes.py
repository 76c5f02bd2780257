"""Mistakes in a manifest, all of them, each with its place, what was found, what is allowed and the nearest match."""

from collections.abc import Iterable, Sequence

from bot_bottle.errors import BadManifest, BadUsage
from bot_bottle.host.plain import plain
from bot_bottle.record import dataclass

SHOWN_VALUE = 60
"""Characters of a value that an error shows: enough to recognise it, too few to fill a screen."""

SHOWN_MISTAKES = 30
"""Mistakes listed in one error; the rest is counted."""


class Wrong(ValueError):
    """One value is wrong. Raised by the functions that read a value; the caller knows the place and adds it.

    `hide` keeps the value out of the error. `at` names the key inside a mapping that the mistake is about.
    """

    def __init__(self, what: str, *, allowed: str = "", nearest: str = "", hide: bool = False, at: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.allowed = allowed
        self.nearest = nearest
        self.hide = hide
        self.at = at


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where something is written: a file's name as shown and a position counted from 1, or an option's name and no position."""

    name: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.name}:{self.line}:{self.column}" if self.line else self.name

    @property
    def short(self) -> str:
        """Name and line: what a rule or a credential carries as its origin."""
        return f"{self.name}:{self.line}" if self.line else self.name


@dataclass(frozen=True, kw_only=True, slots=True)
class Mistake:
    """One mistake. `found` is fit to be shown already; empty means that it is not shown."""

    place: Place
    path: str
    what: str
    found: str = ""
    allowed: str = ""
    nearest: str = ""

    def __str__(self) -> str:
        head = f"{self.place} {self.path}: {self.what}" if self.path else f"{self.place}: {self.what}"
        parts = [head]
        if self.found:
            parts.append(f"found {self.found}")
        if self.allowed:
            parts.append(f"allowed: {self.allowed}")
        if self.nearest:
            parts.append(f"did you mean {self.nearest}?")
        return "; ".join(parts)


def shown(value: object) -> str:
    """A value as an error shows it: one line, bounded, no control characters."""
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, (list, tuple)):
        return "a list"
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    return plain(str(value), limit=SHOWN_VALUE) or "an empty text"


def nearest(word: str, words: Iterable[str]) -> str:
    """The one of `words` that was most likely meant, or nothing."""
    from difflib import get_close_matches

    choices = list(words)
    lowered = {choice.lower(): choice for choice in choices}
    close = get_close_matches(word.lower()[:SHOWN_VALUE], list(lowered), n=1, cutoff=0.6)
    return lowered[close[0]] if close else ""


def mistake(place: Place, path: str, wrong: Wrong, value: object = None) -> Mistake:
    """What `wrong` says, at this place; the value is shown unless it may be a secret."""
    from bot_bottle.manifest.env import looks_secret

    found = "" if wrong.hide or value is None or looks_secret(str(value)) else shown(value)
    return Mistake(place=place, path=path, what=wrong.what, found=found, allowed=wrong.allowed, nearest=wrong.nearest)


def refuse(mistakes: Sequence[Mistake], *, what: str) -> BadManifest | BadUsage:
    """The one error that lists every mistake in the order of the file; BadUsage when none of them is in a file."""
    ordered = sorted(mistakes, key=lambda one: (one.place.name, one.place.line, one.place.column, one.path))
    facts = [str(one) for one in dict.fromkeys(ordered)]
    if len(facts) > SHOWN_MISTAKES:
        facts = [*facts[:SHOWN_MISTAKES], f"and {len(facts) - SHOWN_MISTAKES} more"]
    if not any(one.place.line for one in mistakes):
        return BadUsage("The command line asks for something that cannot be.", facts=tuple(facts), next="`bot-bottle run --help`")
    return BadManifest(
        what, facts=tuple(facts), next="`bot-bottle schema` prints every field; docs/reference/manifest.md explains them."
    )
