"""One command inside a bottle and those who watch it: its terminal, the clients attached to it, its log and replay."""

import os
from collections.abc import Callable

from bot_bottle.backends.base import Child, TtySize
from bot_bottle.bottles.peer import Peer
from bot_bottle.guest.frames import Message

REPLAY_LIMIT = 256 * 1024
"""Bytes of recent output shown to a client that attaches: more than a full screen of a drawing-heavy TUI."""

LOG_LIMIT = 64 * 1024 * 1024
"""Bytes of terminal output kept in the log of one bottle."""


class Session:
    """A running child, with or without a terminal. The keeper owns it and feeds it from its loop."""

    def __init__(self, child: Child, *, log: int | None, on_end: Callable[[int], None]) -> None:
        self.child = child
        self.peers: list[Peer] = []
        self.exit_code: int | None = None
        self._log = log
        self._logged = 0
        self._replay = bytearray()
        self._on_end = on_end

    def read_terminal(self) -> bool:
        """Pass on what the terminal printed; False once it has ended."""
        assert self.child.terminal is not None
        try:
            part = os.read(self.child.terminal, 1 << 16)
        except BlockingIOError:
            return True
        except OSError:  # EIO: the last process with the terminal open is gone (pty(7))
            return False
        if not part:
            return False
        self._remember(part)
        for peer in self.peers:
            peer.send({"type": "output", "latin1": part.decode("latin-1")})
        return True

    def _remember(self, part: bytes) -> None:
        self._replay += part
        if len(self._replay) > REPLAY_LIMIT:
            del self._replay[: len(self._replay) - REPLAY_LIMIT]
        if self._log is not None and self._logged < LOG_LIMIT:
            self._logged += os.write(self._log, part[: LOG_LIMIT - self._logged])

    def join(self, peer: Peer, size: TtySize | None) -> None:
        """A client starts to watch: it gets the recent output, and its size becomes the terminal's."""
        self.peers.append(peer)
        if self.child.terminal is not None:
            peer.send({"type": "attached", "latin1": self._replay.decode("latin-1")})
            if size is not None:
                self.resize_fresh(size)

    def resize_fresh(self, size: TtySize) -> None:
        """Set the size by way of another one, so that a TUI draws itself anew even when the size is the same."""
        self.child.resize(TtySize(rows=size.rows, cols=max(1, size.cols - 1)))
        self.child.resize(size)

    def leave(self, peer: Peer) -> None:
        """A client stops watching; the command goes on."""
        if peer in self.peers:
            self.peers.remove(peer)

    def take(self, message: Message) -> None:
        """What a client sends: typed bytes, a new size, a signal. Anything else is dropped."""
        kind = message.get("type")
        if kind == "input" and self.child.terminal is not None:
            self._write(str(message.get("latin1", "")).encode("latin-1", "ignore"))
        elif kind == "resize":
            size = tty_size(message)
            if size is not None:
                self.child.resize(size)
        elif kind == "signal" and isinstance(message.get("number"), int):
            self.child.signal(message["number"])

    def _write(self, typed: bytes) -> None:
        assert self.child.terminal is not None
        try:
            while typed:
                typed = typed[os.write(self.child.terminal, typed) :]
        except BlockingIOError:  # the program reads nothing; as a kernel terminal does, drop what does not fit
            return
        except OSError:
            return

    def check_end(self) -> bool:
        """Whether the child has ended; tells its clients and its owner once."""
        if self.exit_code is not None:
            return True
        code = self.child.poll()
        if code is None:
            return False
        if self.child.terminal is not None:
            while self.read_terminal_rest():
                pass
        self.exit_code = code
        for peer in self.peers:
            peer.send({"type": "exited", "code": code})
        self._on_end(code)
        return True

    def read_terminal_rest(self) -> bool:
        """Drain the terminal after the end without waiting; False when there is nothing more."""
        import select

        assert self.child.terminal is not None
        ready, _, _ = select.select([self.child.terminal], [], [], 0)
        return bool(ready) and self.read_terminal()


def tty_size(message: Message) -> TtySize | None:
    """The size in a client's message, or None when it makes no sense."""
    rows, cols = message.get("rows"), message.get("cols")
    if isinstance(rows, int) and isinstance(cols, int) and 0 < rows <= 10_000 and 0 < cols <= 10_000:
        return TtySize(rows=rows, cols=cols)
    return None
