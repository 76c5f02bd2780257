"""A grant holds at once, also on open connections, and ends with what lives by it; a grant for one request lets one through."""

import contextlib
import json
import socket
import ssl
import threading
from typing import Any

import pytest
from wire import HOST, Echo, Scene, allow, deny, read_answer, read_head

from bot_bottle.errors import Refused
from bot_bottle.gates.base import Granted
from bot_bottle.manifest.spec import Credential, FromEnv, Target

GET = f"GET /v1/x HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()


def granted(grant: str = "g1", *, spent: bool = False, kind: str = "egress", **row: Any) -> Granted:
    """As the desk hands it over: a delta as JSON."""
    whole = {"host": HOST, "ports": [443], **row} if kind in ("egress", "credential") else row
    return Granted(name=grant, kind=kind, row=whole, is_spent=spent)


def test_a_grant_holds_for_the_next_request_of_an_open_connection(stage: Scene) -> None:
    stage.serve(Echo())
    stage.start(stage.plan())
    with stage.open() as connection:
        for grants, status in (((), 403), ((granted(),), 200), ((granted(methods=["POST"]),), 403), ((), 403)):
            stage.adjust(*grants)
            connection.sendall(GET)
            assert read_answer(connection).status == status
    assert next(event for event in stage.events if event.get("verdict") == "allow")["rule"] == "grant g1"


def test_a_refusal_carries_the_argument_that_opens_it(stage: Scene) -> None:
    stage.serve(Echo())
    stage.start(stage.plan())
    hint = stage.ask(GET).json["hint"]
    assert hint["tool"] == "request_permission"
    arguments = {key: value for key, value in hint["arguments"].items() if key != "kind"}
    stage.adjust(granted(**arguments))
    assert stage.ask(GET).status == 200
    assert stage.ask(GET.replace(b"GET ", b"DELETE ")).status == 403


def test_a_download_ends_with_its_grant(stage: Scene) -> None:
    def talk(connection: socket.socket) -> None:
        read_head(connection, bytearray())
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\nfirst")
        connection.recv(1)

    stage.serve(talk)
    stage.start(stage.plan())
    stage.adjust(granted())
    with stage.open() as connection:
        connection.sendall(GET)
        assert read_head(connection, bytearray()).startswith(b"HTTP/1.1 200 ")
        stage.adjust()
        with contextlib.suppress(ssl.SSLError, ConnectionError):
            while connection.recv(65536):
                pass
    assert stage.events[-1]["why"] == "the policy changed"


def test_a_download_by_a_grant_for_one_request_ends_by_itself(stage: Scene) -> None:
    go_on = threading.Event()

    def talk(connection: socket.socket) -> None:
        read_head(connection, bytearray())
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfirst")
        go_on.wait(20)
        connection.sendall(b"whole")

    stage.serve(talk)
    stage.start(stage.plan())
    used: list[str] = []
    assert stage.gate is not None

    def use(name: str) -> None:
        used.append(name)
        assert stage.gate is not None
        stage.gate.adjust([granted(spent=True)])

    stage.gate.used = use
    stage.adjust(granted())
    with stage.open() as connection:
        connection.sendall(GET)
        head = read_head(connection, bytearray())
        assert head.startswith(b"HTTP/1.1 200 ")
        assert used == ["g1"]
        assert stage.ask(GET).status == 403
        go_on.set()
        received = b""
        while len(received) < 5 and (part := connection.recv(100)):
            received += part
    assert b"whole" in received or b"whole" in head
    assert used == ["g1"]


def test_of_many_requests_at_once_one_goes_through(stage: Scene) -> None:
    stage.serve(Echo())
    stage.start(stage.plan())
    gate = stage.gate
    assert gate is not None
    gate.used = lambda name: gate.adjust([granted(spent=True)])
    stage.adjust(granted())
    answers: list[int] = []
    threads = [threading.Thread(target=lambda: answers.append(stage.ask(GET).status)) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(answers) == [200] + [403] * 11


def test_a_deny_beats_a_grant(stage: Scene) -> None:
    stage.serve(Echo())
    stage.start(stage.plan(deny()))
    stage.adjust(granted())
    assert stage.ask(GET).status == 403


def test_a_grant_survives_a_reload_of_the_plan(stage: Scene) -> None:
    stage.serve(Echo())
    stage.start(stage.plan())
    stage.adjust(granted())
    stage.control({"op": "reload", "config": stage.plan().config()})
    assert stage.ask(GET).status == 200


FORGE = Credential(
    name="forge",
    source=FromEnv(env="X"),
    to=(Target(host="other.example.com", name="authorization", format="Bearer {value}"),),
    where="bottle.yaml:1",
)


def test_a_credential_is_set_where_it_was_granted_and_nowhere_else(stage: Scene) -> None:
    stage.serve(Echo())
    stage.start(stage.plan(allow(), credentials=(FORGE,)), values={"forge": "the-very-secret"})
    stage.adjust(granted(kind="credential", name="forge", methods=["GET"], paths=["/v1/**"]))
    assert "the-very-secret" not in json.dumps(stage.ask(GET).json)  # the answer is scrubbed of it
    events = [event for event in stage.events if event.get("verdict") == "allow"]
    assert events[-1]["credentials"] == ["forge"]
    stage.ask(GET.replace(b"/v1/", b"/v2/"))
    assert [event for event in stage.events if event.get("verdict") == "allow"][-1]["credentials"] == []


@pytest.mark.parametrize(
    "wrong",
    [
        granted(kind="credential", name="bank"),
        granted(deny=True),
        granted(passthrough=True),
        granted(paths=["v1"]),
    ],
)
def test_what_cannot_be_carried_out_changes_nothing(stage: Scene, wrong: Granted) -> None:
    stage.serve(Echo())
    stage.start(stage.plan(credentials=(FORGE,)), values={"forge": "x" * 12})
    stage.adjust(granted())
    with pytest.raises(Refused):
        stage.adjust(granted(), wrong)
    assert stage.ask(GET).status == 200


def test_the_latest_refusals_can_be_listed_with_what_to_ask(stage: Scene) -> None:
    stage.start(stage.plan())
    stage.ask(GET)
    assert stage.gate is not None
    (seen,) = stage.gate.denials()
    assert (seen["host"], seen["method"]) == (HOST, "GET")
    assert seen["argument"]["host"] == HOST


def test_a_reload_changes_the_way_out_and_the_bounds_too(stage: Scene) -> None:
    stage.start(stage.plan(allow()))
    assert stage.ask(GET).status == 502
    stage.serve(Echo())
    stage.control({"op": "reload", "config": stage.plan(allow()).config()})
    assert stage.ask(GET).status == 200
    config = stage.plan(allow()).config()
    stage.control({"op": "reload", "config": {**config, "bounds": {**config["bounds"], "body_limit": 3}}})
    assert stage.ask(GET.replace(b"GET ", b"POST ").replace(b"\r\n\r\n", b"\r\nContent-Length: 4\r\n\r\nfour")).status == 413
