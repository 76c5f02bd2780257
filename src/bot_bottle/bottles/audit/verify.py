"""Whether a bottle's log is what was written: a pure function of its bytes and the operator's public keys.

Trusts nothing in the log. It stands alone: another program can do the same by docs/reference/audit.md. Whoever holds the
operator's private key can write a log that verifies, and whoever can write to a log that has no end mark can cut off what no
mark in it covers yet: that is reported as a log without an end, never as a whole one.
"""

import re
from collections.abc import Mapping
from io import BytesIO
from typing import Any, Literal, Protocol

from bot_bottle.gates.chain import FIRST, HEAD, LINE_LIMIT, SIGNED, digest
from bot_bottle.host.strict_json import read_strictly
from bot_bottle.record import dataclass

State = Literal["whole", "unended", "altered"]

Keys = Mapping[str, bytes]
"""The public keys that are trusted: 32 bytes each (RFC 8032, 5.1.5), by their ids."""

SIGNATURE = re.compile(rb',"sig":"([0-9a-f]{128})"\}\n')
SIGNATURE_SIZE = 139

KEEPER, OPERATOR = "keeper", "operator"
"""Who may write lines that no gate can: a mark lists the keeper's, and each of the operator's is signed."""

LAST = ("end", "closed")
"""Marks after which nothing may come."""

FORMAT = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """What was found. `events` lines hold together from the first on, and a signature covers those up to `signed`.

    `whole`: all of it, up to a signed end mark. `unended`: what is there is what was written, and the end mark is missing.
    `altered`: it is not what was written; `line` (from 1) and `why` say where and how it shows.
    """

    state: State
    events: int = 0
    signed: int = 0
    line: int = 0
    why: str = ""
    torn: int = 0
    closed: str = ""
    slug: str = ""
    id: str = ""
    head: str = FIRST
    keys: tuple[str, ...] = ()


class _Wrong(Exception):
    """This line cannot stand here."""


class Lines(Protocol):
    """What verification reads: an open file, or something like it."""

    def readline(self, limit: int, /) -> bytes:
        """The next line with its end, at most so many bytes of it; nothing at the end."""


def verify(log: bytes | Lines, keys: Keys) -> Report:
    """Read the whole log. Never raises for what is in it: what cannot be read is altered."""
    source = BytesIO(log) if isinstance(log, bytes) else log
    reading, number, torn = _Reading(keys), 0, 0
    while line := source.readline(LINE_LIMIT + 1):
        if not line.endswith(b"\n") and len(line) <= LINE_LIMIT:
            torn = len(line)
            break
        number += 1
        try:
            reading.take(line, number)
        except _Wrong as wrong:
            return reading.report("altered", line=number, why=str(wrong))
    if number == 0:
        return reading.report("altered", line=1, why="there is no whole line in it")
    if torn and reading.last:
        return reading.report("altered", line=number + 1, why="something stands after the last mark")
    if reading.last == "end":
        return reading.report("whole")
    return reading.report("unended", line=number, why="there is no end mark", torn=torn or reading.torn)


class _Reading:
    """How far a log was read, and what must hold of the next line."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._head = FIRST
        self._number = 0
        self._signed = 0
        self._begin: Mapping[str, Any] = {}  # Any: JSON
        self._keepers: list[int] = []
        self._used: dict[str, None] = {}
        self._closed = ""
        self.torn = 0
        self.last = ""

    def report(self, state: State, *, line: int = 0, why: str = "", torn: int = 0) -> Report:
        """What was found so far."""
        return Report(
            state=state,
            events=self._number,
            signed=self._signed,
            line=line,
            why=why,
            torn=torn,
            closed=self._closed,
            slug=str(self._begin.get("bottle", "")),
            id=str(self._begin.get("id", "")),
            head=self._head,
            keys=tuple(self._used),
        )

    def take(self, line: bytes, number: int) -> None:
        """Read one line. _Wrong when it cannot stand here."""
        if self.last:
            raise _Wrong("a line stands after the last mark")
        event = self._linked(line, number)
        if number == 1:
            self._take_begin(event)
        elif (event.get("gate"), event.get("event")) == (KEEPER, "begin"):
            raise _Wrong("a second beginning")
        self._take_author(line, event, number)
        if event.get("gate") == "log":
            self.torn += event["bytes"] if isinstance(event.get("bytes"), int) else 0
        self._head, self._number = digest(line), number

    def _linked(self, line: bytes, number: int) -> Mapping[str, Any]:  # Any: JSON
        found = HEAD.match(line)
        if found is None or len(line) > LINE_LIMIT or not line.isascii():
            raise _Wrong("this is not a line of a log")
        if int(found[2]) != number:
            raise _Wrong(f"it is numbered {int(found[2])}")
        if found[1].decode() != self._head:
            raise _Wrong("the line before it is not the one that it was written after")
        try:
            event = read_strictly(line)
        except (ValueError, RecursionError):
            raise _Wrong("it cannot be read as JSON") from None
        if not isinstance(event, dict):
            raise _Wrong("it is not an object")
        return event

    def _take_begin(self, event: Mapping[str, Any]) -> None:  # Any: JSON
        is_ours = (event.get("gate"), event.get("event"), event.get("format")) == (KEEPER, "begin", FORMAT)
        if not is_ours or not isinstance(event.get("id"), str):
            raise _Wrong("a log begins with the keeper's beginning, in a format that this program knows")
        self._begin = event

    def _take_author(self, line: bytes, event: Mapping[str, Any], number: int) -> None:  # Any: JSON
        """What only the keeper or the operator may say must be signed, or be listed in a mark that is."""
        gate, name = event.get("gate"), event.get("event")
        if "sig" in event or "key" in event:
            self._check_signature(line, event)
            if gate == KEEPER:
                self._take_mark(event, str(name), number)
            elif gate != OPERATOR:
                raise _Wrong("a gate does not sign")
        elif gate == OPERATOR:
            raise _Wrong("what an operator did is not signed")
        elif gate == KEEPER and name in (*LAST, "mark", "broken"):
            raise _Wrong("a mark is not signed")
        elif gate == KEEPER:
            self._keepers.append(number)

    def _take_mark(self, event: Mapping[str, Any], name: str, number: int) -> None:  # Any: JSON
        if name == "broken":
            raise _Wrong("the keeper saw that the log was changed while the bottle ran")
        if name not in (*LAST, "mark"):
            raise _Wrong("it is signed and is no mark")
        if name != "closed" and event.get("own") != self._keepers:  # who closes it later knows only what is in it
            raise _Wrong("there are lines in the keeper's name that it did not write")
        self._signed = number
        self.last = name if name in LAST else ""
        self._closed = str(event.get("why", "")) if name == "closed" else ""

    def _check_signature(self, line: bytes, event: Mapping[str, Any]) -> None:  # Any: JSON
        found = SIGNATURE.match(line, max(0, len(line) - SIGNATURE_SIZE))
        public = self._keys.get(str(event.get("key")))
        if found is None:
            raise _Wrong("its signature is not the last thing in it")
        if public is None:
            raise _Wrong("it is signed with a key that is not yours")
        if not is_signed(SIGNED + line[: found.start()] + b"}", bytes.fromhex(found[1].decode()), public):
            raise _Wrong("its signature is wrong")
        self._used[str(event["key"])] = None


def is_signed(content: bytes, signature: bytes, public: bytes) -> bool:
    """Whether Ed25519 (RFC 8032) says that the holder of this key signed this."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, content)
    except (InvalidSignature, ValueError):
        return False
    return True
