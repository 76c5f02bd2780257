"""Forks the keeper off the command line: a session of its own, no terminal, no descriptor of the operator's."""

import contextlib
import os
import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path

from bot_bottle.backends.base import Streams, TtySize
from bot_bottle.bottles.keeper import Keeper, Keeping
from bot_bottle.record import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Kept:
    """The CLI's ends: the report channel, and pipes to the agent's streams when it has no terminal."""

    pid: int
    report: socket.socket
    streams: Streams | None


def fork_keeper(keeping: Callable[[Streams | TtySize], Keeping], *, terminal: TtySize | None, stage_dir: Path) -> Kept:
    """Fork. The child never returns from here; the parent gets its ends."""
    ours, theirs = socket.socketpair()
    inner, outer = (None, None) if terminal is not None else pipes()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            ours.close()
            _close(outer)
            _leave_terminal(stage_dir)
            keeper = Keeper(keeping(inner or terminal or TtySize(rows=24, cols=80)), theirs)
            _end_on_signals(keeper)
            keeper.run()
            code = 0
        except BaseException:  # noqa: BLE001  # the child's last words go to keeper.log; it must never run the CLI's code
            import traceback

            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)
    theirs.close()
    _close(inner)
    return Kept(pid=pid, report=ours, streams=outer)


def pipes() -> tuple[Streams, Streams]:
    """The agent's three streams and the CLI's other ends of them."""
    in_read, in_write = os.pipe()
    out_read, out_write = os.pipe()
    err_read, err_write = os.pipe()
    return (
        Streams(stdin=in_read, stdout=out_write, stderr=err_write),
        Streams(stdin=in_write, stdout=out_read, stderr=err_read),
    )


def _close(streams: Streams | None) -> None:
    if streams is not None:
        for descriptor in (streams.stdin, streams.stdout, streams.stderr):
            os.close(descriptor)


def _leave_terminal(stage_dir: Path) -> None:
    """A new session, `/` as the folder, /dev/null for the streams, keeper.log for last words."""
    os.setsid()
    os.chdir("/")
    os.umask(0o077)
    null = os.open(os.devnull, os.O_RDWR)
    log = os.open(stage_dir / "keeper.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for descriptor, source in ((0, null), (1, null), (2, log)):
        os.dup2(source, descriptor)
    os.close(null)
    os.close(log)


def _end_on_signals(keeper: Keeper) -> None:
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        with contextlib.suppress(OSError):
            signal.signal(number, lambda got, _: keeper.end_by_signal(got))
