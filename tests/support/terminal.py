"""A user at a terminal: starts a program on a real pseudo-terminal, types, and reads the screen's bytes."""

import fcntl
import os
import pty
import select
import signal
import struct
import termios
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType


class Terminal:
    """One program on one pseudo-terminal."""

    def __init__(self, argv: Sequence[str], *, env: Mapping[str, str], cwd: Path, rows: int = 30, cols: int = 100) -> None:
        self.seen = b""
        self._code: int | None = None
        self.pid, self._master = pty.fork()
        if self.pid == 0:
            os.chdir(cwd)
            os.execvpe(argv[0], list(argv), dict(env))
        self.resize(rows, cols)

    def resize(self, rows: int, cols: int) -> None:
        """As a window does."""
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, cols, 0, 0))

    def press(self, text: bytes) -> None:
        """Press keys."""
        os.write(self._master, text)

    def wait_for(self, text: bytes, *, timeout_s: float = 30.0) -> None:
        """Read until the text was printed since the last call; an AssertionError with what was seen otherwise."""
        deadline = time.monotonic() + timeout_s
        while text not in self.seen:
            ready, _, _ = select.select([self._master], [], [], max(0.0, deadline - time.monotonic()))
            assert ready, f"never saw {text!r}, but {self.seen[-2000:]!r}"
            try:
                part = os.read(self._master, 1 << 16)
            except OSError:
                part = b""
            assert part, f"the program ended without {text!r}: {self.seen[-2000:]!r}"
            self.seen += part
        self.seen = self.seen.partition(text)[2]

    def wait(self, *, timeout_s: float = 30.0) -> int:
        """Read to the end; the exit code."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            ready, _, _ = select.select([self._master], [], [], 0.05)
            if ready:
                try:
                    self.seen += os.read(self._master, 1 << 16)
                except OSError:
                    ready = []
            ended, status = os.waitpid(self.pid, os.WNOHANG)
            if ended:
                self._code = os.waitstatus_to_exitcode(status)
                return self._code
        raise AssertionError(f"it did not end: {self.seen[-2000:]!r}")

    def close_window(self) -> None:
        """The user closes the window: the terminal hangs up."""
        os.close(self._master)
        self._master = -1

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._code is None:
            try:
                os.kill(self.pid, signal.SIGKILL)
                os.waitpid(self.pid, 0)
            except (ProcessLookupError, ChildProcessError):
                pass
        if self._master >= 0:
            os.close(self._master)
