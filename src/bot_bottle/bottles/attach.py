"""A terminal onto a bottle's terminal: raw mode, resizes, the detach keys, and a terminal that is usable again afterwards."""

import os
import select
import signal
import socket
import sys
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bot_bottle.backends.base import TtySize
from bot_bottle.bottles.peer import Peer
from bot_bottle.bottles.status import Status
from bot_bottle.errors import BadUsage, BottleError
from bot_bottle.guest.frames import Message
from bot_bottle.record import dataclass

DETACH_KEYS = b"\x10\x11"
"""Ctrl-P Ctrl-Q, as in `docker attach`."""

RESET = b"\x1b[?1049l\x1b[?1000l\x1b[?1002l\x1b[?1003l\x1b[?1006l\x1b[?1004l\x1b[?2004l\x1b[<u\x1b[>4m\x1b[?25h\x1b[0m\x1b(B\r\n"
"""Leave the alternate screen, mouse and paste reporting, keyboard protocols; show the cursor (xterm control sequences)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Exited:
    """The command ended with this code; `why` is set when it was not of its own will."""

    code: int
    why: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Detached:
    """The operator left; the command goes on."""


def connect(status: Status, stage_dir: Path) -> socket.socket:
    """A connection to the bottle's keeper. BadUsage when the bottle does not run."""
    if status.state not in ("starting", "running"):
        raise BadUsage(f"The bottle {status.slug} does not run; it is {status.state}.", next=f"`bot-bottle logs {status.slug}`")
    channel = socket.socket(socket.AF_UNIX)
    folder = os.open(stage_dir, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        channel.connect(f"/proc/self/fd/{folder}/keeper.sock")
    except OSError as error:
        channel.close()
        raise BottleError(f"The keeper of {status.slug} does not answer.", facts=(str(error),)) from error
    finally:
        os.close(folder)
    return channel


def terminal_size(descriptor: int) -> TtySize:
    """The size of our own terminal; 24 by 80 where it has none."""
    try:
        size = os.get_terminal_size(descriptor)
    except OSError:
        return TtySize(rows=24, cols=80)
    return TtySize(rows=max(1, size.lines), cols=max(1, size.columns))


class Attachment:
    """One terminal on one session, until the command ends or the operator detaches.

    `hello` asks the keeper for the session; the channel on which a bottle was started needs none.
    """

    def __init__(self, channel: socket.socket, hello: Message | None = None, *, detachable: bool = True) -> None:
        self._peer = Peer(channel)
        self._hello = hello
        self._detachable = detachable
        self._held = b""
        self._resized = False
        self._unread: list[Message] = []

    def run(self) -> Exited | Detached:
        """Pump between this process's terminal and the session. BottleError if the keeper refuses."""
        stdin, stdout = sys.stdin.fileno(), sys.stdout.fileno()
        size = terminal_size(stdout)
        self._peer.send((self._hello or {"type": "resize"}) | {"rows": size.rows, "cols": size.cols})
        with raw_terminal(stdin, stdout), self._watching_size():
            return self._pump(stdin, stdout)

    def last_words(self) -> Message | None:
        """What the keeper says when nothing of the bottle is left; None when it ends without a word."""
        while self._peer.is_open or self._unread:
            for message in self._unread or self._peer.read():
                if message.get("type") in ("ended", "failed"):
                    return message
            self._unread = []
            if self._peer.is_open:
                select.select([self._peer.fileno()], [], [])
        return None

    def _pump(self, stdin: int, stdout: int) -> Exited | Detached:
        while self._peer.is_open:
            if self._resized:
                self._resized = False
                size = terminal_size(stdout)
                self._peer.send({"type": "resize", "rows": size.rows, "cols": size.cols})
            keeper = self._peer.fileno()
            ready, _, _ = select.select([stdin, keeper], [keeper] if self._peer.has_backlog else [], [], 0.5)
            self._peer.flush()
            if keeper in ready:
                messages = self._peer.read()
                for number, message in enumerate(messages):
                    ended = self._show(message, stdout)
                    if ended is not None:
                        self._unread = messages[number + 1 :]
                        return ended
            if stdin in ready and self._type(os.read(stdin, 4096)):
                self._peer.close()
                return Detached()
        return Exited(code=128 + signal.SIGKILL, why="the bottle ended")

    def _show(self, message: Message, stdout: int) -> Exited | None:
        kind = message.get("type")
        if kind in ("output", "attached"):
            part = str(message.get("latin1", "")).encode("latin-1", "ignore")
            while part:
                part = part[os.write(stdout, part) :]
        elif kind == "exited":
            return Exited(code=int(message.get("code", 1)), why=str(message.get("why", "")))
        elif kind == "refused":
            raise BottleError(str(message.get("what", "The keeper refused.")))
        return None

    def _type(self, typed: bytes) -> bool:
        """Send what was typed; True when it held the detach keys, or the terminal is gone."""
        if not typed:
            return True
        typed = self._held + typed
        self._held = b""
        if self._detachable:
            before, found, _ = typed.partition(DETACH_KEYS)
            if found:
                self._send_input(before)
                return True
            if typed.endswith(DETACH_KEYS[:1]):
                typed, self._held = typed[:-1], DETACH_KEYS[:1]
        self._send_input(typed)
        return False

    def _send_input(self, typed: bytes) -> None:
        if typed:
            self._peer.send({"type": "input", "latin1": typed.decode("latin-1")})

    @contextmanager
    def _watching_size(self) -> Iterator[None]:
        def note(*_: object) -> None:
            self._resized = True

        before = signal.signal(signal.SIGWINCH, note)
        try:
            yield
        finally:
            signal.signal(signal.SIGWINCH, before)


@contextmanager
def raw_terminal(stdin: int, stdout: int) -> Iterator[None]:
    """Raw mode on our terminal, and everything back as it was afterwards, whatever the agent left switched on."""
    before = termios.tcgetattr(stdin)
    try:
        tty.setraw(stdin)
        yield
    finally:
        termios.tcsetattr(stdin, termios.TCSADRAIN, before)
        os.write(stdout, RESET)
