"""Runs one more command inside a running bottle, on this process's own streams or on its terminal."""

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


def exec_in(
    slug: str, command: tuple[str, ...], *, terminal: TtySize | None, env: tuple[tuple[str, str], ...], cwd: str | None
) -> Exited:
    """Run it to its end and return its exit code."""
    channel = connect(read_status(slug), paths.bottle_dir(slug))
    hello: Message = {"op": "exec", "argv": list(command), "env": [list(pair) for pair in env], "cwd": cwd}
    if terminal is not None:
        ended = Attachment(channel, hello, detachable=False).run()
        return ended if isinstance(ended, Exited) else Exited(code=129)
    return _on_streams(channel, hello)


def _on_streams(channel: socket.socket, hello: Message) -> Exited:
    inner, outer = pipes()
    frames.send(channel, hello, (inner.stdin, inner.stdout, inner.stderr))
    for descriptor in (inner.stdin, inner.stdout, inner.stderr):
        os.close(descriptor)
    own = Streams(stdin=sys.stdin.fileno(), stdout=sys.stdout.fileno(), stderr=sys.stderr.fileno())
    ended = Relay(channel, outer, own=own).run()
    return Exited(code=int(ended.get("code", 1)), why=str(ended.get("why", "")))
