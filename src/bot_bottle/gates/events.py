"""The bottle's event log as the gates write it. What a bottle sent can be in it, so every line is ASCII JSON."""

from collections.abc import Iterable
from pathlib import Path

from bot_bottle.gates.base import HIDE, Event
from bot_bottle.gates.chain import Chain, Sign
from bot_bottle.gates.mask import Mask

LOG_LIMIT = 1024**3
"""Bytes of one bottle's log: two million events, weeks of an honest agent. A loop of refused requests writes 8 MB in a second,
and the disk is the host's."""


class EventLog:
    """Appends events in order. Each is in the file before `record` returns, and so before anything comes of it.

    A write that fails (a full disk) or would pass the limit raises, which ends the bundle: what cannot be recorded is not let
    through.
    """

    def __init__(self, path: Path, *, secrets: Iterable[str] = ()) -> None:
        """`secrets` are values that must never stand in it."""
        self._chain = Chain(path, limit=LOG_LIMIT)
        self._mask = Mask(secrets)

    def record(self, event: Event, *, sign: Sign | None = None) -> None:
        """Write one event with `prev`, `seq` and `ts` added, and without what it says to hide. Gates never sign."""
        if HIDE in event:
            self._mask.hide(event[HIDE])
            event = {name: value for name, value in event.items() if name != HIDE}
        if self._mask.is_needed and self._mask.is_in(event):
            event = self._mask.masked(event)
        self._chain.append(event, sign=sign)

    def keep_out(self, secrets: Iterable[str]) -> None:
        """These values must never stand in it either, from now on."""
        self._mask.add(secrets)

    def close(self) -> None:
        """Close the file."""
        self._chain.close()
