"""The supervise gate over sockets: with the protocol's own client, and with everything a bottle could send instead."""

import asyncio
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from supervising import SECRET, WAIT_S, Running, read, supervising

from bot_bottle.errors import BottleError, Refused
from bot_bottle.gates.base import Deciding
from bot_bottle.gates.supervise.talk import CALLS_LIMIT, CONNECTIONS, WAITS

EGRESS = {"host": "api.example.com", "methods": ["GET"], "reason": "for the build"}


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    with supervising(tmp_path) as made:
        yield made


async def with_client(running: Running, mode: str, work: Any) -> Any:  # Any: a function of the SDK's client
    """Connect as a client of one of the two kinds of revisions."""
    import httpx2
    from mcp.client.client import Client
    from mcp.client.streamable_http import streamable_http_client

    headers = {"authorization": f"Bearer {running.token}"}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=30, trust_env=False) as http,
        Client(streamable_http_client(running.url, http_client=http), mode=mode) as client,
    ):
        return await work(client)


@pytest.mark.parametrize("mode", ["legacy", "auto", "2026-07-28"])
def test_the_protocols_own_client_asks_waits_and_is_answered(running: Running, mode: str) -> None:
    told: list[float] = []

    async def progress(done: float, total: float | None, message: str | None) -> None:
        told.append(done)

    async def work(client: Any) -> None:
        listed = await client.list_tools()
        assert len(listed.tools) == 6
        asked = await client.call_tool("request_permission", EGRESS)
        assert asked.structured_content["status"] == "pending"
        waiting = asyncio.create_task(client.call_tool("await_decision", {"id": "1"}, progress_callback=progress))
        await asyncio.sleep(0)
        done = await asyncio.to_thread(running.control, op="approve", id=running.id_of(), scope="for", seconds=60)
        assert done["ok"]
        assert (await waiting).structured_content["status"] == "approved"
        policy = await client.call_tool("current_policy", {})
        assert policy.structured_content["grants"][0]["grant"] == "g1"
        wrong = await client.call_tool("request_permission", {"host": "*", "reason": "x"})
        assert wrong.is_error

    asyncio.run(with_client(running, mode, work))
    assert running.carrier.held[0].row["host"] == "api.example.com"


def test_whoever_waits_is_told_that_it_does(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot_bottle.gates.supervise.talk.PROGRESS_S", 0.0)
    monkeypatch.setattr("bot_bottle.gates.supervise.talk.LOOK_S", 0.05)
    told: list[float] = []

    async def progress(done: float, total: float | None, message: str | None) -> None:
        told.append(done)

    async def work(client: Any) -> None:
        await client.call_tool("request_permission", EGRESS)
        ended = await client.call_tool("await_decision", {"id": "1", "seconds": 0.5}, progress_callback=progress)
        assert ended.structured_content["status"] == "pending"
        assert "again later" in ended.structured_content["next"]

    asyncio.run(with_client(running, "legacy", work))
    assert len(told) >= 2
    assert told == sorted(told)


def test_an_approval_wakes_whoever_waits_within_a_fifth_of_a_second(running: Running) -> None:
    running.call("request_permission", **EGRESS)
    ended: list[float] = []

    def wait() -> None:
        assert running.call("await_decision", id="1")["status"] == "approved"
        ended.append(time.monotonic())

    thread = threading.Thread(target=wait)
    thread.start()
    token = running.id_of()
    pressed = time.monotonic()
    running.control(op="approve", id=token, scope="session")
    thread.join(20)
    assert ended[0] - pressed < 0.2


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"authorization": ""}, 401),
        ({"authorization": "Bearer the-token-of-another-bottle"}, 401),
        ({"authorization": f"Basic {SECRET}"}, 401),
        ({"host": "bot-bottle.invalid"}, 403),
        ({"host": "attacker.example.com:3130"}, 403),
        ({"origin": "https://attacker.example.com:3130"}, 403),
        ({"content_type": "text/plain"}, 415),
        ({"content_length": "99999999"}, 413),
        ({"content_length": "-1"}, 400),
        ({"content_length": "1_0"}, 400),
        ({"transfer_encoding": "chunked"}, 411),
    ],
)
def test_a_request_that_is_not_of_this_bottles_client_is_refused(running: Running, headers: dict[str, str], status: int) -> None:
    message = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
    assert running.post(message, None, **headers)[0] == status


@pytest.mark.parametrize(
    "raw",
    [
        b"GET /mcp HTTP/1.1\r\nHost: 127.0.0.1:1\r\nAuthorization: Bearer " + SECRET.encode() + b"\r\n\r\n",
        b"DELETE /mcp HTTP/1.1\r\nHost: 127.0.0.1:1\r\nAuthorization: Bearer " + SECRET.encode() + b"\r\n\r\n",
        b"POST /approve HTTP/1.1\r\nHost: 127.0.0.1:1\r\nContent-Length: 0\r\n\r\n",
        b"POST /mcp/../control HTTP/1.1\r\nHost: 127.0.0.1:1\r\nContent-Length: 0\r\n\r\n",
        b"\x00\x00\x00\x20" + b'{"gate":"supervise","op":"list"}\r\n\r\n',
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\r\n\r\n",
    ],
)
def test_no_other_door_is_open(running: Running, raw: bytes) -> None:
    running.call("request_permission", **EGRESS)
    with running.dial() as connection:
        connection.sendall(raw)
        assert read(connection)[0] in (400, 401, 404, 405)
    assert running.control(op="list")["asks"][0]["state"] == "pending"
    assert not running.carrier.held


def test_the_probes_question_is_answered(running: Running) -> None:
    with running.dial() as connection:
        connection.sendall(b"GET http://bot-bottle.invalid/ HTTP/1.1\r\nHost: bot-bottle.invalid\r\nConnection: close\r\n\r\n")
        assert read(connection)[0] == 403


DEEP = b'{"jsonrpc":"2.0","id":1,"method":"tools/list","params":' + b"[" * 30_000


@pytest.mark.parametrize("body", [b"", b"{", b"\xff\xfe", DEEP, b"nul", b'"x"', b"[]", b"1e999"])
def test_a_body_that_is_no_message_is_an_error_and_no_crash(running: Running, body: bytes) -> None:
    assert running.post(body)[0] == 400
    assert running.call("current_policy")["grants"] == []


HUGE = 10**400


@pytest.mark.parametrize(
    ("tool", "arguments"),
    [
        ("request_permission", {}),
        ("request_permission", {"host": "api.example.com"}),
        ("request_permission", {"host": "api.example.com", "reason": 5}),
        ("request_permission", {"kind": "budget", "usd": HUGE, "reason": "x"}),
        ("request_permission", {"host": "api.example.com", "ports": [HUGE], "reason": "x"}),
        ("request_permission", {"host": "\ud800", "reason": "x"}),
        ("await_decision", {}),
        ("await_decision", {"id": "99"}),
        ("await_decision", {"id": "1", "seconds": -1}),
        ("await_decision", {"id": "1", "seconds": 1e9}),
        ("await_decision", {"id": "٣"}),
        ("list_denials", {"limit": HUGE}),
        ("withdraw", {"id": {"a": 1}}),
        ("ask_operator", {"question": ""}),
        ("ask_operator", {"question": "x", "choices": ["a"] * 99}),
        ("ask_operator", {"question": "x", "choices": [1]}),
        ("ask_operator", {"question": "\ud800x\udfff"}),
        ("request_permission", {**EGRESS, "reason": "\ud83d broken \udc00"}),
    ],
)
def test_arguments_of_any_kind_are_answered_and_the_gate_goes_on(running: Running, tool: str, arguments: dict[str, Any]) -> None:
    running.call(tool, **arguments)
    assert "rules" in running.call("current_policy")
    assert json.dumps(running.control(op="list")).isascii()


def test_more_waits_than_are_served_leave_room_for_the_operator(running: Running) -> None:
    running.call("request_permission", **EGRESS)
    wait = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "await_decision", "arguments": {"id": "1"}}}
    held = [running.dial() for _ in range(WAITS)]
    for connection in held:
        connection.sendall(running.raw(wait))
        assert connection.recv(1) == b"H"  # its stream has begun
    deadline = time.monotonic() + 10
    while running.call("await_decision", id="1", seconds=0.01)["status"] != "unavailable":
        assert time.monotonic() < deadline
    began = time.monotonic()
    assert running.control(op="approve", id=running.id_of(), scope="session")["ok"]
    assert time.monotonic() - began < 1
    for connection in held:
        while connection.recv(65536)[-5:] != b"0\r\n\r\n":
            pass
        connection.close()
    assert running.call("await_decision", id="1", seconds=1)["status"] == "approved"


def test_a_wait_whose_client_went_away_is_over(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot_bottle.gates.supervise.talk.LOOK_S", 0.05)
    running.call("request_permission", **EGRESS)
    wait = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "await_decision", "arguments": {"id": "1"}}}
    for _ in range(WAITS):
        with running.dial() as connection:
            connection.sendall(running.raw(wait))
            assert connection.recv(1) == b"H"
    deadline = time.monotonic() + 10
    while running.call("await_decision", id="1", seconds=0.01)["status"] != "pending":
        assert time.monotonic() < deadline


def test_more_connections_than_are_served_are_told_so_and_harm_nobody(running: Running) -> None:
    held = [running.dial() for _ in range(CONNECTIONS)]
    for connection in held:
        connection.sendall(b"P")
    deadline = time.monotonic() + 10
    while running.post({"jsonrpc": "2.0", "id": 1, "method": "ping"})[0] != 503:
        assert time.monotonic() < deadline
    assert running.control(op="list")["ok"]
    for connection in held:
        connection.close()
    while running.post({"jsonrpc": "2.0", "id": 1, "method": "ping"})[0] != 200:
        assert time.monotonic() < deadline


def test_a_flood_of_calls_meets_its_limit(running: Running) -> None:
    with running.dial() as connection:
        message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "current_policy"}}
        answers = [running.post(message, connection)[1] for _ in range(CALLS_LIMIT + 5)]
    assert b"retry_after_s" in answers[-1]
    assert b"retry_after_s" not in answers[CALLS_LIMIT - 1]


def test_open_requests_and_timed_grants_survive_a_new_start(tmp_path: Path) -> None:
    with supervising(tmp_path) as first:
        first.call("request_permission", **EGRESS)
        first.call("request_permission", host="b.example.com", methods=["GET"], reason="x")
        first.call("request_permission", host="c.example.com", methods=["GET"], reason="x")
        first.control(op="approve", id=first.id_of(2), scope="for", seconds=3600)
        first.control(op="approve", id=first.id_of(3), scope="session")
        seen = first.id_of(1)
    with supervising(tmp_path, token="another-token") as second:
        assert second.id_of(1) == seen
        assert [one.row["host"] for one in second.carrier.held] == ["b.example.com"]
        assert second.call("await_decision", id="1", seconds=0)["status"] == "pending"
        assert second.control(op="approve", id=seen, scope="session")["ok"]
    assert (tmp_path / "supervise.json").stat().st_mode & 0o777 == 0o600


def test_a_state_that_cannot_be_read_keeps_the_gate_from_starting(tmp_path: Path) -> None:
    from bot_bottle.gates.supervise.state import read_state

    for text in ("{", "[]", '{"version": 2}', '{"version": 1}', "null"):
        (tmp_path / "supervise.json").write_text(text)
        with pytest.raises(BottleError):
            read_state(tmp_path / "supervise.json")


def test_a_grant_ends_to_the_moment(running: Running) -> None:
    running.call("request_permission", **EGRESS)
    running.control(op="approve", id=running.id_of(), scope="for", seconds=1)
    assert running.carrier.held
    began = time.monotonic()
    while running.carrier.held:
        assert time.monotonic() - began < 3
        time.sleep(0.01)
    assert time.monotonic() - began > 0.8


class Forge(Deciding):
    """Holds one thing for the operator, as the git gate does a push."""

    awaits = "push-"

    def __init__(self) -> None:
        self.status = "pending"

    def awaited(self, id: str) -> dict[str, Any]:
        if id != "push-3":
            raise Refused("There is no such push.")
        return {"status": self.status}


def test_an_agent_waits_for_what_another_gate_has_before_the_operator(tmp_path: Path) -> None:
    forge = Forge()
    with supervising(tmp_path, deciding=(forge,)) as running:
        assert running.call("await_decision", id="push-3", seconds=0)["status"] == "pending"
        found: list[dict[str, Any]] = []
        waiting = threading.Thread(target=lambda: found.append(running.call("await_decision", id="push-3", seconds=60)))
        waiting.start()
        forge.status = "approved"
        running.soon(forge.decided)
        waiting.join(WAIT_S)
        assert found == [{"id": "push-3", "status": "approved"}]


@pytest.mark.parametrize(
    "id", ["push-4", "push-", "push-x", "push-3-1", "pull-3", "push-+3", "push-99999999999", "../push-3", ""]
)
def test_what_no_gate_holds_cannot_be_awaited(tmp_path: Path, id: str) -> None:
    with supervising(tmp_path, deciding=(Forge(),)) as running:
        assert "error" in running.call("await_decision", id=id, seconds=60)
