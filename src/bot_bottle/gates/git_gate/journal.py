"""What the gate was about to push upstream, written down before it does, so that a crash leaves no doubt.

One JSON object a line. A push that was begun and has no end is settled by asking the upstream, which alone knows.
"""

import errno
import json
import os
from collections.abc import Sequence
from pathlib import Path

from bot_bottle.errors import BottleError
from bot_bottle.gates.git_gate.records import RefUpdate
from bot_bottle.record import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Begun:
    """A push that was begun and, as far as the journal knows, has not ended."""

    number: int
    updates: tuple[RefUpdate, ...]


class Journal:
    """The journal of one upstream. Only one push of it is under way at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._number = 0

    def open(self) -> tuple[Begun, ...]:
        """The pushes without an end. BottleError when the journal is not what we write."""
        text = self._path.read_text("ascii") if self._path.exists() else ""
        begun, self._number = read_journal(text)
        if text and not text.endswith("\n"):  # a crash cut the last line off: nothing may be written behind it
            os.truncate(self._path, text.rfind("\n") + 1)
        return begun

    def begin(self, updates: Sequence[RefUpdate]) -> int:
        """Write down what is about to be pushed, on the disk before this returns."""
        self._number += 1
        rows = [[one.ref, one.old, one.new] for one in updates]
        self._write({"push": self._number, "updates": rows}, at_once=True)
        return self._number

    def end(self, number: int, outcome: str) -> None:
        """Write down that it is over: "taken", "refused" or "lost". Where a crash of the host loses it, the upstream is asked."""
        self._write({"push": number, "outcome": outcome})

    def _write(self, row: dict[str, object], *, at_once: bool = False) -> None:
        descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            _append(descriptor, (json.dumps(row, separators=(",", ":")) + "\n").encode("ascii"))
            if at_once:
                os.fdatasync(descriptor)
        except OSError as error:
            raise BottleError("The git gate's journal cannot be written.", facts=(str(error),)) from error
        finally:
            os.close(descriptor)


def _append(descriptor: int, line: bytes) -> None:
    """All of it or nothing: a full disk may take a part."""
    size = os.fstat(descriptor).st_size
    try:
        written = os.write(descriptor, line)
        if written < len(line):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    except OSError:
        os.ftruncate(descriptor, size)
        raise


def read_journal(text: str) -> tuple[tuple[Begun, ...], int]:
    """The pushes without an end, and the highest number. A last line that was cut off by a crash had not happened yet."""
    begun: dict[int, Begun] = {}
    highest = 0
    lines = text.split("\n")[:-1]
    for content in lines:
        try:
            row = json.loads(content)
            number = int(row["push"])
            if "outcome" in row:
                begun.pop(number, None)
            else:
                updates = tuple(RefUpdate(str(ref), str(old), str(new)) for ref, old, new in row["updates"])
                begun[number] = Begun(number=number, updates=updates)
        except (ValueError, KeyError, TypeError) as error:
            raise BottleError("The git gate's journal cannot be read.", facts=(f"{type(error).__name__}",)) from None
        highest = max(highest, number)
    return tuple(begun.values()), highest
