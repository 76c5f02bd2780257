"""Runs one more command inside a running bottle for a program that goes on: what it prints is kept, within bounds.

The command and all it prints are hostile: only bytes and an exit code come out, so many at most, and not later than asked.
"""

import os
import selectors
import signal
import time

from bot_bottle.bottles.exec import Env, open_streams
from bot_bottle.bottles.peer import Peer
from bot_bottle.bottles.relay import CHUNK, DRAIN_MS, SILENCE, KeeperFailed
from bot_bottle.errors import BottleError, TimedOut
from bot_bottle.guest.frames import Message
from bot_bottle.host.plain import plain
from bot_bottle.record import dataclass, field

OUTPUT_LIMIT = 16 * 1024 * 1024
"""Bytes of one stream that are kept; a command that prints more is ended."""

END_S = 5.0
"""How long the end of a killed command is waited for; its bottle's keeper answers in milliseconds."""


class PrintedTooMuch(BottleError):
    """A command printed more than its caller would keep; it was ended."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Completed:
    """How a command in a bottle ended: its exit code (128 and the signal's number, where one ended it) and what it printed."""

    code: int
    stdout: bytes = field(repr=False)
    stderr: bytes = field(repr=False)

    @property
    def text(self) -> str:
        """Standard output as text; what is not UTF-8 is replaced. It came from the bottle: do not print it to a terminal raw."""
        return self.stdout.decode("utf-8", "replace")


class Capture:
    """A command that was asked for. `finish` once, in one thread; `kill` from any."""

    def __init__(self, slug: str, command: tuple[str, ...], *, env: Env = (), cwd: str | None = None) -> None:
        channel, self._streams = open_streams(slug, command, env=env, cwd=cwd)
        self._name = command[0]
        self._peer = Peer(channel)
        self._selector = selectors.DefaultSelector()
        self._kept = {self._streams.stdout: bytearray(), self._streams.stderr: bytearray()}
        self._open = {self._streams.stdin, *self._kept}
        self._typed = memoryview(b"")
        self._ended: Message | None = None

    def kill(self) -> None:
        """End the command; harmless when it has ended."""
        self._peer.send({"type": "signal", "number": int(signal.SIGKILL)})

    def finish(self, stdin: bytes = b"", *, timeout_s: float | None = None, output_limit: int = OUTPUT_LIMIT) -> Completed:
        """Feed it and wait for its end. TimedOut or BottleError after it was ended for taking too long or printing too much."""
        self._typed = memoryview(stdin)
        os.set_blocking(self._streams.stdin, False)
        self._selector.register(self._streams.stdin, selectors.EVENT_WRITE)
        for descriptor in (self._peer.fileno(), *self._kept):
            self._selector.register(descriptor, selectors.EVENT_READ)
        try:
            self._pump(timeout_s, output_limit)
        except (TimedOut, PrintedTooMuch):
            self._end()
            raise
        finally:
            self._close()
        if self._ended is None:
            raise KeeperFailed(SILENCE)
        stdout, stderr = (bytes(self._kept[one]) for one in (self._streams.stdout, self._streams.stderr))
        return Completed(code=int(self._ended.get("code", 1)), stdout=stdout, stderr=stderr)

    def _pump(self, timeout_s: float | None, output_limit: int) -> None:
        """Until it has ended and its streams are drained; of what it left behind, nothing is waited for."""
        end = None if timeout_s is None else time.monotonic() + timeout_s
        while self._peer.is_open or self._open.intersection(self._kept):
            left = DRAIN_MS / 1000 if self._ended else None if end is None else end - time.monotonic()
            ready = self._selector.select(left) if left is None or left > 0 else []
            if not ready and self._ended:
                return
            if not ready:
                raise TimedOut(f"{plain(self._name, limit=80)} took longer than {timeout_s:g} s and was ended.")
            for key, _ in ready:
                self._serve(key.fd)
            if max(len(kept) for kept in self._kept.values()) > output_limit:
                raise PrintedTooMuch(f"{plain(self._name, limit=80)} printed more than {output_limit} bytes and was ended.")

    def _serve(self, descriptor: int) -> None:
        if descriptor == self._streams.stdin:
            self._feed(descriptor)
        elif descriptor in self._kept:
            part = os.read(descriptor, CHUNK)
            self._kept[descriptor] += part
            if not part:
                self._let_go(descriptor)
        else:
            self._hear()

    def _feed(self, descriptor: int) -> None:
        try:
            self._typed = self._typed[os.write(descriptor, self._typed[:CHUNK]) :]
        except BlockingIOError:
            return
        except BrokenPipeError:
            self._typed = self._typed[:0]  # it reads no more
        if not self._typed:
            self._let_go(descriptor)

    def _hear(self) -> None:
        descriptor = self._peer.fileno()
        for message in self._peer.read():
            if message.get("type") == "exited":
                self._ended = message
                if "why" in message:
                    raise BottleError(f"The bottle ended while {plain(self._name, limit=80)} ran.", facts=(str(message["why"]),))
            elif message.get("type") == "refused":
                raise BottleError(plain(str(message.get("what", "The keeper refused.")), limit=2000))
        if not self._peer.is_open:
            self._selector.unregister(descriptor)

    def _end(self) -> None:
        """Kill it, and see it end."""
        self.kill()
        deadline = time.monotonic() + END_S
        for descriptor in tuple(self._open):
            self._let_go(descriptor)
        while self._ended is None and self._peer.is_open and (left := deadline - time.monotonic()) > 0:
            if self._selector.select(left):
                self._hear()

    def _let_go(self, descriptor: int) -> None:
        self._selector.unregister(descriptor)
        self._open.discard(descriptor)
        os.close(descriptor)

    def _close(self) -> None:
        for descriptor in tuple(self._open):
            self._let_go(descriptor)
        self._selector.close()
        self._peer.close()
