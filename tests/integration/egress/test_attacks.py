"""What a hostile bottle sends, and that none of it leaves. Each row is bytes in, an answer out, and a server that saw nothing."""

import json
import socket
import ssl
import time
from collections.abc import Sequence

import pytest
from wire import HOST, WAIT_S, Echo, Scene, allow, credential, deny, header, read_answer, read_exactly, read_head

from bot_bottle.attacks.egress_requests import NOT_TLS, in_tunnel, to_proxy
from bot_bottle.gates.egress.authority import Authority
from bot_bottle.gates.egress.plan import Bounds

GET = f"GET /v1/x HTTP/1.1\r\nHost: {HOST}\r\n"


def refused(stage: Scene, echo: Echo, raw: bytes, status: int) -> None:
    """The gate answers with this status in readable JSON and closes; the server saw nothing; one event says so."""
    with stage.open() as connection:
        connection.sendall(raw)
        answer = read_answer(connection)
        assert answer.status == status, answer
        assert header(answer.head, "x-bot-bottle") == ("denied" if status < 500 else "failed")
        assert answer.json["reason"]
        assert read_answer(connection).status == 0
    assert not echo.heads
    assert [event["verdict"] for event in stage.decisions()] == ["deny"]


IN_TUNNEL = in_tunnel(HOST, "/v1/x")
TO_PROXY = to_proxy(HOST, "plain.example.com")


@pytest.mark.parametrize(("raw", "status"), [row[1:] for row in IN_TUNNEL], ids=[row[0] for row in IN_TUNNEL])
def test_in_a_tunnel_it_is_refused(stage: Scene, raw: str, status: int) -> None:
    echo = Echo()
    stage.serve(echo)
    stage.start(stage.plan(allow(methods=("GET", "POST"), paths=("/v1/**",)), bounds=Bounds(body_limit=1_000_000)))
    refused(stage, echo, raw.encode("latin-1"), status)


@pytest.mark.parametrize(("raw", "status"), [row[1:] for row in TO_PROXY], ids=[row[0] for row in TO_PROXY])
def test_at_the_proxy_it_is_refused(stage: Scene, raw: str, status: int) -> None:
    echo = Echo()
    stage.serve(echo)
    stage.serve(echo, host="plain.example.com", port=80, tls=False)
    stage.start(stage.plan(allow(), allow("plain.example.com", scheme="http", ports=(80,))))
    with stage.dial() as connection:
        connection.sendall(raw.encode("latin-1"))
        answer = read_answer(connection)
    assert answer.status == status, answer
    assert answer.json["reason"]
    assert not echo.heads
    assert [event["verdict"] for event in stage.decisions()] == ["deny"]


@pytest.mark.parametrize("text", ["2130706433", "127.1", "0x7f000001", "0177.0.0.1", "127.0.0.1", "[::1]", "[0:0:0:0:0:0:0:1]"])
def test_any_spelling_of_an_inner_address_is_denied_inside_the_tunnel_or_before(stage: Scene, text: str) -> None:
    stage.start(stage.plan(allow()))
    with stage.dial() as connection:
        connection.sendall(f"CONNECT {text}:443 HTTP/1.1\r\nHost: {text}:443\r\n\r\n".encode())
        if read_head(connection, bytearray()).split()[1] == b"200":
            context = ssl.create_default_context(cafile=str(stage.ca))
            context.check_hostname = False
            with context.wrap_socket(connection) as secured:
                secured.sendall(f"GET / HTTP/1.1\r\nHost: {text}\r\n\r\n".encode())
                assert read_answer(secured).status == 403
    assert [event["verdict"] for event in stage.decisions()] == ["deny"]


def test_a_chunked_body_past_the_limit_is_refused(stage: Scene) -> None:
    stage.serve(Echo())
    stage.start(stage.plan(allow(max_body=10)))
    answer = stage.ask(
        f"POST / HTTP/1.1\r\nHost: {HOST}\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
        + b"8\r\nabcdefgh\r\n8\r\nabcdefgh\r\n0\r\n\r\n"
    )
    assert answer.status == 413


@pytest.mark.parametrize("name", ["other.example.com", f"x.{HOST}", "example.com", None])
def test_a_tls_name_that_is_not_the_tunnels_gets_421(stage: Scene, name: str | None) -> None:
    echo = Echo()
    stage.serve(echo)
    stage.start(stage.plan(allow(), allow("other.example.com")))
    context = ssl.create_default_context(cafile=str(stage.ca))
    context.check_hostname = False
    with context.wrap_socket(stage.tunnel(), server_hostname=name) as connection:
        connection.sendall((GET + "\r\n").encode())
        assert read_answer(connection).status == 421
    assert not echo.heads


@pytest.mark.parametrize("raw", [raw for _, raw in NOT_TLS], ids=[name for name, _ in NOT_TLS])
def test_nothing_but_tls_and_http_goes_through_a_tunnel(stage: Scene, raw: str) -> None:
    echo = Echo()
    server = stage.serve(echo)
    stage.start(stage.plan(allow()))
    with stage.tunnel() as connection:
        connection.sendall(raw.encode("latin-1"))
        assert read_answer(connection).status == 400
    assert server.accepted == 0


def test_plain_http_in_a_tunnel_needs_a_rule_for_http(stage: Scene) -> None:
    echo = Echo()
    server = stage.serve(echo)
    stage.start(stage.plan(allow()))
    with stage.tunnel() as connection:
        connection.sendall((GET + "\r\n").encode())
        answer = read_answer(connection)
    assert answer.status == 403
    assert server.accepted == 0


def test_a_client_hello_in_single_bytes_is_read(stage: Scene) -> None:
    stage.serve(Echo())
    stage.start(stage.plan(allow()))
    context = ssl.create_default_context(cafile=str(stage.ca))
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(incoming, outgoing, server_hostname=HOST)
    with stage.tunnel() as connection:
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                for byte in outgoing.read():
                    connection.sendall(bytes([byte]))
                incoming.write(connection.recv(65536))
        connection.sendall(outgoing.read())
        tls.write((GET + "\r\n").encode())
        connection.sendall(outgoing.read())
        assert connection.recv(65536)


def test_names_that_no_rule_allows_are_never_looked_up(stage: Scene) -> None:
    asked: list[str] = []

    async def lookup(host: str) -> Sequence[str]:
        asked.append(host)
        raise OSError

    stage.start(stage.plan(allow()), lookup=lookup)
    secret = "c2VjcmV0.evil.example.net"
    assert stage.ask(f"GET / HTTP/1.1\r\nHost: {secret}\r\n\r\n".encode(), authority=f"{secret}:443").status == 403
    with stage.dial() as connection:
        connection.sendall(f"GET http://{secret}/ HTTP/1.1\r\nHost: {secret}\r\n\r\n".encode())
        assert read_answer(connection).status == 403
    assert asked == []


@pytest.mark.parametrize(
    "answer",
    [
        ["127.0.0.1"],
        ["::1"],
        ["10.0.0.1"],
        ["169.254.169.254"],
        ["192.168.1.1"],
        ["100.64.0.1"],
        ["0.0.0.0"],
        ["224.0.0.1"],
        ["::ffff:127.0.0.1"],
        ["::127.0.0.1"],
        ["64:ff9b::7f00:1"],
        ["2002:7f00:1::1"],
        ["fe80::1"],
        ["fc00::1"],
        ["fec0::1"],
        ["ff02::1"],
        ["93.184.216.34", "127.0.0.1"],
        ["2606:4700::1", "::1"],
        ["fe80::1%lo"],
    ],
    ids="+".join,
)
def test_an_answer_of_dns_that_leads_inside_is_refused(stage: Scene, answer: list[str]) -> None:
    async def lookup(host: str) -> Sequence[str]:
        return answer

    stage.start(stage.plan(allow()), lookup=lookup)
    got = stage.ask((GET + "\r\n").encode())
    assert got.status == 403
    assert "no rule for the host permits it" in got.json["reason"] or "zone" in got.json["reason"]
    assert [event["verdict"] for event in stage.decisions()] == ["deny"]


def test_a_name_is_asked_for_once_and_the_checked_address_is_dialled(stage: Scene) -> None:
    server = stage.serve(Echo())
    answers = iter([["127.0.0.1"], ["169.254.169.254"], ["10.0.0.1"]])

    async def lookup(host: str) -> Sequence[str]:
        return next(answers)

    rule = allow(ports=(server.port,), addresses=("127.0.0.1/32",))
    stage.start(stage.plan(rule, pins=False), lookup=lookup)
    for _ in range(2):
        raw = f"GET / HTTP/1.1\r\nHost: {HOST}:{server.port}\r\nConnection: close\r\n\r\n".encode()
        assert stage.ask(raw, authority=f"{HOST}:{server.port}").status == 200


@pytest.mark.parametrize("host", ["localhost", "x.localhost"])
def test_localhost_must_be_pinned(stage: Scene, host: str) -> None:
    stage.start(stage.plan(allow(host)))
    raw = f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()
    got = stage.ask(raw, authority=f"{host}:443")
    assert got.status == 403
    assert "pin it" in got.json["reason"]


def test_pipelined_requests_are_decided_one_by_one(stage: Scene) -> None:
    echo = Echo()
    stage.serve(echo)
    stage.start(stage.plan(allow(paths=("/v1/**",))))
    with stage.open() as connection:
        connection.sendall((GET + "\r\n").encode() * 3 + f"GET /v2 HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
        buffer = bytearray()
        assert [read_answer(connection, buffer).status for _ in range(4)] == [200, 200, 200, 403]
    assert len(echo.heads) == 3


def test_a_smuggled_second_request_is_only_a_body(stage: Scene) -> None:
    echo = Echo()
    stage.serve(echo)
    stage.start(stage.plan(allow(paths=("/v1/**",))))
    inner = f"GET /admin HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()
    answer = stage.ask(f"POST /v1/x HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: {len(inner)}\r\n\r\n".encode() + inner)
    assert answer.status == 200
    assert echo.bodies == [inner]


def test_events_hold_what_was_sent_without_its_control_characters(stage: Scene) -> None:
    stage.start(stage.plan(allow()))
    stage.ask(b'GET /%0a{"verdict":"allow"}%1b[2J HTTP/1.1\r\nHost: ' + HOST.encode() + b"\r\n\r\n")
    with stage.dial() as connection:
        connection.sendall(b"GET http://\xe2\x80\xae.example.com/ HTTP/1.1\r\nHost: \xe2\x80\xae\x9b31m\r\n\r\n")
        read_answer(connection)
    for event in stage.events:
        line = json.dumps(event)
        assert line.isascii()
        assert line.isprintable()
        for value in event.values():
            assert not isinstance(value, str) or value.isprintable()


def test_a_slow_head_is_given_up(stage: Scene) -> None:
    stage.start(stage.plan(allow(), bounds=Bounds(head_s=1.0)))
    began = time.monotonic()
    with stage.dial() as connection:
        connection.sendall(b"GET / HT")
        assert read_answer(connection).status == 408
    assert 0.5 < time.monotonic() - began < WAIT_S


def test_a_slow_hello_is_given_up(stage: Scene) -> None:
    stage.start(stage.plan(allow(), bounds=Bounds(head_s=1.0)))
    with stage.tunnel() as connection:
        connection.sendall(b"\x16\x03\x01")
        assert read_answer(connection).status == 408


def test_a_stalled_body_is_given_up(stage: Scene) -> None:
    stage.serve(Echo())
    stage.start(stage.plan(allow(), bounds=Bounds(stall_s=1.0)))
    answer = stage.ask(f"POST / HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 100\r\n\r\nhel".encode())
    assert answer.status == 408


def test_a_server_that_never_answers_is_given_up(stage: Scene) -> None:
    def stay_silent(connection: socket.socket) -> None:
        read_head(connection, bytearray())
        connection.recv(1)

    stage.serve(stay_silent)
    stage.start(stage.plan(allow(), bounds=Bounds(answer_s=1.0)))
    assert stage.ask((GET + "\r\n").encode()).status == 504


def test_ten_thousand_connections_are_bounded_and_the_gate_goes_on(stage: Scene) -> None:
    stage.serve(Echo())
    stage.start(stage.plan(allow(), bounds=Bounds(connections=40)))
    open_ones = [stage.dial() for _ in range(40)]
    for number, connection in enumerate(open_ones):
        connection.sendall(b"G" if number % 2 else b"")
    for _ in range(200):
        extra = [stage.dial() for _ in range(50)]
        assert [read_answer(connection).status for connection in extra] == [503] * 50
        for connection in extra:
            connection.close()
    for connection in open_ones:
        connection.close()
    deadline = time.monotonic() + WAIT_S
    while stage.control({"op": "traffic"})["connections"]:
        assert time.monotonic() < deadline
    assert stage.ask((GET + "\r\n").encode()).status == 200


BAD_SERVERS = {
    "length and chunked": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    "a bare line feed": b"HTTP/1.1 200 OK\nContent-Length: 0\n\nx\r\n\r\n",
    "a folded line": b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n",
    "an unasked 101": b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    "HTTP/2": b"HTTP/2 200\r\n\r\n",
    "SSH": b"SSH-2.0-x\r\n\r\n",
    "nothing": b"",
    "half a head": b"HTTP/1.1 200 OK\r\nContent-",
    "a head without end": b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70000,
}


@pytest.mark.parametrize("raw", BAD_SERVERS.values(), ids=BAD_SERVERS.keys())
def test_an_answer_without_one_reading_becomes_a_502(stage: Scene, raw: bytes) -> None:
    def talk(connection: socket.socket) -> None:
        read_head(connection, bytearray())
        connection.sendall(raw)

    stage.serve(talk)
    stage.start(stage.plan(allow()))
    answer = stage.ask((GET + "\r\n").encode())
    assert answer.status == 502
    assert header(answer.head, "x-bot-bottle") == "failed"


def test_a_second_answer_behind_the_first_is_thrown_away(stage: Scene) -> None:
    accepted = 0

    def talk(connection: socket.socket) -> None:
        nonlocal accepted
        accepted += 1
        buffer = bytearray()
        while read_head(connection, buffer):
            connection.sendall(
                b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok" + b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
            )

    stage.serve(talk)
    stage.start(stage.plan(allow()))
    with stage.open() as connection:
        for _ in range(2):
            connection.sendall((GET + "\r\n").encode())
            assert read_answer(connection).body == b"ok"
    assert accepted == 2


def test_a_cut_off_body_is_never_made_whole(stage: Scene) -> None:
    def talk(connection: socket.socket) -> None:
        read_head(connection, bytearray())
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")

    stage.serve(talk)
    stage.start(stage.plan(allow()))
    with stage.open() as connection:
        connection.sendall((GET + "\r\n").encode())
        buffer = bytearray()
        assert header(read_head(connection, buffer), "content-length") == "100"
        assert len(read_exactly(connection, buffer, 100)) < 100


def test_a_body_until_close_that_is_cut_off_has_no_last_chunk(stage: Scene) -> None:
    def talk(connection: socket.socket) -> None:
        read_head(connection, bytearray())
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\nhalf")
        socket.socket(fileno=connection.detach()).close()  # no closing alert: anybody on the way could have cut it

    stage.serve(talk)
    stage.start(stage.plan(allow()))
    received = b""
    with stage.open() as connection:
        connection.sendall((GET + "\r\n").encode())
        try:
            while part := connection.recv(65536):
                received += part
        except OSError:
            pass
    assert b"half" in received
    assert not received.endswith(b"0\r\n\r\n")


@pytest.mark.parametrize("named", ["other.example.com", "example.com", f"x.{HOST}"])
def test_a_server_with_another_certificate_gets_no_request(stage: Scene, named: str) -> None:
    echo = Echo()
    stage.serve(echo, named=named)
    stage.start(stage.plan(allow(), credentials=(credential(),)), values={"key": "secret-value"})
    answer = stage.ask((GET + "\r\n").encode())
    assert answer.status == 502
    assert "certificate is not valid" in answer.json["reason"]
    assert not echo.heads


def test_a_server_of_an_unknown_authority_gets_no_request(stage: Scene) -> None:
    echo = Echo()
    stage.serve(echo)
    stage.servers_ca.write_text(Authority("somebody else").certificate)
    stage.start(stage.plan(allow()))
    assert stage.ask((GET + "\r\n").encode()).status == 502
    assert not echo.heads


def test_a_deny_rule_beats_every_allow(stage: Scene) -> None:
    echo = Echo()
    stage.serve(echo)
    stage.start(stage.plan(allow(), deny(paths=("/v1/admin/**",))))
    assert stage.ask((GET + "\r\n").encode()).status == 200
    answer = stage.ask(f"GET /v1/admin/x HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
    assert answer.status == 403
    assert answer.json["rule"] == "test:2"
    assert len(echo.heads) == 1


def test_a_denial_says_what_to_ask_for(stage: Scene) -> None:
    stage.start(stage.plan(allow(paths=("/v1/**",))))
    answer = stage.ask(f"POST /v2/x HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 3\r\n\r\nabc".encode())
    assert answer.status == 403
    assert answer.json["hint"]["tool"] == "request_permission"
    assert answer.json["hint"]["arguments"]["host"] == HOST


def test_a_denial_names_no_tool_where_there_is_nobody_to_ask(stage: Scene) -> None:
    stage.start(stage.plan(allow(paths=("/v1/**",))))
    assert stage.gate is not None
    stage.gate.can_ask = False
    hint = stage.ask(f"GET /v2/x HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()).json["hint"]
    assert list(hint) == ["operator"]
    assert f"`--allow {HOST}`" in hint["operator"]
