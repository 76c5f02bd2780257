"""The bottle's event log: one JSON object a line, appended. What a bottle sent can be in it, so every line is ASCII JSON."""

import asyncio
import json
import os
import time
from pathlib import Path

from bot_bottle.gates.base import Event

_encode = json.JSONEncoder(separators=(",", ":")).encode


class EventLog:
    """Appends events in order. Lines made in one turn of the event loop are written with one system call.

    A write that fails (a full disk) raises, which ends the bundle: what cannot be recorded is not let through.
    """

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
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
        while content:
            content = content[os.write(self._descriptor, content) :]

    def close(self) -> None:
        """Write what is waiting and close the file."""
        self.flush()
        os.close(self._descriptor)
