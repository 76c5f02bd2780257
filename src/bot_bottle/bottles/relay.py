"""Between the CLI's own streams and the pipes of an agent without a terminal: bytes as they are, signals passed on.

The agent never gets the operator's descriptors: a file opened for appending could be rewritten through them, and a
terminal could be read.
"""

import os
import select
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from bot_bottle.backends.base import Streams
from bot_bottle.bottles.peer import Peer
from bot_bottle.errors import BottleError, ExitCode
from bot_bottle.guest import frames
from bot_bottle.guest.frames import Message

CHUNK = 1 << 16
DRAIN_MS = 50
"""After the end of an exec'd command, a process it left behind may hold its streams open; what it prints is not waited for."""
PASSED_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2)


SILENCE: Message = {"type": "failed", "what": "The bottle's keeper ended without a word."}


class KeeperFailed(BottleError):
    """The keeper said why there is no bottle, with an exit code of its own."""

    def __init__(self, message: Message) -> None:
        super().__init__(
            str(message.get("what", "The bottle ended without a word.")),
            facts=tuple(str(fact) for fact in message.get("facts", ())),
            next=str(message.get("next", "")),
        )
        self.exit_code = ExitCode(int(message.get("code", ExitCode.FAILED)))


def wait_started(report: socket.socket) -> None:
    """Return when the agent runs. KeeperFailed when it never will."""
    message = next_message(report)
    if message.get("type") != "started":
        raise KeeperFailed(message)


def next_message(report: socket.socket) -> Message:
    """The keeper's next word, or that it said none."""
    try:
        received = frames.receive(report)
    except (frames.BrokenFrame, OSError):
        received = None
    return SILENCE if received is None else received[0]


class Relay:
    """Pumps until the agent has ended and both of its output streams are drained."""

    def __init__(self, report: socket.socket, streams: Streams, *, own: Streams) -> None:
        self._report = Peer(report)
        self._streams = streams
        self._own = own
        self._poller = select.poll()
        self._open_outputs = {streams.stdout: own.stdout, streams.stderr: own.stderr}
        self._typed = bytearray()
        self._stdin_open = True
        self._ended: Message | None = None
        self._interrupts = 0

    def run(self) -> Message:
        """The keeper's last message: `{"type":"ended","code":…,"why":…}`. KeeperFailed if the bottle never started."""
        os.set_blocking(self._streams.stdin, False)
        for descriptor in (self._report.fileno(), *self._open_outputs):
            self._poller.register(descriptor, select.POLLIN)
        self._poller.register(self._own.stdin, select.POLLIN)
        with passing_signals(self):
            while self._report.is_open or self._open_outputs:
                ready = self._poller.poll(DRAIN_MS if self._ended else None)
                if self._ended and not ready:
                    break
                for descriptor, _ in ready:
                    self._serve(descriptor)
        if self._ended is None:
            raise KeeperFailed(SILENCE)
        return self._ended

    def _serve(self, descriptor: int) -> None:
        if descriptor in self._open_outputs:
            self._pass_output(descriptor)
        elif descriptor == self._own.stdin:
            self._read_stdin()
        elif descriptor == self._streams.stdin:
            self._write_stdin()
        elif self._report.is_open and descriptor == self._report.fileno():
            self._read_report(descriptor)

    def _pass_output(self, descriptor: int) -> None:
        part = os.read(descriptor, CHUNK)
        if not part:
            self._poller.unregister(descriptor)
            del self._open_outputs[descriptor]
            return
        try:
            target = self._open_outputs[descriptor]
            while part:
                part = part[os.write(target, part) :]
        except BrokenPipeError:
            self._poller.unregister(descriptor)
            del self._open_outputs[descriptor]
            os.close(descriptor)

    def _read_stdin(self) -> None:
        self._poller.unregister(self._own.stdin)
        try:
            part = os.read(self._own.stdin, CHUNK)
        except OSError:
            part = b""
        if part:
            self._typed += part
            self._poller.register(self._streams.stdin, select.POLLOUT)
        else:
            self._close_stdin()

    def _write_stdin(self) -> None:
        try:
            del self._typed[: os.write(self._streams.stdin, self._typed)]
        except BlockingIOError:
            return
        except BrokenPipeError:
            self._poller.unregister(self._streams.stdin)
            self._close_stdin()
            return
        if not self._typed:
            self._poller.unregister(self._streams.stdin)
            self._poller.register(self._own.stdin, select.POLLIN)

    def _close_stdin(self) -> None:
        if self._stdin_open:
            self._stdin_open = False
            os.close(self._streams.stdin)

    def _read_report(self, descriptor: int) -> None:
        for message in self._report.read():
            if message.get("type") in ("ended", "exited"):
                self._ended = message
                self._close_stdin()
            elif message.get("type") in ("failed", "refused"):
                raise KeeperFailed(message)
        if not self._report.is_open:
            self._poller.unregister(descriptor)

    def pass_signal(self, number: int, _: FrameType | None) -> None:
        """To the agent; the third interrupt ends the bottle instead."""
        if number == signal.SIGINT:
            self._interrupts += 1
        if self._interrupts >= 3:
            self._report.send({"type": "end"})
        else:
            self._report.send({"type": "signal", "number": number})


@contextmanager
def passing_signals(relay: Relay) -> Iterator[None]:
    """While it pumps, the signals that a user or a job runner sends go to the agent."""
    before = {number: signal.signal(number, relay.pass_signal) for number in PASSED_SIGNALS}
    try:
        yield
    finally:
        for number, action in before.items():
            signal.signal(number, action)
