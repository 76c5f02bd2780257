"""The keeper's part in its bottle's log: it begins it, writes what the gates cannot know, watches that nothing in it changes, and
signs marks.

The gates append to the log and hold no key. A mark is signed by a fork that lives for some hundredths of a second: the keeper
never holds the key either, imports no cryptography, and nobody who waits for the bottle waits for a signature.
"""

import contextlib
import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from bot_bottle import __version__
from bot_bottle.bottles.audit import places
from bot_bottle.gates.chain import FIRST, HEAD, Chain, Event, digest, lines

MARK_EVERY_S = 30.0
"""How much of a log a killed keeper leaves without a signature, and a power cut can lose."""

LOOK_LIMIT = 32 * 1024 * 1024
"""Bytes of the log that one look reads: far more than gates can write between two."""


class BottleLog:
    """One bottle's log. Owned by the keeper."""

    def __init__(self, slug: str, stage_dir: Path) -> None:
        self._slug = slug
        self._stage_dir = stage_dir
        self._path = stage_dir
        self._chain: Chain | None = None
        self._own: list[int] = []
        self._seen = Seen()
        self._marked_at = time.monotonic()
        self._marked = 0
        self._signing: int | None = None
        self.broken = ""

    def begin(self, about: Mapping[str, Any]) -> None:  # Any: JSON
        """Make the log and write its first line: what it is of."""
        self._path, self._chain = places.begun(self._slug, {"uid": os.getuid(), "version": __version__, **about})
        self._own.append(1)
        places.link_from(self._stage_dir, self._path)

    def started(self) -> None:
        """The agent runs: by which plan and policy, and what the operator was shown of them."""
        plan, policy = ((self._stage_dir / name).read_bytes() for name in ("plan.json", "bundle.json"))
        shown = [[line["label"], line["text"], line.get("why", "")] for line in json.loads(plan)["preflight"]]
        self.note("started", {"plan": digest(plan), "policy": digest(policy), "preflight": shown})

    def note(self, event: str, more: Mapping[str, Any]) -> None:  # Any: JSON
        """Write one event in the keeper's name. OSError on a full disk; nothing where there is no log."""
        if self._chain is None:
            return
        self._own.append(self._chain.append({"gate": "keeper", "event": event, **more}))

    def look(self) -> str:
        """Read what came since the last look; why the log is not what it was, or nothing. What is wrong once stays wrong."""
        if self._chain is not None and not self.broken:
            with open(self._path, "rb") as file:
                self._seen, self.broken = follow(self._seen, file.read, file.seek)
        return self.broken

    def mark_now_and_then(self) -> None:
        """Have a mark signed if there is something new and the last one is long ago. The keeper calls it every second."""
        if self._signing is not None and os.waitpid(self._signing, os.WNOHANG)[0]:
            self._signing = None
        due = self._seen.seq > self._marked and time.monotonic() - self._marked_at >= MARK_EVERY_S
        if due and self._signing is None:
            self._marked_at, self._marked = time.monotonic(), self._seen.seq + 1
            self._signing = in_child(lambda: self._sign("mark"), keep=())

    def end(self) -> None:
        """Have the end mark signed. Returns at once; whoever takes the log's lock waits until it is there."""
        if self._chain is None:
            return
        if self._signing is not None:
            os.waitpid(self._signing, 0)
        chain = self._chain
        chain.lock()
        in_child(lambda: self._sign("end", chain), keep=(chain.fileno(),))
        chain.close()

    def _sign(self, name: str, held: Chain | None = None) -> None:
        from bot_bottle.bottles.audit.key import load_or_make, signer
        from bot_bottle.bottles.secrets import system_keyring

        sign = signer(load_or_make(system_keyring))
        chain = held or Chain(self._path)
        chain.lock()
        event: Event = {"gate": "keeper", "event": name, "own": self._own}
        before = -1
        while before != self._seen.offset and not self.broken:
            before = self._seen.offset
            self.look()
        if self.broken:
            seen = {"line": self._seen.seq, "head": self._seen.head}
            event = {"gate": "keeper", "event": "broken", "why": self.broken, "seen": seen, "own": self._own}
        chain.append(event, sign=sign, at_once=True)


class Seen:
    """How far a log was read: where, the number of the last line and its hash."""

    def __init__(self, offset: int = 0, seq: int = 0, head: str = FIRST) -> None:
        self.offset = offset
        self.seq = seq
        self.head = head


def follow(seen: Seen, read: Callable[[int], bytes], seek: Callable[[int, int], int]) -> tuple[Seen, str]:
    """Read on from there; how far it was read then, and what is wrong, if anything is. Half a line is left for later."""
    if seek(0, os.SEEK_END) < seen.offset:
        return seen, "it is shorter than it was"
    seek(seen.offset, os.SEEK_SET)
    offset, seq, head = seen.offset, seen.seq, seen.head
    for line in lines(read(LOOK_LIMIT))[0]:
        found = HEAD.match(line)
        if found is None or found[1].decode() != head or int(found[2]) != seq + 1:
            return Seen(offset, seq, head), f"line {seq + 1} was not written after the line before it"
        offset, seq, head = offset + len(line), seq + 1, digest(line)
    return Seen(offset, seq, head), ""


def in_child(work: Callable[[], None], *, keep: tuple[int, ...]) -> int:
    """Do this in a fork without any descriptor of ours but these, so that no lock and no socket outlives the keeper in it."""
    pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        floor = 3
        for descriptor in sorted(keep):
            os.closerange(floor, descriptor)
            floor = descriptor + 1
        os.closerange(floor, 65536)
        work()
        code = 0
    except BaseException:  # noqa: BLE001  # its last words; it must never go on with the keeper's work
        import traceback

        traceback.print_exc()
    finally:
        with contextlib.suppress(OSError):
            sys.stderr.flush()
        os._exit(code)
