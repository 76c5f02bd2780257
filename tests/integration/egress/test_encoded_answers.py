"""Servers that compress although they are asked not to, and servers that echo a credential into a WebSocket."""

import gzip
import socket
import zlib
from collections.abc import Callable

import brotli
import pytest
import zstandard
from wire import HOST, Scene, allow, credential, header, read_answer, read_exactly, read_head

from bot_bottle.gates.egress.compose import websocket_accept

GET = f"GET /v1/x HTTP/1.1\r\nHost: {HOST}\r\nAccept-Encoding: gzip, br\r\n\r\n"
SECRET = "sk-live-0123456789abcdef/+=="
PAGE = f"<p>{SECRET}</p>".encode() + b"a line of it\n" * 20_000 + SECRET.encode()
MASKED = PAGE.replace(SECRET.encode(), b"*" * len(SECRET))
CODINGS = {"gzip": gzip.compress, "deflate": zlib.compress, "br": brotli.compress, "zstd": zstandard.compress}


def by_length(packed: bytes) -> bytes:
    return b"Content-Length: %d\r\n\r\n%b" % (len(packed), packed)


def in_chunks(packed: bytes) -> bytes:
    half = len(packed) // 2
    parts = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in (packed[:half], packed[half:]))
    return b"Transfer-Encoding: chunked\r\n\r\n" + parts + b"0\r\n\r\n"


def until_closed(packed: bytes) -> bytes:
    return b"Connection: close\r\n\r\n" + packed


def answering(coding: str, content: bytes, framing: Callable[[bytes], bytes] = by_length) -> Callable[[socket.socket], None]:
    def talk(connection: socket.socket) -> None:
        buffer = bytearray()
        while head := read_head(connection, buffer):
            assert header(head, "accept-encoding") == "identity"
            connection.sendall(
                f'HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\nETag: "{SECRET}"\r\n'.encode()
                + framing(CODINGS[coding](content))
            )
            if framing is until_closed:
                return

    return talk


@pytest.mark.parametrize("framing", [by_length, in_chunks, until_closed], ids=lambda one: one.__name__)
@pytest.mark.parametrize("coding", sorted(CODINGS))
def test_an_encoded_answer_arrives_plain_and_scrubbed(stage: Scene, coding: str, framing: Callable[[bytes], bytes]) -> None:
    stage.serve(answering(coding, PAGE, framing))
    stage.start(stage.plan(allow(), credentials=(credential(),)), values={"key": SECRET})
    answer = stage.ask(GET.encode())
    assert answer.status == 200
    assert answer.body == MASKED
    assert header(answer.head, "content-encoding") is None
    assert header(answer.head, "content-length") is None
    assert SECRET.encode() not in answer.head


def test_the_connection_goes_on_after_an_encoded_answer(stage: Scene) -> None:
    server = stage.serve(answering("gzip", PAGE))
    stage.start(stage.plan(allow(), credentials=(credential(),)), values={"key": SECRET})
    with stage.open() as connection:
        for _ in range(3):
            connection.sendall(GET.encode())
            assert read_answer(connection).body == MASKED
    assert server.accepted == 1


def test_a_client_of_http_1_0_gets_it_until_the_connection_closes(stage: Scene) -> None:
    stage.serve(answering("gzip", PAGE))
    stage.start(stage.plan(allow(), credentials=(credential(),)), values={"key": SECRET})
    answer = stage.ask(GET.replace("HTTP/1.1", "HTTP/1.0").encode())
    assert answer.body == MASKED
    assert header(answer.head, "transfer-encoding") is None


def test_an_answer_to_head_says_what_get_would(stage: Scene) -> None:
    def talk(connection: socket.socket) -> None:
        read_head(connection, bytearray())
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 77\r\n\r\n")

    stage.serve(talk)
    stage.start(stage.plan(allow(), credentials=(credential(),)), values={"key": SECRET})
    with stage.open() as connection:
        connection.sendall(GET.replace("GET", "HEAD").encode())
        head = read_head(connection, bytearray())
    assert (header(head, "content-encoding"), header(head, "content-length")) == ("gzip", "77")


@pytest.mark.parametrize("coding", ["br", "gzip", "compress", "aes128gcm"])
def test_an_answer_that_cannot_be_decoded_is_refused(stage: Scene, coding: str) -> None:
    def talk(connection: socket.socket) -> None:
        read_head(connection, bytearray())
        connection.sendall(
            f"HTTP/1.1 200 OK\r\nContent-Encoding: {coding}\r\nContent-Length: 7\r\n\r\n\xffnot it".encode("latin-1")
        )

    stage.serve(talk)
    stage.start(stage.plan(allow(), credentials=(credential(),)), values={"key": SECRET})
    answer = stage.ask(GET.encode())
    assert answer.status == 502
    assert b"no single reading" in answer.body


def test_an_answer_without_a_credential_stays_as_it_is(stage: Scene) -> None:
    packed = gzip.compress(PAGE)

    def talk(connection: socket.socket) -> None:
        assert header(read_head(connection, bytearray()), "accept-encoding") == "gzip, br"
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n" + by_length(packed))

    stage.serve(talk)
    stage.start(stage.plan(allow()))
    answer = stage.ask(GET.encode())
    assert (answer.body, header(answer.head, "content-encoding")) == (packed, "gzip")


def frame(payload: bytes, *, first: int) -> bytes:
    return bytes([first, len(payload)]) + payload


def test_a_credential_that_a_server_puts_into_frames_is_masked(stage: Scene) -> None:
    half = len(SECRET) // 2
    sent = [
        frame(b"<" + SECRET[:half].encode(), first=0x01),
        frame(SECRET.encode(), first=0x89),
        frame(SECRET[half:].encode() + b">", first=0x80),
    ]

    def talk(connection: socket.socket) -> None:
        head = read_head(connection, bytearray())
        assert header(head, "sec-websocket-extensions") is None
        assert SECRET in head.decode()
        proof = websocket_accept(header(head, "sec-websocket-key") or "")
        fields = f"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {proof}\r\nX: {SECRET}\r\n"
        connection.sendall(f"HTTP/1.1 101 x\r\n{fields}\r\n".encode())
        for one in sent:
            connection.sendall(one)
        connection.recv(100)

    stage.serve(talk)
    stage.start(stage.plan(allow(), credentials=(credential(),)), values={"key": SECRET})
    upgrade = (
        f"GET /ws HTTP/1.1\r\nHost: {HOST}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Extensions: permessage-deflate\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    with stage.open() as connection:
        buffer = bytearray()
        connection.sendall(upgrade.encode())
        assert SECRET.encode() not in read_head(connection, buffer)
        got = read_exactly(connection, buffer, sum(map(len, sent)))
    masked = b"*" * len(SECRET)
    expected = [
        frame(b"<" + masked[:half], first=0x01),
        frame(masked, first=0x89),
        frame(masked[half:] + b">", first=0x80),
    ]
    assert got == b"".join(expected)
