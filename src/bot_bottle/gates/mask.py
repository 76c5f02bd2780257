"""Keeps secrets out of the event log: whatever an event's text holds of one, in any of its spellings, is written as asterisks.

A bottle that knows a secret can put it into a path or a host name, and the refusal of that very request is an event.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from bot_bottle.gates.spellings import SHORTEST, spellings

FOUND_FOR = 64
"""Events for which a text stays hidden that a scanner found: it would stand in the decision about its own request, which comes
soon, and the next request with it is found again. An innocent path that was hidden with it is shown again after that."""

MANY = 200
"""From so many spellings on, one pass over the line for all is quicker than one for each."""

NAMES = frozenset({"gate", "event", "verdict"})
"""Fields that are never a bottle's text."""


class Mask:
    """Of one log: the operator's values, and what is hidden besides as it is found."""

    def __init__(self, values: Iterable[str]) -> None:
        self._known: list[str] = []
        self._found: dict[str, int] = {}
        self._events = 0
        self.add(values)

    def add(self, values: Iterable[str]) -> None:
        """These are secrets too."""
        spelled = {one.decode() for value in values for one in spellings(value)}
        self._known = sorted({*self._known, *spelled}, key=len, reverse=True)
        self._starts = frozenset(one[:SHORTEST] for one in self._known)

    @property
    def is_needed(self) -> bool:
        """Whether there is anything to look for."""
        return bool(self._known or self._found)

    def hide(self, texts: Iterable[str]) -> None:
        """For the next events none of these is written either."""
        self._found |= {text: self._events + FOUND_FOR for text in texts if len(text) >= SHORTEST}

    def is_in(self, event: Mapping[str, Any]) -> bool:  # Any: JSON
        """Whether something of it stands in this event: a quick look before the slow one. Called once for each."""
        text = "\n".join(texts_of(event))
        self._events += 1
        if self._found:
            self._found = {one: until for one, until in self._found.items() if until >= self._events}
        if any(one in text for one in self._found):
            return True
        if len(self._known) <= MANY:
            return any(one in text for one in self._known)
        return any(text[at : at + SHORTEST] in self._starts for at in range(len(text) - SHORTEST + 1))

    def masked(self, event: Mapping[str, Any]) -> dict[str, Any]:  # Any: JSON
        """The event without it."""
        return {name: value if name in NAMES else self._value(value) for name, value in event.items()}

    def _value(self, value: Any) -> Any:  # Any: JSON
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, Mapping):
            return {self._text(str(name)): self._value(one) for name, one in value.items()}
        if isinstance(value, list | tuple):
            return [self._value(one) for one in value]
        return value

    def _text(self, text: str) -> str:
        for one in (*self._known, *self._found):
            if one in text:
                text = text.replace(one, "*" * len(one))
        return text


def texts_of(value: Any) -> Iterator[str]:  # Any: JSON
    """Every text in it."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from (str(name) for name in value)
        for one in value.values():
            yield from texts_of(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from texts_of(one)
