"""Pieces as Rich texts: the one place where a tone becomes a style. A Text is never parsed, so nothing in it can be markup."""

from collections.abc import Iterable

from rich.text import Text

from bot_bottle.dashboard.draw import Line, Piece, Tone

STYLES: dict[Tone, str] = {"": "", "good": "green", "bad": "bold red", "warn": "yellow", "faint": "dim", "strong": "bold"}


def cell(piece: Piece) -> Text:
    """One piece."""
    return Text(piece.text, style=STYLES[piece.tone], no_wrap=True, overflow="ellipsis")


def line(pieces: Line) -> Text:
    """A line of pieces."""
    return Text.assemble(*((piece.text, STYLES[piece.tone]) for piece in pieces))


def block(lines: Iterable[Line]) -> Text:
    """Some lines."""
    return Text("\n").join(line(each) for each in lines)
