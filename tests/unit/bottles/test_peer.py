"""A keeper's connection to a client that goes away or stops reading."""

import os
import socket

from bot_bottle.bottles.peer import BACKLOG_LIMIT, Peer


def test_a_peer_whose_client_is_gone_keeps_its_descriptor_until_the_end_is_read() -> None:
    ours, theirs = socket.socketpair()
    peer = Peer(ours)
    theirs.close()
    peer.send({"type": "output"})
    number = peer.fileno()
    assert number >= 0, "another connection could get this number while a selector still knows it"
    os.fstat(number)
    assert peer.read() == []
    assert not peer.is_open
    assert peer.fileno() == -1


def test_a_client_that_reads_nothing_is_let_go() -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        peer = Peer(ours)
        for _ in range(10):
            peer.send({"type": "output", "latin1": "x" * (BACKLOG_LIMIT // 8)})
        assert not peer.has_backlog
        while peer.is_open:
            peer.read()
        assert peer.fileno() == -1


def test_frames_arrive_whole_however_they_are_cut() -> None:
    ours, theirs = socket.socketpair()
    peer = Peer(ours)
    body = b'{"type":"resize","rows":2}'
    frame = len(body).to_bytes(4, "big") + body
    with theirs:
        got = []
        for byte in frame + frame:
            theirs.send(bytes([byte]))
            got += peer.read()
    assert got == [{"type": "resize", "rows": 2}] * 2
    peer.close()


def test_nonsense_closes_the_connection() -> None:
    for nonsense in (b"\xff\xff\xff\xff", (4).to_bytes(4, "big") + b"nope", (2).to_bytes(4, "big") + b"[]"):
        ours, theirs = socket.socketpair()
        with theirs:
            peer = Peer(ours)
            theirs.send(nonsense)
            assert peer.read() == []
            assert not peer.is_open
