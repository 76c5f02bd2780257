"""The bottle's event log: one JSON object a line, appended. What a bottle sent can be in it, so every line is ASCII JSON."""

import asyncio
import json
import os
import time
from pathlib import Path

from bot_bottle.errors import BottleError
from bot_bottle.gates.base import Event

_encode = json.JSONEncoder(separators=(",", ":")).encode


LOG_LIMIT = 1024**3
"""Bytes of one bottle's log: three million events, weeks of an honest agent. A loop of refused requests writes 8 MB in a second,
and the disk is the host's."""


class EventLog:
    """Appends events in order. Lines made in one turn of the event loop are written with one system call.

    A write that fails (a full disk) or would pass the limit raises, which ends the bundle: what cannot be recorded is not let
    through.
    """

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._room = LOG_LIMIT - os.fstat(self._descriptor).st_size
        self._lines: list[str] = []
        self._seq = 0

    def record(self, event: Event) -> None:
        """Write one event with `ts` and `seq` added."""
        self._seq += 1
        self._lines.append(_encode({"ts": round(time.time(), 3), "seq": self._seq, **event}))
        if len(self._lines) == 1:
            asyncio.get_running_loop().call_soon(self.flush)

    def flush(self) -> None:
        """Write what is waiting."""
        if not self._lines:
            return
        content = memoryview(("\n".join(self._lines) + "\n").encode("ascii"))
        self._lines.clear()
        self._room -= len(content)
        if self._room < 0:
            raise BottleError(
                "The bottle's event log is full, and what cannot be recorded is not let through.",
                facts=(f"it may hold {LOG_LIMIT >> 20} MiB",),
                next="See what the bottle asks for again and again: `bot-bottle logs --events NAME`.",
            )
        while content:
            content = content[os.write(self._descriptor, content) :]

    def close(self) -> None:
        """Write what is waiting and close the file."""
        self.flush()
        os.close(self._descriptor)
