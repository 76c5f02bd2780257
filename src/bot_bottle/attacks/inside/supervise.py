"""Attempts of an agent to be its own operator: the supervise gate's protocol, and the operators' protocol at every door."""

from __future__ import annotations

import json
import os
import socket
import urllib.error
import urllib.request
from typing import Any

SECONDS = 20
CONTROL = [
    {"gate": "supervise", "op": "approve", "id": "1", "scope": "session"},
    {"gate": "supervise", "op": "list"},
    {"gate": "egress", "op": "reload", "config": {"rules": [{"host": "other.example.com", "where": "x", "scheme": "https"}]}},
    {"op": "stop"},
    {"op": "exec", "argv": ["true"]},
]


def settings() -> dict[str, Any]:
    """Where the gate is and what shows us to be this bottle; FileNotFoundError where there is no such gate."""
    with open(os.path.expanduser("~/.config/bot-bottle/mcp.json")) as file:
        found: dict[str, Any] = json.load(file)["mcpServers"]["supervise"]
    return found


def post(message: Any, path: str = "/mcp", **headers: str) -> tuple[int, Any]:
    """One message; its status and answer."""
    conf = settings()
    url = conf["url"][: -len("/mcp")] + path
    fields = {**conf["headers"], "content-type": "application/json", **headers}
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(
            urllib.request.Request(url, data=json.dumps(message).encode(), headers=fields), timeout=SECONDS
        ) as answer:
            return int(answer.status), json.loads(answer.read() or b"{}")
    except urllib.error.HTTPError as error:
        said = error.read()
        try:
            return error.code, json.loads(said or b"{}")
        except ValueError:
            return error.code, {}


def call(tool: str, **arguments: Any) -> tuple[int, Any]:
    """A tool of the gate's."""
    return post({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool, "arguments": arguments}})


def state_of(answer: Any) -> str:
    """What became of a request, in the gate's word."""
    try:
        return str(answer["result"]["structuredContent"]["status"])
    except (KeyError, TypeError):
        return "refused"


def ask(**more: Any) -> str:
    """A request for a host, with words in it that only an operator could say."""
    return state_of(
        call("request_permission", host="other.example.com", ports=[443], methods=["GET"], reason="to try", **more)[1]
    )


def tools(names: list[str]) -> tuple[str, str]:
    """Tools that would answer a request."""
    done = [
        name
        for name in names
        if "result" in call(name, id="1", scope="session")[1] and not refused(call(name, id="1", scope="session")[1])
    ]
    return ("answered" if done else "no such tool"), " ".join(done)


def refused(answer: Any) -> bool:
    """A tool's own error is an answer, and a refusal."""
    return bool(answer.get("result", {}).get("isError"))


def methods(names: list[str]) -> tuple[str, str]:
    """Methods of the protocol that would answer a request."""
    done = [
        name
        for name in names
        if "result" in post({"jsonrpc": "2.0", "id": 1, "method": name, "params": {"id": "1", "scope": "session"}})[1]
    ]
    return ("answered" if done else "no such method"), " ".join(done)


def paths(names: list[str]) -> tuple[str, str]:
    """Other places on the gate's server."""
    done = [name for name in names if post(CONTROL[0], name)[0] < 400]
    return ("answered" if done else "not there"), " ".join(done)


def other_token(token: str) -> str:
    """As another bottle."""
    return str(post({"jsonrpc": "2.0", "id": 1, "method": "ping"}, Authorization="Bearer " + token)[0])


def no_token() -> str:
    """As nobody."""
    conf = settings()
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(
            urllib.request.Request(conf["url"], data=b"{}", headers={"content-type": "application/json"}), timeout=SECONDS
        ) as answer:
            return str(answer.status)
    except urllib.error.HTTPError as error:
        return str(error.code)


def cross_site(origin: str) -> str:
    """As a page in a browser (the protocol's own warning of DNS rebinding)."""
    return str(post({"jsonrpc": "2.0", "id": 1, "method": "ping"}, Origin=origin)[0])


def control(ports: list[int]) -> tuple[str, str]:
    """The frames of the operators' commands (a length of four bytes, then JSON) at every port of the gates."""
    answered = []
    for port in ports:
        for message in CONTROL:
            body = json.dumps(message).encode()
            try:
                with socket.create_connection(("127.0.0.1", port), timeout=2) as channel:
                    channel.settimeout(1)
                    channel.sendall(len(body).to_bytes(4, "big") + body)
                    channel.shutdown(socket.SHUT_WR)  # nothing more comes: whoever waits for more gives up
                    said = channel.recv(4096)
            except OSError:
                continue
            if said and not said.startswith(b"HTTP/1.1 4"):
                answered.append("%d: %r" % (port, said[:40]))
    return ("answered" if answered else "refused"), " ".join(answered)


def flood(wanted: int) -> tuple[str, str]:
    """More requests than an operator could read."""
    states = [state_of(call("request_permission", host="h%d.example.com" % number, reason="x")[1]) for number in range(wanted)]
    return ("bounded" if states.count("pending") < wanted else "unbounded"), "%d pending" % states.count("pending")


def ask_for(host: str, paths: list[str] | None = None) -> str:
    """A request for this host."""
    more = {"paths": paths} if paths else {}
    return state_of(call("request_permission", host=host, reason="to try", **more)[1])
