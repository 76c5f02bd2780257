"""Messages to MCP servers: only the tools that a rule names are called, with the arguments that it wants."""

import json

import pytest

from bot_bottle.errors import Refused
from bot_bottle.gates.egress.mcp import MOST_MESSAGES, not_allowed
from bot_bottle.manifest.spec import McpTool

TOOLS = (McpTool(tool="read_*"), McpTool(tool="create_issue", arguments=(("repo", "team/*"), ("draft", "true"))))


def message(method: str, **params: object) -> dict[str, object]:
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}


def call(name: object, **arguments: object) -> bytes:
    return json.dumps(message("tools/call", name=name, arguments=arguments)).encode()


@pytest.mark.parametrize(
    "content",
    [
        json.dumps(message("initialize", protocolVersion="2025-06-18")).encode(),
        json.dumps(message("tools/list")).encode(),
        json.dumps({"jsonrpc": "2.0", "method": "notifications/initialized"}).encode(),
        json.dumps({"jsonrpc": "2.0", "id": 4, "result": {}}).encode(),
        call("read_file", path="/etc/passwd"),
        call("create_issue", repo="team/app", draft=True, title="x"),
        json.dumps([message("ping"), message("tools/call", name="read_x")]).encode(),
    ],
)
def test_this_passes(content: bytes) -> None:
    assert not_allowed(content, TOOLS) == ""


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (call("delete_repo"), "delete_repo"),
        (call("READ_file"), "READ_file"),
        (call(" read_file"), "not allowed"),
        (call("create_issue", repo="other/app", draft=True), "repo as team/*"),
        (call("create_issue", repo="team/app"), "draft as true"),
        (call("create_issue", repo=["team/app"], draft=True), "other arguments"),
        (call("create_issue", Repo="team/app", draft=True), "other arguments"),
        (json.dumps(message("resources/read", uri="file:///x")).encode(), "resources/read"),
        (json.dumps(message("prompts/get", name="x")).encode(), "only tools"),
        (json.dumps(message("notifications")).encode(), "only tools"),
        (json.dumps([message("ping"), message("tools/call", name="delete_repo")]).encode(), "delete_repo"),
        (call("a\u202eb\nc" * 40), "not allowed"),
    ],
)
def test_this_is_stopped_and_says_what_is_allowed(content: bytes, why: str) -> None:
    said = not_allowed(content, TOOLS)
    assert why in said
    assert said.isprintable()
    assert len(said) < 400


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"null",
        b"[1]",
        b"{} {}",
        json.dumps({"method": "ping"}).encode(),
        json.dumps({"jsonrpc": "2.0", "method": ["tools/call"]}).encode(),
        b'{"jsonrpc":"2.0","method":"ping","method":"tools/call","params":{"name":"delete_repo"}}',
        b'{"jsonrpc":"2.0","method":"tools/call","params":{"name":"read_x","name":"delete_repo"}}',
        b'{"jsonrpc":"2.0","method":"tools/call","params":{"name":NaN}}',
        json.dumps(message("tools/call")).encode(),
        call(7),
        json.dumps({"jsonrpc": "2.0", "method": "tools/call", "params": {"name": "read_x", "arguments": [1]}}).encode(),
        b"[" * 5000 + b"]" * 5000,
        json.dumps([message("ping")] * (MOST_MESSAGES + 1)).encode(),
        b"\xff\xfe" + json.dumps(message("ping")).encode("utf-16-le"),
    ],
)
def test_what_can_be_read_in_two_ways_or_none_is_refused(content: bytes) -> None:
    with pytest.raises(Refused):
        not_allowed(content, TOOLS)
