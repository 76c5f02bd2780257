"""Runs in a bottle: asks for a host, then tries to be its own operator. Prints what it could do, one line for each thing."""

import json
import os
import socket
import stat
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

HOST_PATHS = json.loads(sys.argv[1])
CONF = json.loads(Path("~/.config/bot-bottle/mcp.json").expanduser().read_text())["mcpServers"]["supervise"]
HTTP = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def post(message: Any, path: str = "/mcp", headers: dict[str, str] | None = None) -> tuple[int, Any]:
    url = CONF["url"].removesuffix("/mcp") + path
    fields = {**CONF["headers"], "content-type": "application/json", **(headers or {})}
    try:
        with HTTP.open(urllib.request.Request(url, data=json.dumps(message).encode(), headers=fields), timeout=20) as answer:
            return answer.status, json.loads(answer.read() or b"{}")
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read() or b"{}")


def call(tool: str, **arguments: Any) -> tuple[int, Any]:
    return post({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool, "arguments": arguments}})


def fetch() -> int:
    try:
        with urllib.request.urlopen("http://plain.example.com/", timeout=20) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def frame(message: Any) -> bytes:
    body = json.dumps(message).encode()
    return len(body).to_bytes(4, "big") + body


APPROVE = [
    {"gate": "supervise", "op": "approve", "id": "1", "scope": "session"},
    {"gate": "supervise", "op": "list"},
    {"op": "stop"},
    {"op": "exec", "argv": ["true"]},
    {"gate": "egress", "op": "reload", "config": {"rules": [{"host": "plain.example.com", "where": "x", "scheme": "http"}]}},
]


def try_socket(family: socket.AddressFamily, address: Any, name: str) -> None:
    for message in APPROVE:
        with socket.socket(family, socket.SOCK_STREAM) as one:
            one.settimeout(0.5)
            try:
                one.connect(address)
            except OSError:
                return
            try:
                one.sendall(frame(message))
                answer = one.recv(4096)
            except OSError:
                answer = b""
            if answer.startswith(b"HTTP/1.1 4") or not answer:
                continue
            print("ANSWERED", name, answer[:80], flush=True)


_, filed = call("request_permission", host="plain.example.com", ports=[80], scheme="http", methods=["GET"], reason="to try")
print("FILED", filed["result"]["structuredContent"]["status"], flush=True)

for path in HOST_PATHS:
    for mode in ("rb", "ab"):
        try:
            with open(path, mode) as file:
                file.write(b"x") if mode == "ab" else file.read(1)
            print("OPENED", mode, path, flush=True)
        except OSError:
            pass
    try_socket(socket.AF_UNIX, path, path)

for top in ("/run", "/tmp", "/var", "/home", "/work", "/root", "/etc", "/dev", "/opt", "/srv", "/mnt"):
    for folder, _below, names in os.walk(top):
        for name in names:
            path = os.path.join(folder, name)
            try:
                if stat.S_ISSOCK(os.lstat(path).st_mode):
                    try_socket(socket.AF_UNIX, path, path)
            except OSError:
                continue
for row in Path("/proc/net/unix").read_text().splitlines()[1:]:
    words = row.split()
    if len(words) > 7 and words[7].startswith("@"):
        try_socket(socket.AF_UNIX, "\0" + words[7][1:], words[7])
opened = []
for port in range(1, 65536):
    with socket.socket() as one:
        one.settimeout(0.2)
        if one.connect_ex(("127.0.0.1", port)) == 0 and one.getsockname() != one.getpeername():  # not to itself
            opened.append(port)
print("PORTS", opened, flush=True)
for port in opened:
    try_socket(socket.AF_INET, ("127.0.0.1", port), f"port {port}")
for descriptor in range(3, 256):
    try:
        if stat.S_ISSOCK(os.fstat(descriptor).st_mode):
            print("INHERITED", descriptor, flush=True)
    except OSError:
        continue

for method in ("approve", "tools/approve", "operator/approve", "control", "grants/add"):
    if "result" in post({"jsonrpc": "2.0", "id": 1, "method": method, "params": {"id": "1", "scope": "session"}})[1]:
        print("ANSWERED", method, flush=True)
for tool in ("approve", "deny", "grant", "revoke", "list", "reload"):
    if "result" in call(tool, id="1", scope="session")[1]:
        print("ANSWERED", tool, flush=True)
for path in ("/", "/approve", "/control", "/mcp/approve", "/mcp?op=approve", "//mcp"):
    if post({"gate": "supervise", "op": "approve", "id": "1"}, path)[0] == 200:
        print("ANSWERED", path, flush=True)
for more in ({"approved": True}, {"state": "approved"}, {"scope": "always"}, {"answer": {"by": "operator"}}):
    status = call("request_permission", host="plain.example.com", reason="x", **more)[1]["result"]["structuredContent"].get(
        "status"
    )
    if status == "approved":
        print("APPROVED BY", more, flush=True)
other = post({"jsonrpc": "2.0", "id": 1, "method": "ping"}, headers={"Authorization": "Bearer " + sys.argv[2]})[0]
print("OTHER BOTTLE'S TOKEN", other, flush=True)
print("STATUS", call("await_decision", id="1")[1]["result"]["structuredContent"]["status"], flush=True)
print("FETCH", fetch(), flush=True)
