"""Takes orders to the model out of an answer: the smallest stretches without which nothing is found are written over. Pure.

What is found stands in text made readable, so its place in the answer is looked for by halving: first the window that it is in,
then the shortest beginning of that in which something is found, then the shortest end. Servers write the text: looks are bounded.
"""

import re
from collections.abc import Callable, Sequence

MARK = b"[removed by bot-bottle: orders to a model] "
"""Written over what was removed, again and again, to its very length: an answer's length is told before its text is read."""

MOST = 24
"""Orders that are taken out of one answer. One that holds more is stopped: it holds little else."""

LONGEST = 400
"""Bytes of one piece at most."""

LOOKED = 64 * 1024 * 1024
"""Bytes that are looked at for one answer, half a second's worth: an answer that needs more is stopped."""

WINDOW, OVERLAP = 32 * 1024, 8 * 1024

_PIECE = re.compile(rb"[^\n.<>]{1,%d}[\n.>]?|[\n.<>]" % LONGEST)
_STRING = re.compile(rb'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_STRING_PIECE = re.compile(rb'(?:\\u[0-9A-Fa-f]{4}|\\[^u]|\\u|[^"\\.]){1,%d}\.?|\.' % LONGEST, re.DOTALL)

Span = tuple[int, int]
Finds = Callable[[bytes], bool]


def strip(text: bytes, finds: Finds) -> bytes | None:
    """The text, as long as before, with nothing in it that `finds` finds; None when that cannot be had."""
    is_json = text.lstrip()[:1] in {b"{", b"["} or b"\ndata: {" in b"\n" + text  # the latter: events that hold JSON
    pieces = json_pieces(text) if is_json else [match.span() for match in _PIECE.finditer(text)]
    left, looked = bytearray(text), 0

    def found(part: bytes) -> bool:
        nonlocal looked
        looked += len(part)
        return finds(part)

    for _ in range(MOST):
        if not found(bytes(left)):
            return bytes(left)
        order = _order(bytes(left), pieces, found)
        if order is None or looked > LOOKED:
            return None
        for start, end in order:
            _write_over(left, start, end)
    return None if found(bytes(left)) else bytes(left)


def json_pieces(text: bytes) -> list[Span]:
    """Pieces of the strings only: what is written into one leaves the JSON what it was."""
    return [piece.span() for string in _STRING.finditer(text) for piece in _STRING_PIECE.finditer(text, *string.span(1))]


def _order(text: bytes, pieces: Sequence[Span], finds: Finds) -> Sequence[Span] | None:
    """The pieces of one order. Halving keeps that it is found with `high` and not with `low`, whatever is between."""
    first, last = _window(text, finds)
    pieces = [piece for piece in pieces if first <= piece[0] and piece[1] <= last]
    if not pieces or not finds(text[first : pieces[-1][1]]):
        return None
    low, high = 0, len(pieces)
    while high - low > 1:
        middle = (low + high) // 2
        if finds(text[first : pieces[middle - 1][1]]):
            high = middle
        else:
            low = middle
    end = high
    low, high = 0, end  # found from `low` on, not from `high` on
    while high - low > 1:
        middle = (low + high) // 2
        if finds(text[pieces[middle][0] : pieces[end - 1][1]]):
            low = middle
        else:
            high = middle
    return pieces[low:end]


def _window(text: bytes, finds: Finds) -> Span:
    """The first window in which it is found; the whole text when it is longer than one."""
    for start in range(0, len(text), WINDOW - OVERLAP):
        if finds(text[start : start + WINDOW]):
            return start, start + WINDOW
    return 0, len(text)


def _write_over(text: bytearray, start: int, end: int) -> None:
    size = end - start
    text[start:end] = (MARK * (size // len(MARK) + 1))[:size]
