"""The form of a bottle's log: lines that hold the hash of the line before, so that no line can be changed, moved or taken out.

Several processes append to one log: the gates, the keeper, the operator's commands. Each takes the file's lock, goes on from the
line that is last then, and is back before its caller goes on: what was recorded survives the process that recorded it.
docs/reference/audit.md describes the form for those who write a verifier of their own.
"""

import fcntl
import json
import os
import re
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bot_bottle.errors import BottleError

try:  # the same function as hashlib's; importing OpenSSL's takes 3 ms, and the keeper needs it while a bottle starts
    from _sha2 import sha256  # type: ignore[import-not-found,unused-ignore]  # Python 3.12 and later
except ImportError:
    try:
        from _sha256 import sha256  # type: ignore[import-not-found,unused-ignore]  # Python 3.11
    except ImportError:
        from hashlib import sha256

FIRST = "0" * 64
"""What the first line holds in place of a hash."""

LINE_LIMIT = 1024 * 1024
"""Bytes of one line, its line end included."""

SIGNED = b"bot-bottle audit 1\n"
"""Stands before what is signed, so that no signature made for something else fits."""

RESERVED = frozenset({"prev", "seq", "ts", "key", "sig"})
"""Fields that hold a log together: what an event has under these names is left out, but for its own `ts`."""

HEAD = re.compile(rb'\{"prev":"([0-9a-f]{64})","seq":([1-9][0-9]{0,15}),"ts":')

_encode = json.JSONEncoder(separators=(",", ":")).encode

Event = Mapping[str, Any]  # Any: JSON
Sign = Callable[[bytes], tuple[str, str]]
"""The id of the key, and the signature in hexadecimal digits, for these bytes."""


def digest(line: bytes) -> str:
    """What the next line holds of this one; the line end counts."""
    value: str = sha256(line).hexdigest()
    return value


def line_of(event: Event, *, prev: str, seq: int, now: float, sign: Sign | None = None) -> bytes:
    """One line: the link first, then the event's own fields, and last the signature if it has one."""
    own = {"prev": prev, "seq": seq, "ts": round(event.get("ts", now), 3)}
    own |= {name: value for name, value in event.items() if name not in RESERVED}
    text = _encode(own).encode("ascii")
    if sign is None:
        return text + b"\n"
    key, _ = sign(b"")
    text = _encode({**own, "key": key}).encode("ascii")
    _, signature = sign(SIGNED + text)
    return text[:-1] + b',"sig":"' + signature.encode("ascii") + b'"}\n'


class LogOver(BottleError):
    """Nothing can be written into a log after its last mark."""


class Chain:
    """One log, opened to be continued. Safe beside other processes that do the same."""

    def __init__(self, path: Path, *, limit: int | None = None) -> None:
        self._path = path
        self._descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._limit = limit
        self._size = 0
        self._last = b""
        self._seq = 0

    def append(self, event: Event, *, sign: Sign | None = None, at_once: bool = False) -> int:
        """Write one event, whole or not at all; its number. With `at_once` it is on the disk before this returns.

        OSError when the disk takes it not; BottleError when the log is full, or is not one of ours.
        """
        self.lock()
        try:
            self._catch_up()
            self._write(event, sign)
        finally:
            fcntl.flock(self._descriptor, fcntl.LOCK_UN)
        if at_once:
            os.fdatasync(self._descriptor)
        return self._seq

    def lock(self) -> None:
        """Take the log's lock; the next `append` gives it back, or the end of every process that has this descriptor."""
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)

    def fileno(self) -> int:
        """The descriptor that holds the lock."""
        return self._descriptor

    def close(self) -> None:
        """Close the file."""
        os.close(self._descriptor)

    def _write(self, event: Event, sign: Sign | None) -> None:
        prev = digest(self._last) if self._last else FIRST
        line = line_of(event, prev=prev, seq=self._seq + 1, now=time.time(), sign=sign)
        if len(line) > LINE_LIMIT:
            raise BottleError("An event is too large for the bottle's log.", facts=(f"{len(line)} bytes",))
        if self._limit is not None and self._size + len(line) > self._limit:
            raise BottleError(
                "The bottle's event log is full, and what cannot be recorded is not let through.",
                facts=(f"it may hold {self._limit >> 20} MiB",),
                next="See what the bottle asks for again and again: `bot-bottle logs --events NAME`.",
            )
        written = 0
        try:
            while written < len(line):
                written += os.write(self._descriptor, line[written:])
        except OSError:
            os.ftruncate(self._descriptor, self._size)  # half a line is none
            raise
        self._size += len(line)
        self._last, self._seq = line, self._seq + 1

    def _catch_up(self) -> None:
        """Learn the last line if somebody else wrote since; cut off half a line that a crash left, and say so in the log."""
        size = os.lseek(self._descriptor, 0, os.SEEK_END)
        if size == self._size:
            return
        tail, torn = last_line(self._descriptor, size)
        found = HEAD.match(tail)
        if is_over(tail) and not torn:
            raise LogOver("The log is over: its bottle has ended.", next="`bot-bottle ls` lists the bottles that run.")
        if tail and found is None:
            raise BottleError("The bottle's log cannot be continued: its last line is none of ours.", facts=(str(self._path),))
        self._last, self._seq = tail, int(found[2]) if found else 0
        self._size = size - torn
        if torn:
            os.ftruncate(self._descriptor, self._size)
            self._write({"gate": "log", "event": "torn", "bytes": torn}, None)


def last_line(descriptor: int, size: int) -> tuple[bytes, int]:
    """The last whole line, with its end, and how many bytes of another that was cut off stand after it."""
    taken = b""
    while True:
        end = taken.rfind(b"\n")
        start = taken.rfind(b"\n", 0, max(end, 0))
        if start >= 0 or len(taken) == size:
            return taken[start + 1 : end + 1], len(taken) - end - 1
        if len(taken) > 2 * LINE_LIMIT:
            return b"no line of ours", 0
        step = min(size - len(taken), max(4096, len(taken)))
        taken = os.pread(descriptor, step, size - len(taken) - step) + taken


def is_over(line: bytes) -> bool:
    """Whether this is a mark that is the last line of its log. Whether it is signed is for verification to say."""
    return b',"gate":"keeper","event":"end",' in line[:160] or b',"gate":"keeper","event":"closed",' in line[:160]


def lines(log: bytes) -> tuple[Sequence[bytes], bytes]:
    """The whole lines of a log, with their ends, and what stands after the last of them."""
    *whole, rest = log.split(b"\n")
    return [line + b"\n" for line in whole], rest
