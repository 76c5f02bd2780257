"""Changes of the rules that are wrong, or narrower than they look; and what is recorded although it looks like the gate's own."""

import contextlib
import socket
import ssl
import time
from collections.abc import Sequence

import pytest
from wire import HOST, WAIT_S, Echo, Scene, allow, header, read_answer, read_exactly, read_head

from bot_bottle.errors import BottleError
from bot_bottle.gates.egress.plan import Bounds

GET = f"GET /v1/x HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()

LOOPBACK = ("127.0.0.0/8",)


async def at_loopback(_: str) -> Sequence[str]:
    return ["127.0.0.1"]


@pytest.mark.parametrize(
    "request_",
    [
        {"op": "reload"},
        {"op": "reload", "config": []},
        {"op": "reload", "config": {"rules": [{"host": HOST}], "credentials": []}},
        {"op": "reload", "config": {"rules": [{"surprise": 1}], "credentials": []}},
        {"op": "reload", "config": {"rules": [{"host": HOST, "where": "x", "paths": ["v1"]}], "credentials": []}},
        {"op": "reload", "config": {"rules": [{"host": HOST, "where": "x", "addresses": ["nowhere"]}], "credentials": []}},
        {"op": "reload", "config": {"rules": [], "credentials": [{"name": "x", "to": [{"slot": "header"}]}]}},
    ],
    ids=repr,
)
def test_rules_that_cannot_be_read_change_nothing(stage: Scene, request_: dict[str, object]) -> None:
    stage.serve(Echo())
    stage.start(stage.plan(allow()))
    with pytest.raises(BottleError):
        stage.control(request_)
    assert stage.ask(GET).status == 200


def talk_until_told(connection: socket.socket) -> None:
    """An answer that goes on until the other end is gone."""
    read_head(connection, bytearray())
    connection.sendall(b"HTTP/1.1 200 OK\r\n\r\nfirst")
    connection.recv(1)


def test_a_stream_ends_when_its_address_is_no_longer_permitted(stage: Scene) -> None:
    port = stage.serve(talk_until_told).port
    stage.start(stage.plan(allow(ports=(port,), addresses=LOOPBACK), pins=False), lookup=at_loopback)
    with stage.open(f"{HOST}:{port}") as connection:
        connection.sendall(GET.replace(HOST.encode(), f"{HOST}:{port}".encode()))
        assert read_head(connection, bytearray()).startswith(b"HTTP/1.1 200 ")
        stage.control({"op": "reload", "config": stage.plan(allow(ports=(port,))).config()})
        with contextlib.suppress(ssl.SSLError, ConnectionError):
            while connection.recv(65536):
                pass
    assert stage.events[-1]["why"] == "the policy changed"


def test_a_stream_goes_on_when_more_is_permitted(stage: Scene) -> None:
    port = stage.serve(Echo()).port
    stage.start(stage.plan(allow(ports=(port,), addresses=LOOPBACK), pins=False), lookup=at_loopback)
    with stage.open(f"{HOST}:{port}") as connection:
        body = b"x" * 10
        head = f"POST / HTTP/1.1\r\nHost: {HOST}:{port}\r\nContent-Length: 10\r\n\r\n".encode()
        connection.sendall(head + body[:5])
        wider = allow(ports=(port,), addresses=(*LOOPBACK, "10.0.0.0/8"))
        stage.control({"op": "reload", "config": stage.plan(wider).config()})
        connection.sendall(body[5:])
        assert read_answer(connection).json["body"] == body.decode()


def test_a_passthrough_ends_when_its_address_is_no_longer_permitted(stage: Scene) -> None:
    port = stage.serve(Echo()).port
    stage.start(stage.plan(allow(ports=(port,), addresses=LOOPBACK, passthrough=True), pins=False), lookup=at_loopback)
    context = ssl.create_default_context(cafile=str(stage.servers_ca))
    with context.wrap_socket(stage.tunnel(f"{HOST}:{port}"), server_hostname=HOST) as connection:
        connection.sendall(GET)
        assert read_answer(connection).status == 200
        stage.control({"op": "reload", "config": stage.plan(allow(ports=(port,), passthrough=True)).config()})
        with contextlib.suppress(OSError):
            connection.sendall(GET)
            assert not connection.recv(1)


PROBE = b"GET http://bot-bottle.invalid/ HTTP/1.1\r\nHost: bot-bottle.invalid\r\nConnection: close\r\n\r\n"


def test_the_question_of_the_containment_probe_is_answered_and_no_event(stage: Scene) -> None:
    stage.start(stage.plan(allow()))
    with stage.dial() as connection:
        connection.sendall(PROBE)
        answer = read_answer(connection)
    assert answer.status == 403
    assert header(answer.head, "x-bot-bottle") == "denied"
    assert not stage.events


@pytest.mark.parametrize(
    "raw",
    [
        b"GET http://evil.example.com/steal HTTP/1.1\r\nHost: bot-bottle.invalid\r\n\r\n",
        PROBE.replace(b"GET", b"POST"),
        PROBE.replace(b"invalid/ ", b"invalid/steal "),
        PROBE.replace(b"invalid/ ", b"invalid:8080/ ").replace(b"Host: bot-bottle.invalid", b"Host: bot-bottle.invalid:8080"),
        b"GET / HTTP/1.1\r\nHost: bot-bottle.invalid\r\n\r\n",
        b"CONNECT bot-bottle.invalid:22 HTTP/1.1\r\nHost: bot-bottle.invalid:22\r\n\r\n",
    ],
    ids=repr,
)
def test_nobody_hides_a_refused_request_behind_the_probes_name(stage: Scene, raw: bytes) -> None:
    stage.start(stage.plan(allow()))
    with stage.dial() as connection:
        connection.sendall(raw)
        assert 400 <= read_answer(connection).status < 500
    assert [event["verdict"] for event in stage.decisions()] == ["deny"]


def test_what_a_rule_allows_under_the_probes_name_is_recorded(stage: Scene) -> None:
    stage.serve(Echo(), host="bot-bottle.invalid", port=80, tls=False)
    stage.start(stage.plan(allow("bot-bottle.invalid", scheme="http", ports=(80,))))
    with stage.dial() as connection:
        connection.sendall(PROBE)
        assert read_answer(connection).status == 200
    assert [event["verdict"] for event in stage.decisions()] == ["allow"]


@pytest.mark.parametrize("name", ["localhost", "app.localhost"])
def test_an_upstream_proxy_is_never_asked_for_localhost(stage: Scene, name: str) -> None:
    asked = []

    def talk(connection: socket.socket) -> None:
        asked.append(read_head(connection, bytearray()))
        connection.sendall(b"HTTP/1.1 502 Bad Gateway\r\n\r\n")

    proxy = stage.serve(talk, host="proxy.example.com", port=3128, tls=False)
    stage.start(stage.plan(allow(name), proxy=f"http://127.0.0.1:{proxy.port}"))
    answer = stage.ask(f"GET / HTTP/1.1\r\nHost: {name}\r\n\r\n".encode(), authority=f"{name}:443")
    assert answer.status == 403
    assert "egress.upstream.connect" in answer.json["reason"]
    assert not asked


def test_an_unfinished_head_behind_a_request_has_no_more_time_than_any_other(stage: Scene) -> None:
    stage.serve(Echo())
    stage.start(stage.plan(allow(), bounds=Bounds(head_s=0.5, idle_s=WAIT_S * 3)))
    with stage.open() as connection:
        began = time.monotonic()
        connection.sendall(GET + b"GET /v1")
        assert read_answer(connection).status == 200
        assert read_answer(connection).status == 408
        assert time.monotonic() - began < WAIT_S
        assert not read_exactly(connection, bytearray(), 1)
