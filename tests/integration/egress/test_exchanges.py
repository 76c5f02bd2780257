"""Allowed traffic: what arrives at the server, what comes back, how soon, and what a change of policy does to it."""

import contextlib
import hashlib
import hmac
import os
import queue
import socket
import ssl
import threading
import time
from collections.abc import Callable, Sequence

import pytest
from wire import HOST, WAIT_S, Answer, Echo, Scene, allow, credential, deny, header, read_answer, read_exactly, read_head

from bot_bottle.gates.egress.compose import websocket_accept
from bot_bottle.gates.egress.plan import PROXY_LOGIN
from bot_bottle.manifest.spec import Credential, Target
from bot_bottle.record import replace

GET = f"GET /v1/x HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()
SECRET = "sk-live-0123456789abcdef/+=="


def until(true: Callable[[], bool]) -> None:
    """Wait for a condition."""
    deadline = time.monotonic() + WAIT_S
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_a_request_is_written_anew(stage: Scene) -> None:
    echo = Echo()
    stage.serve(echo)
    stage.start(stage.plan(allow()))
    raw = (
        f"POST /a%62c/./d?x=%2f&y HTTP/1.1\r\nX-One:\t two  \r\nhost: {HOST.upper()}.\r\nConnection: X-Gone, keep-alive\r\n"
        "X-Gone: 1\r\nKeep-Alive: 5\r\nProxy-Connection: x\r\nProxy-Authorization: Basic eDp5\r\nTE: trailers\r\nUpgrade: h2c\r\n"
        "HTTP2-Settings: x\r\nX-Forwarded-Host: evil.example.com\r\nForwarded: host=evil\r\nVia: x\r\nContent-Length: 2\r\n\r\nhi"
    )
    stage.ask(raw.encode())
    assert echo.heads == [f"POST /abc/d?x=%2f&y HTTP/1.1\r\nHost: {HOST}\r\nX-One: two\r\nContent-Length: 2\r\n\r\n".encode()]
    assert echo.bodies == [b"hi"]


def test_both_connections_are_kept(stage: Scene) -> None:
    echo = Echo()
    server = stage.serve(echo)
    stage.start(stage.plan(allow()))
    for _ in range(2):
        with stage.open() as connection:
            for _ in range(3):
                connection.sendall(GET)
                assert read_answer(connection).status == 200
    assert (len(echo.heads), server.accepted) == (6, 1)


def test_a_chunked_body_arrives_in_chunks(stage: Scene) -> None:
    echo = Echo()
    stage.serve(echo)
    stage.start(stage.plan(allow()))
    with stage.open() as connection:
        connection.sendall(f"POST / HTTP/1.1\r\nHost: {HOST}\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
        for piece in (b"5\r", b"\nhel", b"lo\r\n", b"6\r\n world\r\n0\r\n", b"\r\n"):
            connection.sendall(piece)
        assert read_answer(connection).status == 200
    assert echo.bodies == [b"hello world"]


@pytest.mark.parametrize(
    ("answer", "body", "keeps"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", b"hello", True),
        (b"HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n0\r\nX: y\r\n\r\n", b"hello", True),
        (b"HTTP/1.0 200 OK\r\n\r\nhello", b"hello", False),
        (b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello", b"hello", False),
        (
            b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n"
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
            b"ok",
            True,
        ),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b"", True),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 500\r\n\r\n", b"", True),
        (b"HTTP/1.1 500 Bad\r\nContent-Length: 3\r\n\r\nbad", b"bad", True),
    ],
    ids=["length", "chunks", "HTTP/1.0", "until close", "early hints", "204", "304", "500"],
)
def test_an_answer_is_framed_anew_and_the_connection_goes_on(stage: Scene, answer: bytes, body: bytes, keeps: bool) -> None:
    def talk(connection: socket.socket) -> None:
        read_head(connection, bytearray())
        connection.sendall(answer)

    stage.serve(talk)
    stage.start(stage.plan(allow()))
    with stage.open() as connection:
        for _ in range(2 if keeps else 1):
            connection.sendall(GET)
            got = read_raw_answer(connection, len(body))
            assert got.body == body
            assert b"Early" not in got.head
            assert (header(got.head, "connection") == "close") is not keeps


def read_raw_answer(connection: socket.socket, length: int) -> Answer:
    """An answer whose status may have no body in spite of its length."""
    buffer = bytearray()
    head = read_head(connection, buffer)
    if int(head.split()[1]) in {204, 304}:
        return Answer(status=int(head.split()[1]), head=head, body=bytes(buffer))
    joined = bytearray(head + buffer)
    return read_answer(connection, joined)


def test_head_has_a_length_and_no_body(stage: Scene) -> None:
    stage.serve(Echo())
    stage.start(stage.plan(allow()))
    with stage.open() as connection:
        connection.sendall(f"HEAD / HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode() + GET)
        buffer = bytearray()
        assert int(header(read_head(connection, buffer), "content-length") or 0) > 50
        assert read_answer(connection, buffer).status == 200


def test_an_old_client_gets_a_plain_body_and_the_end(stage: Scene) -> None:
    def talk(connection: socket.socket) -> None:
        read_head(connection, bytearray())
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n")

    stage.serve(talk)
    stage.start(stage.plan(allow()))
    with stage.open() as connection:
        connection.sendall(f"GET / HTTP/1.0\r\nHost: {HOST}\r\n\r\n".encode())
        answer = read_answer(connection)
    assert answer.body == b"hello"
    assert header(answer.head, "transfer-encoding") is None
    assert header(answer.head, "connection") == "close"


def test_continue_is_answered_by_the_gate_after_its_decision(stage: Scene) -> None:
    echo = Echo()
    stage.serve(echo)
    stage.start(stage.plan(allow(paths=("/v1/**",))))
    ask = f"POST %s HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"
    with stage.open() as connection:
        connection.sendall((ask % "/v1/x").encode())
        assert read_head(connection, bytearray()) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"hello")
        assert read_answer(connection).status == 200
    with stage.open() as connection:
        connection.sendall((ask % "/v2/x").encode())
        assert read_answer(connection).status == 403
    assert header(echo.heads[0], "expect") is None


def test_an_event_stream_is_passed_on_event_by_event(stage: Scene) -> None:
    go: queue.Queue[bytes] = queue.Queue()

    def talk(connection: socket.socket) -> None:
        read_head(connection, bytearray())
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n")
        while event := go.get(timeout=WAIT_S):
            connection.sendall(b"%x\r\n%b\r\n" % (len(event), event))

    stage.serve(talk)
    stage.start(stage.plan(allow(), credentials=(credential(),)), values={"key": SECRET})
    with stage.open() as connection:
        connection.sendall(GET)
        buffer = bytearray()
        read_head(connection, buffer)
        for number in range(5):
            event = f"data: {number}\n\n".encode()
            go.put(event)
            assert read_exactly(connection, buffer, len(event) + 5) == b"%x\r\n%b\r\n" % (len(event), event)
        go.put(b"")


def test_large_bodies_arrive_whole_both_ways(stage: Scene) -> None:
    content = os.urandom(12_000_000)

    def talk(connection: socket.socket) -> None:
        buffer = bytearray()
        head = read_head(connection, buffer)
        body = read_exactly(connection, buffer, int(header(head, "content-length") or 0))
        assert hashlib.sha256(body).digest() == hashlib.sha256(content).digest()
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)

    stage.serve(talk)
    stage.start(stage.plan(allow()))
    with stage.open() as connection:
        connection.sendall(f"PUT /big HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: {len(content)}\r\n\r\n".encode() + content)
        answer = read_answer(connection)
    assert hashlib.sha256(answer.body).digest() == hashlib.sha256(content).digest()


def test_a_client_that_does_not_read_does_not_fill_the_gate(stage: Scene) -> None:
    sent = 0

    def talk(connection: socket.socket) -> None:
        nonlocal sent
        read_head(connection, bytearray())
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n")
        connection.settimeout(1.0)
        part = bytes(1_000_000)
        while sent < 1_000_000_000:
            connection.sendall(part)
            sent += len(part)

    stage.serve(talk)
    stage.start(stage.plan(allow()))
    with stage.open() as connection:
        connection.sendall(GET)
        read_head(connection, bytearray())
        last = -1
        while sent != last:
            last = sent
            time.sleep(0.5)  # it must have come to rest: half a second without a further megabyte
    assert sent < 100_000_000


def test_an_early_answer_ends_the_upload(stage: Scene) -> None:
    def talk(connection: socket.socket) -> None:
        read_head(connection, bytearray())
        connection.sendall(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno")
        connection.recv(1)

    stage.serve(talk)
    stage.start(stage.plan(allow()))
    with stage.open() as connection:
        connection.sendall(f"PUT / HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 1000000\r\n\r\n".encode() + bytes(1000))
        answer = read_answer(connection)
        assert (answer.status, answer.body) == (413, b"no")
        assert header(answer.head, "connection") == "close"


def test_a_kept_connection_that_was_closed_is_replaced_once(stage: Scene) -> None:
    served = 0

    def talk(connection: socket.socket) -> None:
        nonlocal served
        buffer = bytearray()
        read_head(connection, buffer)
        served += 1
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        if served == 1:
            read_head(connection, buffer)  # the second request comes, and gets nothing

    server = stage.serve(talk)
    stage.start(stage.plan(allow()))
    with stage.open() as connection:
        for _ in range(2):
            connection.sendall(GET)
            assert read_answer(connection).status == 200
    assert server.accepted == 2
    assert [event["verdict"] for event in stage.decisions()] == ["allow", "allow"]


def test_a_post_is_never_sent_twice(stage: Scene) -> None:
    heads = 0

    def talk(connection: socket.socket) -> None:
        nonlocal heads
        buffer = bytearray()
        read_head(connection, buffer)
        heads += 1
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
        if read_head(connection, buffer):
            heads += 1

    stage.serve(talk)
    stage.start(stage.plan(allow()))
    post = GET.replace(b"GET", b"POST").replace(b"\r\n\r\n", b"\r\nContent-Length: 0\r\n\r\n")
    with stage.open() as connection:
        connection.sendall(post)
        assert read_answer(connection).status == 200
        connection.sendall(post)
        assert read_answer(connection).status == 502
    assert heads == 2


# Credentials


def test_a_credential_replaces_whatever_the_bottle_put_in_its_place(stage: Scene) -> None:
    echo = Echo()
    stage.serve(echo)
    key = credential(format="Bearer {value}")
    stage.start(stage.plan(allow(), credentials=(key,)), values={"key": SECRET})
    raw = f"GET / HTTP/1.1\r\nHost: {HOST}\r\nAUTHORIZATION: Bearer stolen\r\nAccept-Encoding: br, gzip\r\n\r\n".encode()
    answer = stage.ask(raw)
    assert header(echo.heads[0], "authorization") == f"Bearer {SECRET}"
    assert header(echo.heads[0], "accept-encoding") == "identity"
    assert b"stolen" not in echo.heads[0]
    assert SECRET.encode() not in answer.body
    assert stage.decisions()[0]["credentials"] == ["key"]
    assert SECRET not in str(stage.events)


@pytest.mark.parametrize(
    "key",
    [
        credential(host="other.example.com"),
        credential(ports=(8443,)),
        credential(paths=("/v2/**",)),
        credential(methods=("POST",)),
    ],
    ids=["host", "port", "path", "method"],
)
def test_a_credential_for_something_else_is_not_set(stage: Scene, key: Credential) -> None:
    echo = Echo()
    stage.serve(echo)
    stage.start(stage.plan(allow(), credentials=(key,)), values={"key": SECRET})
    assert stage.ask(GET).status == 200
    assert SECRET.encode() not in echo.heads[0]


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_an_echoed_credential_never_reaches_the_bottle(stage: Scene, size: int) -> None:
    reflected = f"<p>{SECRET}</p>{SECRET}{SECRET[:9]}".encode()

    def talk(connection: socket.socket) -> None:
        read_head(connection, bytearray())
        connection.sendall(f"HTTP/1.1 200 OK\r\nX-Echo: {SECRET}\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
        for start in range(0, len(reflected), size):
            part = reflected[start : start + size]
            connection.sendall(b"%x\r\n%b\r\n" % (len(part), part))
        connection.sendall(b"0\r\n\r\n")

    stage.serve(talk)
    stage.start(stage.plan(allow(), credentials=(credential(),)), values={"key": SECRET})
    answer = stage.ask(GET)
    assert len(answer.body) == len(reflected)
    assert SECRET.encode() not in answer.head + answer.body
    assert answer.body.endswith(SECRET[:9].encode())


def test_a_request_to_aws_is_signed_anew_over_what_the_server_gets(stage: Scene) -> None:
    echo = Echo()
    stage.serve(echo)
    aws = replace(credential(), to=(Target(host=HOST, slot="sigv4", name="s3", format="us-east-1"),))
    stage.start(stage.plan(allow(), credentials=(aws,)), values={"key": f"AKIDEXAMPLE:{SECRET}"})
    scope = "us-east-1/s3/aws4_request"
    mine = f"Authorization: AWS4-HMAC-SHA256 Credential=none/20130524/{scope}, SignedHeaders=host, Signature=00"
    answer = stage.ask(f"GET /a%20b?z=1&a=2 HTTP/1.1\r\nHost: {HOST}\r\nX-Amz-Meta-A: 1\r\n{mine}\r\n\r\n".encode())
    assert answer.status == 200, answer.body
    stamp = header(echo.heads[0], "x-amz-date") or ""
    empty = hashlib.sha256(b"").hexdigest()
    names = "host;x-amz-content-sha256;x-amz-date;x-amz-meta-a"
    fields = [f"host:{header(echo.heads[0], 'host')}", f"x-amz-content-sha256:{empty}", f"x-amz-date:{stamp}", "x-amz-meta-a:1"]
    canonical = "\n".join(["GET", "/a%20b", "a=2&z=1", *fields, "", names, empty])
    digest = hashlib.sha256(canonical.encode()).hexdigest()
    key = f"AWS4{SECRET}".encode()
    for part in (stamp[:8], *scope.split("/"), f"AWS4-HMAC-SHA256\n{stamp}\n{stamp[:8]}/{scope}\n{digest}"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    proof = f"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/{stamp[:8]}/{scope}, SignedHeaders={names}, Signature={key.hex()}"
    assert header(echo.heads[0], "authorization") == proof
    assert SECRET.encode() not in echo.heads[0]


def test_a_copy_of_another_object_is_not_signed(stage: Scene) -> None:
    aws = replace(credential(), to=(Target(host=HOST, slot="sigv4", name="s3", format="us-east-1"),))
    stage.serve(echo := Echo())
    stage.start(stage.plan(allow(), credentials=(aws,)), values={"key": f"AKIDEXAMPLE:{SECRET}"})
    copying = f"PUT /mine HTTP/1.1\r\nHost: {HOST}\r\nX-Amz-Copy-Source: /other/x\r\nContent-Length: 0\r\n\r\n"
    answer = stage.ask(copying.encode())
    assert answer.status == 403
    assert b"does not sign it" in answer.body
    assert echo.heads == []


def test_a_redirect_carries_no_credential_to_another_host(stage: Scene) -> None:
    other = Echo()

    def talk(connection: socket.socket) -> None:
        read_head(connection, bytearray())
        connection.sendall(b"HTTP/1.1 302 Found\r\nLocation: https://other.example.com/\r\nContent-Length: 0\r\n\r\n")

    stage.serve(talk)
    stage.serve(other, host="other.example.com")
    stage.start(stage.plan(allow(), allow("other.example.com"), credentials=(credential(),)), values={"key": SECRET})
    assert stage.ask(GET).status == 302
    assert stage.ask(GET.replace(HOST.encode(), b"other.example.com"), authority="other.example.com:443").status == 200
    assert SECRET.encode() not in other.heads[0]


def test_a_credential_is_never_sent_by_plain_http(stage: Scene) -> None:
    echo = Echo()

    async def lookup(host: str) -> Sequence[str]:
        return ["127.0.0.1"]

    server = stage.serve(echo, tls=False, port=80)
    rule = allow(scheme="http", ports=(server.port,), addresses=("127.0.0.1/32",))
    key = credential(ports=(server.port,))
    stage.start(stage.plan(rule, credentials=(key,), pins=False), values={"key": SECRET}, lookup=lookup)
    with stage.dial() as connection:
        connection.sendall(f"GET http://{HOST}:{server.port}/ HTTP/1.1\r\nHost: {HOST}:{server.port}\r\n\r\n".encode())
        answer = read_answer(connection)
    assert answer.status == 403
    assert "plain http" in answer.json["reason"]
    assert not echo.heads


# WebSocket


def frame(payload: bytes, *, masked: bool) -> bytes:
    head = bytes([0x82, (0x80 if masked else 0) | len(payload)])
    return head + (bytes(4) if masked else b"") + payload


def talk_websocket(connection: socket.socket) -> None:
    buffer = bytearray()
    head = read_head(connection, buffer)
    proof = websocket_accept(header(head, "sec-websocket-key") or "")
    connection.sendall(
        f"HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {proof}\r\n\r\n".encode()
    )
    connection.sendall(frame(b"hello", masked=False))
    while len(got := read_exactly(connection, buffer, 6 + 4)) == 10:
        connection.sendall(frame(got[6:], masked=False))


UPGRADE = (
    f"GET /ws HTTP/1.1\r\nHost: {HOST}\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
).encode()


def open_websocket(stage: Scene) -> tuple[ssl.SSLSocket, bytearray]:
    connection, buffer = stage.open(), bytearray()
    connection.sendall(UPGRADE)
    head = read_head(connection, buffer)
    assert head.startswith(b"HTTP/1.1 101 ")
    assert header(head, "sec-websocket-accept") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    assert read_exactly(connection, buffer, 7) == frame(b"hello", masked=False)
    return connection, buffer


def test_websocket_frames_go_both_ways(stage: Scene) -> None:
    stage.serve(talk_websocket)
    stage.start(stage.plan(allow()))
    connection, buffer = open_websocket(stage)
    with connection:
        for number in range(3):
            connection.sendall(frame(b"abc%d" % number, masked=True))
            assert read_exactly(connection, buffer, 6) == frame(b"abc%d" % number, masked=False)
    until(lambda: stage.events[-1]["event"] == "done")
    assert stage.events[-1]["status"] == 101


def test_after_a_101_nothing_but_frames_is_passed_on(stage: Scene) -> None:
    received = bytearray()

    def talk(connection: socket.socket) -> None:
        buffer = bytearray()
        read_head(connection, buffer)
        proof = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
        connection.sendall(
            f"HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {proof}\r\n\r\n".encode()
        )
        connection.sendall(frame(b"hello", masked=False))
        while part := connection.recv(1000):
            received.extend(part)

    stage.serve(talk)
    stage.start(stage.plan(allow()))
    connection, _ = open_websocket(stage)
    with connection:
        connection.sendall(b"GET /admin HTTP/1.1\r\nHost: internal\r\n\r\n")
        assert read_answer(connection).status == 0
    assert not received
    assert [event["verdict"] for event in stage.decisions()] == ["allow", "deny"]


def test_a_rule_can_refuse_websockets(stage: Scene) -> None:
    stage.serve(talk_websocket)
    stage.start(stage.plan(allow(websocket=False)))
    assert stage.ask(UPGRADE).status == 403


@pytest.mark.parametrize("proof", ["", "AAAAAAAAAAAAAAAAAAAAAAAAAAA="])
def test_a_server_must_prove_that_it_speaks_websocket(stage: Scene, proof: str) -> None:
    def talk(connection: socket.socket) -> None:
        read_head(connection, bytearray())
        connection.sendall(
            f"HTTP/1.1 101 x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {proof}\r\n\r\n".encode()
        )

    stage.serve(talk)
    stage.start(stage.plan(allow()))
    assert stage.ask(UPGRADE).status == 502


def test_an_upgrade_to_something_else_is_left_out(stage: Scene) -> None:
    echo = Echo()
    stage.serve(echo)
    stage.start(stage.plan(allow()))
    raw = (
        f"GET / HTTP/1.1\r\nHost: {HOST}\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
        "HTTP2-Settings: AAMAAABk\r\n\r\n"
    )
    assert stage.ask(raw.encode()).status == 200
    assert echo.heads == [f"GET / HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()]


# Tunnels and the way out


def test_passthrough_shows_the_servers_own_certificate(stage: Scene) -> None:
    stage.serve(Echo())
    stage.start(stage.plan(allow(passthrough=True), credentials=(credential(),)), values={"key": SECRET})
    context = ssl.create_default_context(cafile=str(stage.servers_ca))
    with context.wrap_socket(stage.tunnel(), server_hostname=HOST) as connection:
        connection.sendall(GET)
        answer = read_answer(connection)
    assert SECRET not in answer.json["head"]
    assert stage.decisions()[0]["passthrough"] is True
    until(lambda: stage.events[-1]["event"] == "done")
    assert stage.events[-1]["bytes_in"] > 100


@pytest.mark.parametrize("name", ["other.example.com", None])
def test_passthrough_checks_the_name(stage: Scene, name: str | None) -> None:
    server = stage.serve(Echo())
    stage.start(stage.plan(allow(passthrough=True)))
    context = ssl.create_default_context(cafile=str(stage.servers_ca))
    context.check_hostname = False
    with stage.tunnel() as connection, pytest.raises(OSError, match=r"."):
        context.wrap_socket(connection, server_hostname=name)
    assert server.accepted == 0
    assert [event["verdict"] for event in stage.decisions()] == ["deny"]


def test_a_deny_of_a_path_binds_on_a_host_that_is_else_passed_through(stage: Scene) -> None:
    server = stage.serve(Echo())
    stage.start(stage.plan(allow(passthrough=True), allow(deny=True, ports=(), paths=("/v1/**",))))
    answer = stage.ask(GET)
    assert (answer.status, server.accepted) == (403, 0)


def test_the_upstream_proxy_is_asked_for_the_name(stage: Scene) -> None:
    echo = Echo()
    server = stage.serve(echo)
    asked: list[bytes] = []

    def proxy(connection: socket.socket) -> None:
        buffer = bytearray()
        asked.append(read_head(connection, buffer))
        connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        with socket.create_connection(("127.0.0.1", server.port)) as other:
            threading.Thread(target=copy, args=(other, connection), daemon=True).start()
            copy(connection, other)

    async def lookup(host: str) -> Sequence[str]:
        raise AssertionError(f"{host} was looked up here")

    place = stage.serve(proxy, host="proxy.example.com", tls=False)
    stage.start(stage.plan(allow(), proxy=f"http://127.0.0.1:{place.port}", pins=False), lookup=lookup)
    assert stage.ask(GET).status == 200
    assert asked == [f"CONNECT {HOST}:443 HTTP/1.1\r\nHost: {HOST}:443\r\n\r\n".encode()]


def test_the_login_of_the_upstream_proxy_goes_to_it_alone(stage: Scene) -> None:
    echo = Echo()
    server = stage.serve(echo)
    asked: list[bytes] = []

    def proxy(connection: socket.socket) -> None:
        asked.append(read_head(connection, bytearray()))
        connection.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
        with socket.create_connection(("127.0.0.1", server.port)) as other:
            threading.Thread(target=copy, args=(other, connection), daemon=True).start()
            copy(connection, other)

    place = stage.serve(proxy, host="proxy.example.com", tls=False)
    plan = stage.plan(allow(), proxy=f"http://127.0.0.1:{place.port}", pins=False)
    stage.start(plan, values={PROXY_LOGIN: "joe:pässword"})
    assert stage.ask(GET).status == 200
    assert header(asked[0], "proxy-authorization") == "Basic am9lOnDDpHNzd29yZA=="
    assert header(echo.heads[0], "proxy-authorization") is None
    assert "am9lOn" not in str(stage.events)


def test_a_proxy_that_wants_another_login_is_said_to(stage: Scene) -> None:
    def proxy(connection: socket.socket) -> None:
        read_head(connection, bytearray())
        connection.sendall(b"HTTP/1.1 407 Auth\r\nProxy-Authenticate: Basic realm=x\r\nContent-Length: 0\r\n\r\n")

    place = stage.serve(proxy, host="proxy.example.com", tls=False)
    stage.start(stage.plan(allow(), proxy=f"http://127.0.0.1:{place.port}", pins=False))
    answer = stage.ask(GET)
    assert answer.status == 502
    assert b"another login" in answer.body


def copy(source: socket.socket, target: socket.socket) -> None:
    """Bytes one way until the end."""
    try:
        while part := source.recv(65536):
            target.sendall(part)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        return


@pytest.mark.parametrize("answer", [b"HTTP/1.1 407 Auth\r\n\r\n", b"nonsense\r\n\r\n", b"", b"HTTP/1.1 200 OK\r\n\r\nearly"])
def test_a_proxy_that_will_not_is_a_502(stage: Scene, answer: bytes) -> None:
    def proxy(connection: socket.socket) -> None:
        read_head(connection, bytearray())
        connection.sendall(answer)

    place = stage.serve(proxy, host="proxy.example.com", tls=False)
    stage.start(stage.plan(allow(), proxy=f"http://127.0.0.1:{place.port}", pins=False))
    assert stage.ask(GET).status == 502


def test_plain_http_goes_by_absolute_form(stage: Scene) -> None:
    echo = Echo()
    stage.serve(echo, host="plain.example.com", port=80, tls=False)
    stage.start(stage.plan(allow("plain.example.com", scheme="http", ports=(80,))))
    with stage.dial() as connection:
        for _ in range(2):
            connection.sendall(b"GET http://plain.example.com/a?b HTTP/1.1\r\nHost: plain.example.com\r\n\r\n")
            assert read_answer(connection).status == 200
    assert echo.heads == [b"GET /a?b HTTP/1.1\r\nHost: plain.example.com\r\n\r\n"] * 2


def test_plain_http_also_goes_through_a_tunnel(stage: Scene) -> None:
    echo = Echo()
    stage.serve(echo, port=80, tls=False)
    stage.start(stage.plan(allow(scheme="http", ports=(80,)), allow()))
    with stage.tunnel(f"{HOST}:80") as connection:
        connection.sendall(GET)
        assert read_answer(connection).status == 200


# A change of policy


def reload(stage: Scene, *rules: object) -> None:
    assert stage.control({"op": "reload", "config": stage.plan(*rules).config()}) == {"ok": True}  # type: ignore[arg-type]  # rules


def test_a_new_policy_holds_for_the_next_request_of_an_open_connection(stage: Scene) -> None:
    stage.serve(Echo())
    stage.start(stage.plan(allow()))
    with stage.open() as connection:
        for rules, status in (((), 403), ((allow(),), 200), ((allow(), deny(paths=("/v1/**",))), 403)):
            reload(stage, *rules)
            connection.sendall(GET)
            assert read_answer(connection).status == status


def test_a_new_policy_ends_a_stream_that_it_forbids(stage: Scene) -> None:
    def talk(connection: socket.socket) -> None:
        read_head(connection, bytearray())
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\nfirst")
        connection.recv(1)

    stage.serve(talk)
    stage.start(stage.plan(allow()))
    with stage.open() as connection:
        connection.sendall(GET)
        read_head(connection, bytearray())
        reload(stage, allow("other.example.com"))
        assert read_answer(connection).status == 0
    assert stage.events[-1]["why"] == "the policy changed"


def test_a_new_policy_ends_a_websocket_that_it_forbids(stage: Scene) -> None:
    stage.serve(talk_websocket)
    stage.start(stage.plan(allow()))
    connection, _ = open_websocket(stage)
    with connection:
        reload(stage, allow(websocket=False))
        assert read_answer(connection).status == 0


def test_a_new_policy_ends_a_passthrough_that_it_forbids(stage: Scene) -> None:
    stage.serve(Echo())
    stage.start(stage.plan(allow(passthrough=True)))
    context = ssl.create_default_context(cafile=str(stage.servers_ca))
    with context.wrap_socket(stage.tunnel(), server_hostname=HOST) as connection:
        connection.sendall(GET)
        assert read_answer(connection).status == 200
        reload(stage, allow())
        connection.settimeout(WAIT_S)
        with contextlib.suppress(OSError):
            connection.sendall(GET)
            assert not connection.recv(1)


def test_traffic_shows_the_latest_decisions(stage: Scene) -> None:
    stage.serve(Echo())
    stage.start(stage.plan(allow(paths=("/v1/**",))))
    stage.ask(GET)
    stage.ask(GET.replace(b"/v1", b"/v2"))
    traffic = stage.control({"op": "traffic"})
    assert (traffic["allow"], traffic["deny"]) == (1, 1)
    assert [event["path"] for event in traffic["latest"]] == ["/v1/x", "/v2/x"]


def test_random_bytes_never_bring_the_gate_down(stage: Scene) -> None:
    stage.serve(Echo())
    stage.start(stage.plan(allow()))
    source = os.urandom(4096)
    pieces = [
        b"GET ",
        b"CONNECT ",
        HOST.encode(),
        b":443",
        b" HTTP/1.1\r\n",
        b"Host: ",
        b"\r\n\r\n",
        b"\x16\x03\x01",
        b"\n",
        b"\0",
    ]
    for round_number in range(300):
        raw = b"".join(
            pieces[source[(round_number * 13 + index) % 4096] % len(pieces)] + source[index : index + source[index] % 4]
            for index in range(round_number % 23)
        )
        with stage.dial() as connection:
            connection.sendall(raw)
            connection.shutdown(socket.SHUT_WR)
            with contextlib.suppress(ConnectionError):
                while connection.recv(65536):
                    pass
    assert stage.ask(GET).status == 200


@pytest.mark.parametrize(("tunnelled", "scheme"), [(True, "https"), (False, "http")])
def test_a_refusal_says_by_which_scheme_it_was_asked(stage: Scene, tunnelled: bool, scheme: str) -> None:
    stage.start(stage.plan(deny()))
    if tunnelled:
        assert stage.ask(GET).status == 403
    else:
        with stage.dial() as connection:
            connection.sendall(f"GET http://{HOST}/v1/x HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
            assert read_answer(connection).status == 403
    (event,) = stage.decisions()
    assert (event["verdict"], event["scheme"], event["path"]) == ("deny", scheme, "/v1/x")
