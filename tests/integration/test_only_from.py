"""Gates of a machine serve its process only: real sockets, real processes."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bot_bottle.gates.peers import OnlyFrom

CONNECT = "import socket, sys; s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); print(s.recv(10))"


@pytest.fixture
def listening(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "gate"))
        listener.listen(200)
        listener.setblocking(False)
        yield listener


def connected(listener: socket.socket) -> socket.socket:
    channel = socket.socket(socket.AF_UNIX)
    channel.connect(listener.getsockname())
    return channel


def test_connection_of_the_peer_is_served(listening: socket.socket) -> None:
    with OnlyFrom(os.dup(listening.fileno()), os.getpid()) as gate, connected(listening) as channel:
        served, _ = gate.accept()
        with served:
            served.sendall(b"hello")
        assert channel.recv(10) == b"hello"


def test_connection_of_another_process_is_dropped_unread(listening: socket.socket) -> None:
    words = (sys.executable, "-I", "-c", CONNECT, listening.getsockname())
    with OnlyFrom(os.dup(listening.fileno()), os.getpid()) as gate:
        stranger = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        gate.settimeout(20)
        with connected(listening) as channel:
            served, _ = gate.accept()
            served.close()
            assert channel.recv(1) == b""
        gate.setblocking(False)
        while stranger.poll() is None:
            with pytest.raises(BlockingIOError):
                gate.accept()
        assert stranger.stdout is not None
        assert b"b''" in stranger.stdout.read() or stranger.returncode != 0
        stranger.stdout.close()


def test_flood_of_strangers_does_not_hold_the_loop(listening: socket.socket) -> None:
    with OnlyFrom(os.dup(listening.fileno()), 1) as gate:
        channels = [connected(listening) for _ in range(100)]
        with pytest.raises(BlockingIOError):
            gate.accept()
        with pytest.raises(BlockingIOError):
            gate.accept()
        assert all(channel.recv(1) == b"" for channel in channels)
        for channel in channels:
            channel.close()
