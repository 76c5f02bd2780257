"""Samples of every format, made when asked for: a repository that held them would be refused by the scanners of code hosts."""

import random
import re
import string
from collections.abc import Callable

from bot_bottle.gates.dlp.formats.record import Format

_PART = re.compile(r"(\[(?:\\.|[^\]\\])+\])(?:\{(\d+)(?:,(\d*))?\})?|\\?(.)")
EVERY = string.ascii_letters + string.digits + "-_.+/=%$"


def positive(entry: Format, *, seed: int = 1, longer: int = 0) -> str:
    """A token that the format describes; an open end gets `longer` more characters."""
    dice = random.Random(f"{entry.name} {seed}")  # noqa: S311 - samples, the same every time
    return entry.prefix + _fill(entry.tail, dice.choice, longer)


def negative(entry: Format) -> str:
    """The same, cut off before the end: half a token is no token."""
    token = positive(entry)
    return token[: len(entry.prefix) + max((len(token) - len(entry.prefix)) // 2, 1) - 1]


def _fill(tail: str, choose: Callable[[str], str], longer: int) -> str:
    text = ""
    for characters, least, most, literal in _PART.findall(tail):
        if literal:
            text += literal
            continue
        allowed = "".join(char for char in EVERY if re.fullmatch(characters, char))
        count = int(least or 1) + (longer if most == "" and f"{{{least}," in tail else 0)
        text += "".join(choose(allowed) for _ in range(count))
    return text
