"""Programs that agents use, unmodified, through a gate: the environment that a bottle has, and files to fetch."""

import os
import shutil
import socket
import subprocess

import pytest
from wire import Scene, allow, header, read_exactly, read_head

from bot_bottle.agents.base import CA_VARIABLES

TIMEOUT_S = 60.0


class Files:
    """Serves these bodies by path; anything else is 404."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files
        self.asked: list[str] = []

    def __call__(self, connection: socket.socket) -> None:
        buffer = bytearray()
        while head := read_head(connection, buffer):
            method, target = head.split()[:2]
            read_exactly(connection, buffer, int(header(head, "content-length") or 0))
            path = target.decode().partition("?")[0]
            self.asked.append(path)
            body = self.files.get(path)
            status = b"404 Not Found" if body is None else b"200 OK"
            kind = b"text/html" if path.endswith("/") else b"application/json"
            answer = b"HTTP/1.1 %b\r\nContent-Type: %b\r\nContent-Length: %d\r\n\r\n" % (status, kind, len(body or b""))
            connection.sendall(answer if method == b"HEAD" else answer + (body or b""))


def environment(stage: Scene) -> dict[str, str]:
    """What a bottle has: the proxy, the CA in every place, a home of its own."""
    proxy = f"http://127.0.0.1:{stage.port}"
    home = stage.folder / "home"
    home.mkdir(exist_ok=True)
    names = {"HTTP_PROXY": proxy, "HTTPS_PROXY": proxy, "http_proxy": proxy, "https_proxy": proxy}
    return names | dict.fromkeys(CA_VARIABLES, str(stage.ca)) | {"PATH": os.environ["PATH"], "HOME": str(home)}


def run(stage: Scene, *argv: str) -> subprocess.CompletedProcess[str]:
    """Run it as in a bottle."""
    if shutil.which(argv[0]) is None:
        pytest.skip(f"{argv[0]} is not installed")
    return subprocess.run(
        argv, env=environment(stage), cwd=stage.folder, capture_output=True, text=True, timeout=TIMEOUT_S, check=False
    )


def serve(stage: Scene, files: dict[str, bytes], *, git: bool = False) -> Files:
    """A server of these files behind a gate that allows them and nothing else; git over https only when the rule says so."""
    server = Files(files)
    stage.serve(server)
    stage.start(stage.plan(allow(paths=("/allowed/**",), git=git)))
    return server
