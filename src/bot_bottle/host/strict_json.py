"""JSON that can be read in one way only: of a key that stands twice, programs take the one or the other."""

import json
from typing import Any


class KeyTwice(ValueError):
    """An object has a key twice."""


def read_strictly(text: str | bytes) -> Any:  # Any: JSON
    """The value. ValueError for what is no JSON (NaN and Infinity included), RecursionError for what is nested too deeply."""
    return json.loads(text, object_pairs_hook=_once, parse_constant=_no_number)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:  # Any: JSON
    made = dict(pairs)
    if len(made) != len(pairs):
        raise KeyTwice("a key stands twice")
    return made


def _no_number(word: str) -> None:
    raise ValueError(f"{word} is not a number of JSON")
