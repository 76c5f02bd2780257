"""Notices for people: plain lines on standard error, dim labels where it is a terminal. No library: it is on the start path."""

import os
import sys
from typing import TextIO

from bot_bottle.host.plain import plain

LABEL_WIDTH = 12


class Say:
    """Where notices go. Text is made plain before it is shown: it may hold what a manifest or a bottle said."""

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
        self._styled = stream is not None and stream.isatty() and "NO_COLOR" not in os.environ

    def line(self, text: str) -> None:
        """One notice."""
        self._write(f"bot-bottle: {plain(text)}\n")

    def labelled(self, label: str, text: str, why: str = "") -> None:
        """One line of a list: label, text, and who decided it."""
        shown = f"{plain(label):<{LABEL_WIDTH - 1}} "
        tail = f"  ({plain(why)})" if why else ""
        self._write(
            f"\x1b[2m{shown}\x1b[0m{plain(text)}\x1b[2m{tail}\x1b[0m\n" if self._styled else f"{shown}{plain(text)}{tail}\n"
        )

    def _write(self, text: str) -> None:
        if self._stream is not None:
            self._stream.write(text)
            self._stream.flush()


def make_say(*, quiet: bool, to_stdout: bool = False) -> Say:
    """Notices on standard error, or nowhere."""
    return Say(None if quiet else sys.stdout if to_stdout else sys.stderr)
