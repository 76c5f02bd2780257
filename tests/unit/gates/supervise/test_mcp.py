"""The protocol by table: what each message is answered, and that what cannot be is not acted on."""

from typing import Any

import pytest

from bot_bottle.gates.supervise import mcp, tools
from bot_bottle.gates.supervise.http import BadRequest, parse_head

SERVER = {"name": "s", "version": "1"}
PREFIX = "io.modelcontextprotocol/"


def take(message: Any, **headers: str) -> mcp.Call | mcp.Reply:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return mcp.take(message, named, server=SERVER, instructions="ask", tools=tools.TOOLS)


def request(method: str, params: Any = None, number: Any = 1) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": number, "method": method, "params": {} if params is None else params}


def modern(method: str, **params: Any) -> tuple[dict[str, Any], dict[str, str]]:
    meta = {f"{PREFIX}protocolVersion": "2026-07-28", f"{PREFIX}clientCapabilities": {}}
    headers = {"mcp_protocol_version": "2026-07-28", "mcp_method": method}
    if method == "tools/call":
        headers["mcp_name"] = str(params.get("name"))
    return request(method, {"_meta": meta, **params}), headers


def error_code(reply: mcp.Call | mcp.Reply) -> int:
    assert isinstance(reply, mcp.Reply)
    assert reply.message is not None
    return int(reply.message["error"]["code"])


@pytest.mark.parametrize("version", ["2025-03-26", "2025-06-18", "2025-11-25"])
def test_a_handshake_agrees_on_the_clients_version(version: str) -> None:
    reply = take(request("initialize", {"protocolVersion": version, "capabilities": {}, "clientInfo": {}}))
    assert isinstance(reply, mcp.Reply)
    assert reply.message is not None
    assert reply.message["result"]["protocolVersion"] == version


@pytest.mark.parametrize("version", ["2024-11-05", "2099-01-01", None, 7])
def test_a_version_that_is_not_spoken_is_answered_with_one_that_is(version: object) -> None:
    reply = take(request("initialize", {"protocolVersion": version}))
    assert isinstance(reply, mcp.Reply)
    assert reply.message is not None
    assert reply.message["result"]["protocolVersion"] == "2025-11-25"


@pytest.mark.parametrize(
    "message", [{"jsonrpc": "2.0", "method": "notifications/initialized"}, {"jsonrpc": "2.0", "id": 1, "result": {}}]
)
def test_notifications_and_answers_are_accepted_and_dropped(message: dict[str, Any]) -> None:
    assert take(message) == mcp.Reply(status=202)


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ([], mcp.INVALID_REQUEST),
        ([request("ping")], mcp.INVALID_REQUEST),
        ("ping", mcp.INVALID_REQUEST),
        (None, mcp.INVALID_REQUEST),
        ({"id": 1, "method": "ping"}, mcp.INVALID_REQUEST),
        (request("ping", number=None), mcp.INVALID_REQUEST),
        (request("ping", number=True), mcp.INVALID_REQUEST),
        (request("ping", number=[1]), mcp.INVALID_REQUEST),
        (request("ping", number="x" * 201), mcp.INVALID_REQUEST),
        (request("ping", [1]), mcp.INVALID_PARAMS),
        (request("resources/list"), mcp.METHOD_NOT_FOUND),
        (request("server/discover"), mcp.METHOD_NOT_FOUND),
        (request("approve", {"id": "1"}), mcp.METHOD_NOT_FOUND),
        (request("tools/call", {"name": 5}), mcp.INVALID_PARAMS),
        (request("tools/call", {"name": "x", "arguments": []}), mcp.INVALID_PARAMS),
    ],
)
def test_what_is_no_request_is_an_error(message: Any, code: int) -> None:
    assert error_code(take(message)) == code


def test_a_call_keeps_its_progress_token() -> None:
    call = take(request("tools/call", {"name": "await_decision", "arguments": {"id": "1"}, "_meta": {"progressToken": "p"}}))
    assert isinstance(call, mcp.Call)
    assert (call.tool, call.progress, call.is_modern) == ("await_decision", "p", False)


@pytest.mark.parametrize("token", [None, True, {"a": 1}, "x" * 300])
def test_a_token_that_is_none_is_left_out(token: object) -> None:
    call = take(request("tools/call", {"name": "x", "_meta": {"progressToken": token}}))
    assert isinstance(call, mcp.Call)
    assert call.progress is None


def test_the_revision_without_a_handshake_is_spoken() -> None:
    message, headers = modern("server/discover")
    reply = take(message, **headers)
    assert isinstance(reply, mcp.Reply)
    assert reply.message is not None
    result = reply.message["result"]
    assert result["supportedVersions"] == ["2026-07-28"]
    assert result["resultType"] == "complete"
    message, headers = modern("tools/call", name="current_policy", arguments={})
    call = take(message, **headers)
    assert isinstance(call, mcp.Call)
    assert mcp.result_of(call, {"content": []}, server=SERVER)["result"]["resultType"] == "complete"


@pytest.mark.parametrize(
    ("name", "value"),
    [("mcp_protocol_version", "2025-06-18"), ("mcp_method", "tools/list"), ("mcp_name", "withdraw")],
)
def test_headers_that_say_something_else_than_the_message_are_refused(name: str, value: str) -> None:
    message, headers = modern("tools/call", name="current_policy", arguments={})
    assert error_code(take(message, **{**headers, name: value})) == mcp.HEADER_MISMATCH
    del headers[name]
    assert error_code(take(message, **headers)) == mcp.HEADER_MISMATCH


def test_a_version_of_another_day_is_named_with_those_that_are_spoken() -> None:
    message, headers = modern("tools/list")
    message["params"]["_meta"][f"{PREFIX}protocolVersion"] = "2031-01-01"
    reply = take(message, **{**headers, "mcp_protocol_version": "2031-01-01"})
    assert error_code(reply) == mcp.UNSUPPORTED_VERSION
    assert isinstance(reply, mcp.Reply)
    assert reply.message is not None
    assert "2026-07-28" in reply.message["error"]["data"]["supported"]
    assert error_code(take(request("tools/list"), mcp_protocol_version="2024-01-01")) == mcp.UNSUPPORTED_VERSION


def test_no_tool_answers() -> None:
    assert set(tools.NAMES) == {
        "request_permission", "await_decision", "list_denials", "current_policy", "withdraw", "ask_operator",
    }  # fmt: skip


@pytest.mark.parametrize(
    "head",
    [
        b"POST /mcp HTTP/1.0\r\nHost: a\r\n\r\n",
        b"POST  /mcp HTTP/1.1\r\nHost: a\r\n\r\n",
        b"POST /mcp HTTP/1.1\r\n\r\n",
        b"POST /mcp HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
        b"POST /mcp HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\ncontent-length: 2\r\n\r\n",
        b"POST /mcp HTTP/1.1\r\nHost: a\r\nX : y\r\n\r\n",
        b"POST /mcp HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n",
        b"POST /mcp HTTP/1.1\r\nHost: a\nX: y\r\n\r\n",
        b"POST /mcp HTTP/1.1\r\nHost: a\r\nX: y\0\r\n\r\n",
        b"\xff\xfe /mcp HTTP/1.1\r\nHost: a\r\n\r\n",
    ],
)
def test_a_head_with_two_readings_is_refused(head: bytes) -> None:
    with pytest.raises(BadRequest):
        parse_head(head)


def test_a_head_is_read() -> None:
    method, target, headers = parse_head(b"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1:3130\r\nX-A:  b \r\n\r\n")
    assert (method, target, headers) == ("POST", "/mcp", {"host": "127.0.0.1:3130", "x-a": "b"})
