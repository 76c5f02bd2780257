"""The operator's way to talk to a running bundle. Imports little: an approval should not wait for it."""

import os
import socket
from pathlib import Path
from typing import Any

from bot_bottle.errors import BottleError
from bot_bottle.guest.frames import BrokenFrame, Message, receive, send

ASK_TIMEOUT_S = 10.0
"""A gate answers at once; ten seconds mean that it hangs."""


def ask(control: Path, request: Message, *, timeout_s: float = ASK_TIMEOUT_S) -> Message:
    """Put one request to the bundle behind this control socket and return its answer. BottleError when it does not answer."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as channel:
        channel.settimeout(timeout_s)
        try:
            _at(control, channel.connect)
            send(channel, request)
            received = receive(channel)
        except (OSError, BrokenFrame) as error:
            raise BottleError("The bottle's gates do not answer.", facts=(f"{control}: {error}",)) from error
    if received is None:
        raise BottleError("The bottle's gates closed the connection without an answer.", facts=(str(control),))
    return received[0]


def _at(path: Path, act: "Any") -> None:  # Any: socket.bind or socket.connect
    """Bind or connect by a short name: sun_path holds 107 bytes (unix(7)), a stage dir may be longer."""
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        act(f"/proc/self/fd/{folder}/{path.name}")
    finally:
        os.close(folder)
