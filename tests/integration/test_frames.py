"""Frames between two ends of a socket pair: bounded, whole, and never a leaked descriptor."""

import os
import socket
from collections.abc import Iterator

import pytest

from bot_bottle.guest import frames

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    one, other = socket.socketpair()
    with one, other:
        yield one, other


def open_descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_message_and_descriptors_arrive_together(pair: Pair) -> None:
    null = os.open("/dev/null", os.O_RDONLY)
    frames.send(pair[0], {"a": [1, "ä"]}, (null, null))
    received = frames.receive(pair[1])
    assert received is not None
    message, descriptors = received
    assert message == {"a": [1, "ä"]}
    assert [os.readlink(f"/proc/self/fd/{one}") for one in descriptors] == ["/dev/null"] * 2
    assert not any(os.get_inheritable(one) for one in descriptors)
    for descriptor in (null, *descriptors):
        os.close(descriptor)


def test_frames_follow_each_other(pair: Pair) -> None:
    for number in range(3):
        frames.send(pair[0], {"n": number})
    assert [frames.receive(pair[1]) for _ in range(3)] == [({"n": number}, []) for number in range(3)]


def test_clean_end_is_none(pair: Pair) -> None:
    pair[0].shutdown(socket.SHUT_WR)
    assert frames.receive(pair[1]) is None


BROKEN = [
    b"\0\0\0\x05{}",
    b"\0\0",
    b"\xff\xff\xff\xff",
    (frames.FRAME_LIMIT + 1).to_bytes(4, "big"),
    b"\0\0\0\x02[]",
    b"\0\0\0\x01{",
    b"\0\0\0\x02\xff\xff",
    b"\0\0\0\x00",
    b"\0\0\0\x03nul",
]


@pytest.mark.parametrize("raw", BROKEN)
def test_broken_frame_is_refused_and_its_descriptors_closed(pair: Pair, raw: bytes) -> None:
    null = os.open("/dev/null", os.O_RDONLY)
    socket.send_fds(pair[0], [raw], [null, null])
    pair[0].shutdown(socket.SHUT_WR)
    before = open_descriptors()
    with pytest.raises(frames.BrokenFrame):
        frames.receive(pair[1])
    assert open_descriptors() == before
    os.close(null)


def test_too_many_descriptors_are_refused_and_closed(pair: Pair) -> None:
    null = os.open("/dev/null", os.O_RDONLY)
    socket.send_fds(pair[0], [b"\0\0\0\x02{}"], [null] * 40)
    before = open_descriptors()
    with pytest.raises(frames.BrokenFrame, match="more descriptors"):
        frames.receive(pair[1])
    assert open_descriptors() == before
    os.close(null)
