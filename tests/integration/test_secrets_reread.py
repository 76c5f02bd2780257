"""A credential whose file changes while the bottle runs: the server refuses the old one, the next request has the new one."""

import json
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from shop import Shop
from wire import HOST, Scene, header, read_head, scene

pytestmark = pytest.mark.skipif(
    shutil.which("bwrap") is None or shutil.which("curl") is None, reason="bubblewrap or curl is not installed"
)

OLD, NEW = "old-token-0123456789", "new-token-9876543210"
ASKS = "until curl -sf https://api.example.com/v1/x; do sleep 0.1; done; env; curl -s https://api.example.com/v1/x"


@pytest.fixture
def servers(tmp_path: Path) -> Iterator[Scene]:
    (tmp_path / "servers").mkdir()
    with scene(tmp_path / "servers") as made:
        yield made


def test_a_file_that_the_operators_own_tool_renews_is_read_again(shop: Shop, servers: Scene) -> None:
    file = shop.home / "login.json"
    file.write_text(json.dumps({"login": {"token": OLD}}))

    def talk(connection: socket.socket) -> None:
        buffer = bytearray()
        while head := read_head(connection, buffer):
            came = header(head, "authorization")
            if came == f"Bearer {OLD}":
                file.write_text(json.dumps({"login": {"token": NEW}}))  # as the tool on the host does
            content = f"hello, {came}\n".encode()
            status = 200 if came == f"Bearer {NEW}" else 401
            connection.sendall(f"HTTP/1.1 {status} X\r\nContent-Length: {len(content)}\r\n\r\n".encode() + content)

    server = servers.serve(talk)
    manifest = {
        "version": 1,
        "agent": "shell",
        "egress": {
            "rules": [{"host": HOST}],
            "upstream": {"connect": {f"{HOST}:443": f"127.0.0.1:{server.port}"}, "ca": [str(servers.servers_ca)]},
        },
        "credentials": [{"name": "api", "from": {"file": str(file), "key": "login.token"}, "to": [{"host": HOST}]}],
    }
    (shop.project / "m.yaml").write_text(json.dumps(manifest))
    done = shop.bot_bottle("run", "-q", "-f", "m.yaml", "--name", "again", "shell", "--", "sh", "-c", ASKS)
    assert done.returncode == 0, done.stderr
    masked = b"hello, Bearer " + b"*" * len(NEW) + b"\n"
    assert done.stdout.startswith(masked)
    assert done.stdout.endswith(masked)
    assert NEW.encode() not in done.stdout
    log = (shop.bottles() / "again/events.jsonl").read_text()
    notes = [json.loads(line) for line in log.splitlines()]
    assert [note["names"] for note in notes if note["event"] == "secrets-read"] == [["api"]]
    assert NEW not in log


def test_the_new_value_is_searched_for_in_requests(shop: Shop, servers: Scene) -> None:
    file = shop.home / "token"
    file.write_text(OLD)

    def talk(connection: socket.socket) -> None:
        buffer = bytearray()
        while head := read_head(connection, buffer):
            came = header(head, "authorization") or ""
            if came.endswith(OLD):
                file.write_text(NEW)
            status = 200 if came.endswith(NEW) else 401
            connection.sendall(f"HTTP/1.1 {status} X\r\nContent-Length: 0\r\n\r\n".encode())

    server = servers.serve(talk)
    manifest = {
        "version": 1,
        "agent": "shell",
        "egress": {
            "rules": [{"host": HOST}],
            "upstream": {"connect": {f"{HOST}:443": f"127.0.0.1:{server.port}"}, "ca": [str(servers.servers_ca)]},
        },
        "credentials": [{"name": "api", "from": {"file": str(file)}, "to": [{"host": HOST}]}],
    }
    (shop.project / "m.yaml").write_text(json.dumps(manifest))
    parts = f"{NEW[:9]} {NEW[9:]}"
    script = f'{ASKS.partition(";")[0]}; do sleep 0.1; done; set -- {parts}; curl -s https://{HOST}/v1/x -d "a=$1$2"'
    done = shop.bot_bottle("run", "-q", "-f", "m.yaml", "shell", "--", "sh", "-c", script)
    assert b"denied by bot-bottle" in done.stdout, done.stdout + done.stderr
    assert b"own:api" in done.stdout
