"""What one bottle may hold of the host: memory for what nobody reads, and the disk under the event log."""

import socket
import time
from collections.abc import Callable

import pytest
from wire import WAIT_S, Scene, allow, read_exactly, read_head

from bot_bottle.gates.egress.stream import POOL_LIMIT, SMALL_READ, Stream

PLAIN = "plain.example.com"
GET = f"GET /x HTTP/1.1\r\nHost: {PLAIN}\r\n\r\n".replace("/x", f"http://{PLAIN}/x", 1).encode()
CONNECTIONS = 80
BODY = 8 * 1024 * 1024
"""More than the kernel keeps for one connection on its own."""


def at_rest(value: Callable[[], int]) -> int:
    """The value once it has not changed for half a second."""
    last, since, deadline = value(), time.monotonic(), time.monotonic() + 4 * WAIT_S
    while time.monotonic() - since < 0.5:
        assert time.monotonic() < deadline
        time.sleep(0.02)
        if (now := value()) != last:
            last, since = now, time.monotonic()
    return last


def until(holds: Callable[[], bool]) -> None:
    """Wait for it."""
    deadline = time.monotonic() + WAIT_S
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def plain(stage: Scene) -> socket.socket:
    """A connection whose kernel keeps little."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.settimeout(WAIT_S)
    connection.connect(("127.0.0.1", stage.port))
    return connection


def test_downloads_that_nobody_reads_hold_little_memory_and_arrive_whole_when_read(stage: Scene) -> None:
    def talk(connection: socket.socket) -> None:
        connection.settimeout(6 * WAIT_S)
        while read_head(connection, bytearray()):
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % BODY + bytes(BODY))

    stage.serve(talk, host=PLAIN, port=80, tls=False)
    stage.start(stage.plan(allow(PLAIN, scheme="http", ports=(80,))))
    connections = [plain(stage) for _ in range(CONNECTIONS)]
    try:
        for connection in connections:
            connection.sendall(GET)
        until(lambda: Stream.waiting > POOL_LIMIT / 2)
        held = at_rest(lambda: Stream.waiting)
        assert held < POOL_LIMIT + CONNECTIONS * 2 * SMALL_READ
        for connection in connections:
            buffer = bytearray()
            assert read_head(connection, buffer).startswith(b"HTTP/1.1 200 ")
            assert len(read_exactly(connection, buffer, BODY)) == BODY
    finally:
        for connection in connections:
            connection.close()
    assert at_rest(lambda: Stream.waiting) == 0


def test_requests_behind_an_unanswered_one_are_left_in_the_kernel(stage: Scene) -> None:
    def talk(connection: socket.socket) -> None:
        read_head(connection, bytearray())
        connection.recv(1)

    stage.serve(talk, host=PLAIN, port=80, tls=False)
    stage.start(stage.plan(allow(PLAIN, scheme="http", ports=(80,))))
    with stage.dial() as connection:
        connection.sendall(GET)
        connection.setblocking(False)
        sent = 0
        deadline = time.monotonic() + 1.0
        while time.monotonic() < deadline:
            try:
                sent += connection.send(GET * 1000)
            except BlockingIOError:
                time.sleep(0.01)
        assert stage.gate is not None
        (client,) = stage.gate._clients
        assert len(client._buffer) <= 64 * 1024 + 2 * SMALL_READ
        assert sent > len(client._buffer)


@pytest.mark.parametrize("size", [1, BODY // 2], ids=["one byte", "half of it"])
def test_a_stream_that_is_given_up_leaves_the_count(stage: Scene, size: int) -> None:
    def talk(connection: socket.socket) -> None:
        read_head(connection, bytearray())
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % BODY + bytes(size))
        connection.recv(1)

    stage.serve(talk, host=PLAIN, port=80, tls=False)
    stage.start(stage.plan(allow(PLAIN, scheme="http", ports=(80,))))
    connection = plain(stage)
    connection.sendall(GET)
    at_rest(lambda: Stream.waiting)
    connection.close()
    assert at_rest(lambda: Stream.waiting) == 0
