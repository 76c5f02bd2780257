"""Frames of JSON over a Unix stream socket, with descriptors riding along. Both ends bound what they read.

A frame is a 4-byte big-endian length and that many bytes of UTF-8 JSON (an object). Descriptors travel as SCM_RIGHTS with
the frame's first byte. What the other end sends is untrusted: sizes and descriptor counts are checked here, fields by the caller.
"""

from __future__ import annotations

import _socket
import posix
import sys

from bot_bottle.guest.jsontext import dumps, loads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Message = dict[str, Any]  # Any: JSON
else:
    Message = dict  # typing takes 7 ms to import, socket 8, json 9, and this is on the way of every start

FRAME_LIMIT = 16 * 1024 * 1024
"""Largest frame in bytes; a policy with thousands of rules is below 1 MiB."""

DESCRIPTOR_LIMIT = 8
"""Most descriptors in one frame."""

INT_SIZE = 4
"""Bytes of a descriptor number in SCM_RIGHTS: C's int, four on every Linux."""


class BrokenFrame(Exception):
    """The other end closed in the middle of a frame, or sent what is no frame."""


def send(channel: _socket.socket, message: Message, descriptors: tuple[int, ...] = ()) -> None:
    """Send one frame. OSError when the other end is gone."""
    body = dumps(message).encode()
    frame = len(body).to_bytes(4, "big") + body
    rights = b"".join(descriptor.to_bytes(INT_SIZE, sys.byteorder) for descriptor in descriptors)
    ancillary = [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, rights)] if descriptors else []
    sent = channel.sendmsg([frame], ancillary)
    if sent < len(frame):
        channel.sendall(frame[sent:])


def receive(channel: _socket.socket) -> tuple[Message, list[int]] | None:
    """One frame and its descriptors (close-on-exec, the caller's to close); None at a clean end. Blocks."""
    head, descriptors = _receive_head(channel)
    if not head:
        return None
    try:
        body = _receive_exactly(channel, int.from_bytes(head, "big"))
        message = loads(body.decode())
        if not isinstance(message, dict):
            raise BrokenFrame("a frame must be a JSON object")
    except ValueError as error:
        _close(descriptors)
        raise BrokenFrame(str(error)) from error
    except (BrokenFrame, OSError):
        _close(descriptors)
        raise
    return message, descriptors


def _receive_head(channel: _socket.socket) -> tuple[bytes, list[int]]:
    space = _socket.CMSG_SPACE(DESCRIPTOR_LIMIT * INT_SIZE)
    head, ancillary, flags, _ = channel.recvmsg(4, space, _socket.MSG_CMSG_CLOEXEC)
    descriptors = []
    for level, kind, content in ancillary:
        if level == _socket.SOL_SOCKET and kind == _socket.SCM_RIGHTS:
            descriptors += memoryview(content[: len(content) - len(content) % INT_SIZE]).cast("i").tolist()
    try:
        if flags & _socket.MSG_CTRUNC:
            raise BrokenFrame("more descriptors than a frame may carry")
        if head and len(head) < 4:
            head += _receive_exactly(channel, 4 - len(head))
    except (BrokenFrame, OSError):
        _close(descriptors)
        raise
    return head, descriptors


def _receive_exactly(channel: _socket.socket, count: int) -> bytes:
    if count > FRAME_LIMIT:
        raise BrokenFrame(f"a frame of {count} bytes is over the limit of {FRAME_LIMIT}")
    parts = bytearray()
    while len(parts) < count:
        part = channel.recv(min(count - len(parts), 1 << 20))
        if not part:
            raise BrokenFrame("the other end closed in the middle of a frame")
        parts += part
    return bytes(parts)


def _close(descriptors: list[int]) -> None:
    for descriptor in descriptors:
        posix.close(descriptor)
