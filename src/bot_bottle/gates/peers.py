"""A listening Unix socket that serves one process of this host only: whoever else connects is dropped unread."""

import contextlib
import socket
import struct

STRANGERS_AT_ONCE = 64
"""Dropped in one turn of the loop; more wait for the next."""


class OnlyFrom(socket.socket):
    """Takes over the descriptor of a listening socket. `peer` is the process (SO_PEERCRED, unix(7)) that may connect.

    The kernel notes the process at connect(2), so a number that was given to another process later is not taken for it
    as long as the first one lives; the keeper ends the bottle, and with it this socket, when it does not.
    """

    def __init__(self, descriptor: int, peer: int) -> None:
        super().__init__(fileno=descriptor)
        self._peer = peer

    def accept(self) -> tuple[socket.socket, object]:
        """The next connection of the peer. BlockingIOError when there is none, as any listener that does not block."""
        for _ in range(STRANGERS_AT_ONCE):
            connection, address = super().accept()
            if peer_of(connection) == self._peer:
                return connection, address
            connection.close()
        raise BlockingIOError


def peer_of(connection: socket.socket) -> int:
    """The process that connected, 0 when the kernel does not say."""
    with contextlib.suppress(OSError):
        packed = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        return int(struct.unpack("3i", packed)[0])
    return 0
