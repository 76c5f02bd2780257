"""Finds logs by what an operator types, reads them, and says what their bytes cannot: whether the bottle runs."""

import fcntl
import json
import os
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Literal

from bot_bottle.bottles.audit import places
from bot_bottle.bottles.audit.key import trusted
from bot_bottle.bottles.audit.verify import Keys, Report, verify
from bot_bottle.bottles.status import is_kept
from bot_bottle.errors import BottleError, NoSuchBottle
from bot_bottle.gates.chain import LINE_LIMIT
from bot_bottle.host import paths
from bot_bottle.host.plain import plain
from bot_bottle.record import dataclass

Event = dict[str, Any]  # Any: JSON
Standing = Literal["whole", "runs", "unended", "altered"]

SIGNING_S = 5.0
"""How long the end mark of a bottle that just ended is waited for; it takes a twentieth of a second."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Checked:
    """One log, and what verification says of it. `runs`: its bottle does, so there can be no end mark yet."""

    path: Path
    report: Report
    standing: Standing


def find(text: str) -> Path:
    """The log that is meant: a file, the newest log of a bottle's name, or the log whose id begins so. NoSuchBottle if none."""
    if os.sep in text or text.endswith(".jsonl"):
        path = Path(text)
        if not path.is_file():
            raise NoSuchBottle(f"There is no log at {plain(text, limit=200)}.")
        return path
    if named := places.logs(text):
        return named[-1].path
    found = [one for one in places.logs() if len(text) >= 6 and one.id.startswith(text[:12])]
    if len(found) != 1:
        raise NoSuchBottle(
            f"There is no log of a bottle named {plain(text, limit=80)}.", next="`bot-bottle audit ls` lists the logs."
        )
    return found[0].path


def check(path: Path, keys: Keys | None = None) -> Checked:
    """Verify one log, with these keys or the operator's own."""
    with settled(path) as log:
        report = verify(log, trusted() if keys is None else keys)
    runs = report.state == "unended" and not report.closed and is_running(path)
    return Checked(path=path, report=report, standing="runs" if runs else report.state)


def is_running(path: Path) -> bool:
    """Whether this is the log of a bottle that runs now."""
    slug = path.name.partition(".")[0]
    link = paths.bottle_dir(slug) / places.EVENTS
    try:
        return is_kept(slug) and link.resolve() == path.resolve()
    except OSError:
        return False


class Part:
    """The first bytes of a file, up to where it was whole: it may grow while it is read."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self._left = size

    def readline(self, limit: int) -> bytes:
        """The next line, at most so many bytes of it."""
        line = self._file.readline(min(limit, self._left))
        self._left -= len(line)
        return line

    def __iter__(self) -> Iterator[bytes]:
        while line := self.readline(LINE_LIMIT):
            yield line


@contextmanager
def settled(path: Path) -> Iterator[Part]:
    """The log when nobody is in the midst of writing a line or signing the end; the lock is not kept while it is read."""
    with open(path, "rb") as file:
        deadline = time.monotonic() + SIGNING_S
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise BottleError("The log is held by a process that does not let go of it.", facts=(str(path),)) from None
                time.sleep(0.01)
        size = os.fstat(file.fileno()).st_size
        fcntl.flock(file, fcntl.LOCK_UN)
        yield Part(file, size)


def events(log: Iterable[bytes]) -> Iterator[Event]:
    """The events of these lines in order. What cannot be read is left out: verification says so."""
    for line in log:
        try:
            event = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(event, dict):
            yield event
