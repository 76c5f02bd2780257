"""Servers behind the operator's proxy: git and LFS go through it, with what opens it, which is in no file and no message."""

import base64
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from forge import SLUG, Forge, commit, gated, head

from bot_bottle.gates.git_gate.plan import PROXY_LOGIN
from bot_bottle.gates.git_gate.serve import proxy_url
from bot_bottle.manifest.spec import FromEnv, GitUpstream, Upstream

LOGIN = "joe:s3cret/with:@signs"


class Proxy:
    """Opens tunnels (RFC 9110, CONNECT) to whoever says the right login, and counts them."""

    def __init__(self, login: str) -> None:
        self._expected = f"proxy-authorization: basic {base64.b64encode(login.encode()).decode()}".lower() if login else ""
        self.opened: list[str] = []
        self.refused = 0
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._server.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client:
            text = b""
            while b"\r\n\r\n" not in text:
                part = client.recv(4096)
                if not part:
                    return
                text += part
            head = text.decode("latin-1")
            if self._expected not in head.lower():
                self.refused += 1
                client.sendall(
                    b'HTTP/1.1 407 No\r\nProxy-Authenticate: Basic realm="p"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n'
                )
                return
            place = head.split(" ")[1]
            self.opened.append(place)
            host, _, port = place.rpartition(":")
            with socket.create_connection((host, int(port))) as server:
                client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                back = threading.Thread(target=pour, args=(server, client), daemon=True)
                back.start()
                pour(client, server)
                back.join(20)

    def close(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()


def pour(source: socket.socket, target: socket.socket) -> None:
    """Everything, to the end."""
    try:
        while part := source.recv(65536):
            target.sendall(part)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        return


@contextmanager
def proxied(login: str) -> Iterator[Proxy]:
    proxy = Proxy(login)
    try:
        yield proxy
    finally:
        proxy.close()


@pytest.fixture
def forge(tmp_path: Path) -> Iterator[Forge]:
    made = Forge(tmp_path / "forge")
    made.repository("repo")
    yield made
    made.close()


@pytest.mark.parametrize("login", ["", LOGIN])
def test_a_server_behind_the_proxy_is_cloned_and_pushed_to(tmp_path: Path, forge: Forge, login: str) -> None:
    with proxied(login) as proxy:
        world = Upstream(proxy=proxy.url, proxy_login=FromEnv(env="LOGIN") if login else None)
        upstreams = (GitUpstream(where="test", url=forge.url("repo"), credential="forge"),)
        secrets = {"forge": "correct-horse-battery-staple-41"} | ({PROXY_LOGIN: login} if login else {})
        with gated(tmp_path / "gate", upstreams, ca=forge.ca, secrets=secrets, world=world) as gate:
            work = gate.clone(forge.url("repo"))
            made = commit(work, {"x.txt": "x\n"})
            gate.git("push", "--quiet", "origin", "HEAD:work", at=work)
        assert head(tmp_path / "forge/repo.git", f"refs/heads/bottle/{SLUG}/work") == made
        assert len(proxy.opened) >= 3
        assert set(proxy.opened) == {f"127.0.0.1:{forge.port}"}
    word = login.partition(":")[2]
    stage = [path.read_bytes() for path in (tmp_path / "gate").rglob("*") if path.is_file()]
    assert not word or not any(word.encode() in text or b"s3cret" in text for text in stage)


def test_a_proxy_that_wants_another_login_is_named_and_the_login_is_not(tmp_path: Path, forge: Forge) -> None:
    with proxied("joe:another") as proxy:
        world = Upstream(proxy=proxy.url, proxy_login=FromEnv(env="LOGIN"))
        upstreams = (GitUpstream(where="test", url=forge.url("repo"), credential="forge"),)
        secrets = {"forge": "correct-horse-battery-staple-41", PROXY_LOGIN: LOGIN}
        with gated(tmp_path / "gate", upstreams, ca=forge.ca, secrets=secrets, world=world) as gate:
            target = gate.here(forge.url("repo"))
            failed = gate.git("clone", target, str(tmp_path / "work"), check=False)
        assert failed.returncode != 0
        assert proxy.opened == []
        assert "s3cret" not in failed.stderr + repr(gate.events)


def test_hosts_that_need_no_proxy_are_reached_without(tmp_path: Path, forge: Forge) -> None:
    with proxied("") as proxy:
        world = Upstream(proxy=proxy.url, no_proxy=("127.0.0.1",))
        upstreams = (GitUpstream(where="test", url=forge.url("repo"), credential="forge"),)
        with gated(tmp_path / "gate", upstreams, ca=forge.ca, world=world) as gate:
            gate.clone(forge.url("repo"))
        assert proxy.opened == []


@pytest.mark.parametrize(
    ("proxy", "login", "url"),
    [
        (None, "", None),
        ("http://proxy.example.com:3128", "", "http://proxy.example.com:3128"),
        ("http://proxy.example.com:3128", "joe:a b", "http://joe:a%20b@proxy.example.com:3128"),
        ("http://proxy.example.com:3128", "d\\joe:a@b:c/d", "http://d%5Cjoe:a%40b%3Ac%2Fd@proxy.example.com:3128"),
    ],
)
def test_a_login_is_written_as_git_reads_it(proxy: str | None, login: str, url: str | None) -> None:
    assert proxy_url(proxy, login) == url
