"""Rules on what is in a request: GraphQL operations and tools of MCP servers, through a real gate."""

import json

import pytest
from wire import HOST, Echo, Scene, allow

from bot_bottle.manifest.spec import McpTool, Rule

GRAPHQL = allow(paths=("/graphql",), graphql=("query.*", "mutation.createIssue"))
MCP = allow(paths=("/mcp",), mcp=(McpTool(tool="read_*"),))


def post(path: str, body: object, *fields: str) -> bytes:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    head = [f"POST {path} HTTP/1.1", f"Host: {HOST}", f"Content-Length: {len(content)}", *fields, "", ""]
    return "\r\n".join(head).encode() + content


def call(name: str) -> dict[str, object]:
    return {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": name}}


def begin(stage: Scene, *rules: Rule) -> Echo:
    echo = Echo()
    stage.serve(echo)
    stage.start(stage.plan(*rules))
    return echo


@pytest.mark.parametrize(
    ("rule", "raw", "status"),
    [
        (GRAPHQL, post("/graphql", {"query": "{ viewer { login } }"}), 200),
        (GRAPHQL, post("/graphql", {"query": "mutation { deleteRepository }"}), 403),
        (GRAPHQL, post("/graphql", {"query": "mutation { createIssue }"}, "Content-Encoding: gzip"), 403),
        (GRAPHQL, f"GET /graphql?query=mutation HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode(), 403),
        (MCP, post("/mcp", call("read_file")), 200),
        (MCP, post("/mcp", call("delete_repo")), 403),
        (MCP, f"GET /mcp HTTP/1.1\r\nHost: {HOST}\r\nAccept: text/event-stream\r\n\r\n".encode(), 200),
        (MCP, f"POST /mcp HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 0\r\n\r\n".encode(), 403),
    ],
)
def test_a_request_is_judged_by_its_whole_body(stage: Scene, rule: Rule, raw: bytes, status: int) -> None:
    echo = begin(stage, rule)
    answer = stage.ask(raw)
    assert answer.status == status
    assert all(b"delete" not in body for body in echo.bodies)
    assert echo.bodies or status == 403


def test_the_body_arrives_as_it_was_sent_whatever_its_pieces(stage: Scene) -> None:
    echo = begin(stage, MCP)
    content = json.dumps(call("read_file") | {"padding": "x" * 200_000}).encode()
    with stage.open() as connection:
        raw = post("/mcp", content)
        for start in range(0, len(raw), 7001):
            connection.sendall(raw[start : start + 7001])
        assert connection.recv(12) == b"HTTP/1.1 200"
    assert echo.bodies == [content]


def test_two_rules_for_one_server_add_up(stage: Scene) -> None:
    begin(stage, MCP, allow(paths=("/mcp",), mcp=(McpTool(tool="create_issue"),)))
    assert [stage.ask(post("/mcp", call(name))).status for name in ("read_x", "create_issue", "drop")] == [200, 200, 403]


def test_a_rule_that_does_not_look_inside_allows_everything(stage: Scene) -> None:
    begin(stage, MCP, allow())
    assert stage.ask(post("/mcp", call("drop"))).status == 200


def test_the_refusal_names_the_tool_and_what_is_allowed(stage: Scene) -> None:
    begin(stage, MCP)
    said = stage.ask(post("/mcp", call("drop"))).json
    assert "drop" in said["reason"]
    assert "read_*" in said["reason"]
