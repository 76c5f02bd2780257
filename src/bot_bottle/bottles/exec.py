"""Runs one more command inside a running bottle: on this process's own streams, on its terminal, or on pipes of the caller's."""

import os
import socket
import sys

from bot_bottle.backends.base import Streams, TtySize
from bot_bottle.bottles.attach import Attachment, Exited, connect
from bot_bottle.bottles.fork import pipes
from bot_bottle.bottles.relay import Relay
from bot_bottle.bottles.status import read_status
from bot_bottle.guest import frames
from bot_bottle.guest.frames import Message
from bot_bottle.host import paths

Env = tuple[tuple[str, str], ...]


def exec_in(slug: str, command: tuple[str, ...], *, terminal: TtySize | None, env: Env, cwd: str | None) -> Exited:
    """Run it to its end and return its exit code."""
    if terminal is not None:
        channel = connect(read_status(slug), paths.bottle_dir(slug))
        ended = Attachment(channel, _hello(command, env, cwd), detachable=False).run()
        return ended if isinstance(ended, Exited) else Exited(code=129)
    channel, outer = open_streams(slug, command, env=env, cwd=cwd)
    own = Streams(stdin=sys.stdin.fileno(), stdout=sys.stdout.fileno(), stderr=sys.stderr.fileno())
    last = Relay(channel, outer, own=own).run()
    return Exited(code=int(last.get("code", 1)), why=str(last.get("why", "")))


def open_streams(slug: str, command: tuple[str, ...], *, env: Env, cwd: str | None) -> tuple[socket.socket, Streams]:
    """Ask for the command: the keeper's channel, which tells its end, and our ends of its streams; the caller's to close."""
    channel = connect(read_status(slug), paths.bottle_dir(slug))
    inner, outer = pipes()
    try:
        frames.send(channel, _hello(command, env, cwd), (inner.stdin, inner.stdout, inner.stderr))
    except BaseException:
        channel.close()
        for descriptor in (outer.stdin, outer.stdout, outer.stderr):
            os.close(descriptor)
        raise
    finally:
        for descriptor in (inner.stdin, inner.stdout, inner.stderr):
            os.close(descriptor)
    return channel, outer


def _hello(command: tuple[str, ...], env: Env, cwd: str | None) -> Message:
    return {"op": "exec", "argv": list(command), "env": [list(pair) for pair in env], "cwd": cwd}
