"""nginx as the second reader: it must see exactly the requests that the gate says it let through, whatever bytes came before."""

import contextlib
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from messages import nearly, soup
from wire import WAIT_S, Scene, allow, read_answer

from bot_bottle.manifest.spec import ConnectTo

HOST = "api.example.com"
CONFIG = """
daemon off; master_process off; worker_processes 1; user root; pid %(folder)s/pid; error_log %(folder)s/error.log;
events { worker_connections 512; }
http {
  client_body_temp_path %(folder)s/b; proxy_temp_path %(folder)s/p; fastcgi_temp_path %(folder)s/f;
  uwsgi_temp_path %(folder)s/u; scgi_temp_path %(folder)s/s;
  log_format seen "$request_method $request_uri $http_host $status"; access_log %(folder)s/seen seen;
  keepalive_requests 100000; ignore_invalid_headers off; merge_slashes off;
  server { listen 127.0.0.1:%(port)d; location / { return 200 "seen"; } }
}
"""


@pytest.fixture
def seen(stage: Scene) -> Iterator[Path]:
    """The log of an nginx behind the gate, plain http so that its connection is kept for every request."""
    if shutil.which("nginx") is None:
        pytest.skip("nginx is not installed")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    (stage.folder / "nginx.conf").write_text(CONFIG % {"folder": stage.folder, "port": port})
    argv = ("nginx", "-c", str(stage.folder / "nginx.conf"), "-p", str(stage.folder))
    process = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + WAIT_S
        while True:
            with contextlib.suppress(ConnectionRefusedError):
                socket.create_connection(("127.0.0.1", port)).close()
                break
            assert process.poll() is None, (stage.folder / "error.log").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.01)
        stage.pin(ConnectTo(host=HOST, port=80, address="127.0.0.1", to_port=port))
        stage.start(stage.plan(allow(scheme="http", ports=(80,))))
        yield stage.folder / "seen"
    finally:
        process.terminate()
        process.wait(WAIT_S)


def test_nginx_sees_what_the_gate_let_through_and_nothing_else(stage: Scene, seen: Path) -> None:
    @settings(max_examples=400, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
    @given(soup | nearly)
    def send(raw: bytes) -> None:
        with stage.tunnel(f"{HOST}:80") as connection, contextlib.suppress(OSError):
            connection.sendall(raw)
            connection.shutdown(socket.SHUT_WR)
            while connection.recv(65536):
                pass

    send()
    with stage.tunnel(f"{HOST}:80") as connection:  # whatever was left behind on the kept connection would come first now
        connection.sendall(f"GET /last HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode())
        assert read_answer(connection).body == b"seen"
    allowed = [(event["method"], event["path"]) for event in stage.decisions() if event["verdict"] == "allow"]
    lines = [line.split() for line in seen.read_text().splitlines()]
    assert len(allowed) > 20
    assert {host for _, _, host, _ in lines} == {HOST}
    finished = [(method, uri.partition("?")[0]) for method, uri, _, _ in lines]
    assert [one for one in finished if one not in allowed] == []
    assert len(finished) <= len(allowed)
    assert finished[-1] == ("GET", "/last")
