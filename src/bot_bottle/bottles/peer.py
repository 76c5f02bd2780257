"""One connection to the keeper: frames in and out without ever blocking it. A client that stops reading is dropped."""

import array
import contextlib
import json
import os
import socket

from bot_bottle.guest.frames import DESCRIPTOR_LIMIT, FRAME_LIMIT, BrokenFrame, Message

BACKLOG_LIMIT = 8 * 1024 * 1024
"""Bytes that may wait for a slow client (a suspended `attach`) before it is let go."""


class Peer:
    """A non-blocking connection that speaks `guest.frames`."""

    def __init__(self, channel: socket.socket) -> None:
        channel.setblocking(False)
        self._channel = channel
        self._incoming = bytearray()
        self._outgoing = bytearray()
        self.descriptors: list[int] = []
        self.is_open = True

    def fileno(self) -> int:
        """The socket's descriptor."""
        return self._channel.fileno()

    @property
    def has_backlog(self) -> bool:
        """Whether something waits to be written."""
        return bool(self._outgoing)

    def read(self) -> list[Message]:
        """The whole frames that have arrived; closes itself at the end of the stream or on nonsense."""
        space = socket.CMSG_SPACE(DESCRIPTOR_LIMIT * 4)
        try:
            part, ancillary, flags, _ = self._channel.recvmsg(1 << 16, space, socket.MSG_CMSG_CLOEXEC)
        except BlockingIOError:
            return []
        except OSError:
            part, ancillary, flags = b"", [], 0
        for level, kind, content in ancillary:
            if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                arrived = array.array("i")
                arrived.frombytes(content[: len(content) - len(content) % arrived.itemsize])
                self.descriptors.extend(arrived)
        if not part or flags & socket.MSG_CTRUNC or len(self.descriptors) > DESCRIPTOR_LIMIT:
            self.close()
            return []
        self._incoming += part
        try:
            return self._whole_frames()
        except BrokenFrame:
            self.close()
            return []

    def _whole_frames(self) -> list[Message]:
        messages: list[Message] = []
        while len(self._incoming) >= 4:
            size = int.from_bytes(self._incoming[:4], "big")
            if size > FRAME_LIMIT:
                raise BrokenFrame("too large")
            if len(self._incoming) < 4 + size:
                break
            try:
                message = json.loads(bytes(self._incoming[4 : 4 + size]))
            except ValueError as error:
                raise BrokenFrame(str(error)) from error
            if not isinstance(message, dict):
                raise BrokenFrame("not an object")
            del self._incoming[: 4 + size]
            messages.append(message)
        return messages

    def take_descriptors(self) -> list[int]:
        """The descriptors that came along; the caller's to close."""
        taken, self.descriptors = self.descriptors, []
        return taken

    def send(self, message: Message) -> None:
        """Queue a frame and write what the socket takes now."""
        body = json.dumps(message, separators=(",", ":")).encode()
        self._outgoing += len(body).to_bytes(4, "big") + body
        self.flush()
        if len(self._outgoing) > BACKLOG_LIMIT:
            self._give_up()

    def flush(self) -> None:
        """Write what the socket takes now; drops it when the other end is gone."""
        try:
            while self._outgoing:
                del self._outgoing[: self._channel.send(self._outgoing)]
        except BlockingIOError:
            return
        except OSError:
            self._give_up()

    def _give_up(self) -> None:
        """Write no more. The socket stays open until `read` sees its end, so that its number cannot be taken meanwhile:
        a selector still knows it by that number.
        """
        self._outgoing.clear()
        with contextlib.suppress(OSError):
            self._channel.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the socket and every descriptor not taken; harmless twice."""
        self.is_open = False
        self._outgoing.clear()
        for descriptor in self.take_descriptors():
            os.close(descriptor)
        self._channel.close()
