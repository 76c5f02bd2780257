"""Starts a bundle ahead of its plan. Imported first on every start, so it imports next to nothing itself."""

import os
import socket
import sys
from pathlib import Path

from bot_bottle.host import paths
from bot_bottle.host.run import LongCommand, Process, spawn


class IdleBundle:
    """A bundle that was started and waits for its first frame. It ends by itself when `channel` closes."""

    def __init__(self, process: Process, channel: socket.socket) -> None:
        self.process = process
        self.channel = channel

    def end(self) -> None:
        """End it now; harmless when it has ended."""
        self.channel.close()
        self.process.end(grace_s=1.0)


def start_bundle() -> IdleBundle:
    """Start a bundle with an almost empty environment. It imports while the caller plans."""
    ours, theirs = socket.socketpair()
    path = log_path()
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    code = (
        f"import gc; gc.disable(); import sys; sys.path[:0] = {search_path()!r}; from bot_bottle.gates.bundle import main; main()"
    )
    with theirs:
        process = spawn(
            LongCommand(
                argv=(sys.executable, "-I", "-S", "-c", code, "--link-fd", str(theirs.fileno())),
                env={"LANG": "C.UTF-8", "PATH": os.defpath} | _own_roots(),
                pass_fds=(theirs.fileno(),),
                stderr=log,
                new_session=True,
            )
        )
    os.close(log)
    return IdleBundle(process, ours)


def search_path() -> list[str]:
    """Where a process of ours finds our modules: what this one has, but nothing of the folder that the operator stands in."""
    package = str(Path(__file__).resolve().parents[2])
    here = os.path.realpath(os.getcwd())  # `python -m` puts it first
    return [package, *(entry for entry in sys.path if entry and os.path.realpath(entry) not in (here, package))]


def _own_roots() -> dict[str, str]:
    """Where the operator keeps the roots to trust: the gate verifies servers by the file that the bottle trusts as well."""
    named = os.environ.get("SSL_CERT_FILE")
    return {"SSL_CERT_FILE": os.path.abspath(named)} if named else {}


def log_path() -> Path:
    """Where a bundle that dies before it can speak leaves its last words."""
    return paths.state_dir() / "bundle.log"


_ahead: list[IdleBundle] = []


def start_ahead() -> None:
    """Start one now, for `take` to find; it ends with this process if nobody takes it."""
    _ahead.append(start_bundle())


def take() -> IdleBundle:
    """The one that was started ahead, or a new one."""
    return _ahead.pop() if _ahead else start_bundle()
