"""Starts a bundle ahead of its plan. Imported first on every start, so it imports next to nothing itself."""

import _socket
import contextlib
import os
import sys
from typing import TYPE_CHECKING

from bot_bottle.host import paths
from bot_bottle.host.early import start_early

if TYPE_CHECKING:
    import socket
    from pathlib import Path

GRACE_S = 1.0
"""A bundle whose link is closed is gone in a few milliseconds."""


class IdleBundle:
    """A bundle that was started and waits for its first frame. It ends by itself when `channel` closes."""

    def __init__(self, pid: int, channel: "socket.socket") -> None:
        self.pid = pid
        self.channel = channel

    def end(self) -> None:
        """Close the link, which ends it, and make sure of it; harmless when it has ended."""
        import signal

        self.channel.close()
        try:
            watch = os.pidfd_open(self.pid)
        except OSError:
            return
        try:
            if not _ended_within(watch, GRACE_S):
                signal.pidfd_send_signal(watch, signal.SIGKILL)
                _ended_within(watch, 5.0)
        except ProcessLookupError:
            return
        finally:
            os.close(watch)


def _ended_within(watch: int, timeout_s: float) -> bool:
    import select

    poller = select.poll()
    poller.register(watch, select.POLLIN)
    return bool(poller.poll(timeout_s * 1000))


def start_bundle() -> tuple[int, int]:
    """Start a bundle with an almost empty environment: its process id and our end of its link. It imports while we plan."""
    _reap()
    folder = paths.state_folder()
    os.makedirs(folder, exist_ok=True, mode=0o700)
    log = os.open(f"{folder}/{LOG}", os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    code = (
        f"import gc; gc.disable(); import sys; sys.path[:0] = {search_path()!r}; from bot_bottle.gates.bundle import main; main()"
    )
    ours, theirs = _socket.socketpair()
    try:
        argv = (sys.executable, "-I", "-S", "-c", code, "--link-fd", "3")
        env = {"LANG": "C.UTF-8", "PATH": os.defpath} | _own_roots()
        pid = start_early(argv, env=env, stderr=log, link=theirs.fileno())
    finally:
        os.close(log)
        theirs.close()
    _started.append(pid)
    return pid, ours.detach()


def search_path() -> list[str]:
    """Where a process of ours finds our modules: what this one has, but nothing of the folder that the operator stands in."""
    package = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
    here = os.path.realpath(os.getcwd())  # `python -m` puts it first
    return [package, *(entry for entry in sys.path if entry and os.path.realpath(entry) not in (here, package))]


def _own_roots() -> dict[str, str]:
    """Where the operator keeps the roots to trust: the gate verifies servers by the file that the bottle trusts as well."""
    named = os.environ.get("SSL_CERT_FILE")
    return {"SSL_CERT_FILE": os.path.abspath(named)} if named else {}


LOG = "bundle.log"


def log_path() -> "Path":
    """Where a bundle that dies before it can speak leaves its last words."""
    return paths.state_dir() / LOG


_ahead: list[tuple[int, int]] = []
_started: list[int] = []
"""Those that this process has not seen the end of."""


def _reap() -> None:
    """A process that starts many bottles keeps no dead ones."""
    for pid in tuple(_started):
        with contextlib.suppress(ChildProcessError):
            if os.waitpid(pid, os.WNOHANG) == (0, 0):
                continue
        _started.remove(pid)


def start_ahead() -> None:
    """Start one now, for `take` to find; it ends with this process if nobody takes it. What fails now, fails in `take`."""
    with contextlib.suppress(OSError):
        _ahead.append(start_bundle())


def take() -> IdleBundle:
    """The one that was started ahead, or a new one. BottleError when none can be started."""
    import socket

    from bot_bottle.errors import CannotRunHere

    try:
        pid, link = _ahead.pop() if _ahead else start_bundle()
    except OSError as error:
        raise CannotRunHere("The gates cannot be started.", facts=(str(error),)) from error
    return IdleBundle(pid, socket.socket(fileno=link))
