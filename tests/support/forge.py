"""A server of git repositories over https with a password, around git's own `http-backend`, and a git gate on loopback.

The gate runs in a thread of its own with its real sockets, real git below it, and the real search for secrets beside it.
"""

import asyncio
import base64
import contextlib
import gzip
import json
import os
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from bot_bottle.gates.dlp.plan import plan_dlp
from bot_bottle.gates.dlp.serve import DlpGate
from bot_bottle.gates.egress.authority import Authority
from bot_bottle.gates.git_gate.inside import GATE, gate_url, gitconfig
from bot_bottle.gates.git_gate.plan import GitGatePlan, plan_git
from bot_bottle.gates.git_gate.serve import GitGate
from bot_bottle.manifest.spec import (
    BottleSpec,
    Credential,
    Dlp,
    Egress,
    FromEnv,
    Git,
    GitUpstream,
    SecretSource,
    Target,
    Upstream,
    Workspace,
)

WAIT_S = 60.0
SLUG = "test-bottle"
PASSWORD = "correct-horse-battery-staple-41"


def git(*words: str, at: Path | None = None, check: bool = True, **env: str) -> "subprocess.CompletedProcess[str]":
    """Run the system's git as an operator whose home is empty."""
    variables = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C.UTF-8"}
    identity = {f"GIT_{who}_{what}": value for who in ("AUTHOR", "COMMITTER") for what, value in AUTHOR.items()}
    done = subprocess.run(
        ("git", *words), cwd=at, env=variables | identity | env, capture_output=True, text=True, timeout=WAIT_S, check=False
    )
    assert not check or done.returncode == 0, f"git {' '.join(words)}: {done.stdout}{done.stderr}"
    return done


AUTHOR = {"NAME": "Agent", "EMAIL": "agent@example.com"}


def commit(at: Path, files: dict[str, str], message: str = "Change") -> str:
    """Write the files and commit them; the commit's id."""
    for name, content in files.items():
        (at / name).parent.mkdir(parents=True, exist_ok=True)
        (at / name).write_text(content)
    git("add", "--all", at=at)
    git("commit", "--quiet", "--allow-empty", "--message", message, at=at)
    return head(at)


def head(at: Path, ref: str = "HEAD") -> str:
    """What a ref is at; empty when it is not there."""
    return git("rev-parse", "--verify", "--quiet", ref, at=at, check=False).stdout.strip()


def operator_repository(path: Path) -> Path:
    """A repository as a person has it: a branch that is checked out, one commit."""
    git("init", "--quiet", "--initial-branch=main", str(path))
    commit(path, {"README.md": "A project.\n"}, "Begin")
    return path


class Forge:
    """Bare repositories in a folder, served over https on loopback to whoever says the right password."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.expected = "Basic " + base64.b64encode(f"x-access-token:{PASSWORD}".encode()).decode()
        self.requests: list[str] = []
        self.refused = 0
        self.moves_to = ""
        self.large: dict[str, bytes] = {}
        """LFS objects by what they are asked for as, whatever they are."""
        authority = Authority("forge")
        self.ca = folder / "ca.pem"
        self.ca.write_text(authority.certificate)
        pair = authority.leaf("127.0.0.1")
        leaf = folder / "leaf.pem"
        leaf.write_text(pair.certificate + pair.key)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(leaf)
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _backend(self))
        self._server.daemon_threads = True
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True, do_handshake_on_connect=False)
        self.port: int = self._server.socket.getsockname()[1]
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def url(self, name: str) -> str:
        """Where this repository is."""
        return f"https://127.0.0.1:{self.port}/{name}.git"

    def repository(self, name: str, *, filled: bool = True) -> Path:
        """A new bare repository that takes pushes, with one commit."""
        path = self.folder / f"{name}.git"
        git("init", "--quiet", "--bare", "--initial-branch=main", str(path))
        git("config", "http.receivepack", "true", at=path)
        git("config", "uploadpack.allowFilter", "true", at=path)
        if filled:
            work = operator_repository(self.folder / f"{name}-seed")
            git("push", "--quiet", str(path), "main", at=work)
        return path

    def close(self) -> None:
        """Stop."""
        self._server.shutdown()
        self._server.server_close()


def _backend(forge: Forge) -> type[BaseHTTPRequestHandler]:
    class Backend(BaseHTTPRequestHandler):
        """One request: checked for the password, given to `git http-backend` as a CGI program (RFC 3875)."""

        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._answer(b"")

        def do_POST(self) -> None:
            self._answer(self._body())

        def _body(self) -> bytes:
            if self.headers.get("Transfer-Encoding") != "chunked":
                content = self.rfile.read(int(self.headers.get("Content-Length", "0")))
            else:
                content = b""
                while size := int(self.rfile.readline().split(b";")[0], 16):
                    content += self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()
            return gzip.decompress(content) if self.headers.get("Content-Encoding") == "gzip" else content

        def _answer(self, body: bytes) -> None:
            forge.requests.append(f"{self.command} {self.path}")
            if forge.moves_to:
                self.send_response(302)
                self.send_header("Location", forge.moves_to + self.path)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            if self.headers.get("Authorization") != forge.expected:
                forge.refused += 1
                self.send_response(401)
                self.send_header("WWW-Authenticate", 'Basic realm="forge"')
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            path, _, query = self.path.partition("?")
            if "/info/lfs/" in path:
                self._answer_lfs(path, body)
                return
            env = {
                "PATH": os.environ["PATH"],
                "GIT_PROJECT_ROOT": str(forge.folder),
                "GIT_HTTP_EXPORT_ALL": "1",
                "GIT_CONFIG_NOSYSTEM": "1",
                "REQUEST_METHOD": self.command,
                "PATH_INFO": path,
                "QUERY_STRING": query,
                "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                "CONTENT_LENGTH": str(len(body)),
                "REMOTE_USER": "x-access-token",
                "REMOTE_ADDR": "127.0.0.1",
                "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            }
            done = subprocess.run(("git", "http-backend"), env=env, input=body, capture_output=True, timeout=WAIT_S, check=False)
            rows, _, content = done.stdout.partition(b"\r\n\r\n")
            fields = [row.decode().partition(": ")[::2] for row in rows.split(b"\r\n")]
            status = next((value for name, value in fields if name == "Status"), "200 OK")
            self.send_response(int(status.split()[0]))
            for name, value in fields:
                if name != "Status":
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def _answer_lfs(self, path: str, body: bytes) -> None:
            """The batch API, and the objects themselves behind the same password."""
            if path.endswith("/batch"):
                place = forge.url("x").removesuffix("x.git") + "info/lfs/"
                rows = [
                    {**one, "actions": {"download": {"href": place + one["oid"]}}}
                    for one in json.loads(body)["objects"]
                    if one["oid"] in forge.large
                ]
                content = json.dumps({"transfer": "basic", "objects": rows}).encode()
            else:
                content = forge.large.get(path.rpartition("/")[2], b"")
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    return Backend


@dataclass(kw_only=True)
class Gated:
    """A running gate, and what a bottle's git needs to reach it."""

    folder: Path
    port: int
    gate: GitGate
    plan: GitGatePlan
    events: list[dict[str, Any]] = field(default_factory=list)

    @property
    def home(self) -> Path:
        """The bottle's home."""
        return self.folder / "home"

    def url(self, name: str) -> str:
        """Where a repository of the operator's is inside."""
        return self.here(gate_url(name))

    def here(self, text: str) -> str:
        """What is said of the gate inside a bottle, for the port of this one."""
        return text.replace(GATE, f"http://127.0.0.1:{self.port}")

    def git(self, *words: str, at: Path | None = None, check: bool = True, **env: str) -> "subprocess.CompletedProcess[str]":
        """The bottle's git."""
        return git(*words, at=at, check=check, **{"HOME": str(self.home), "GIT_TERMINAL_PROMPT": "0"} | env)

    def clone(self, url: str, *more: str, name: str = "work") -> Path:
        """A clone as the agent makes it."""
        target = self.folder / name
        self.git("clone", "--quiet", *more, self.here(url), str(target))
        return target

    def talk(self, content: bytes, *, timeout_s: float = WAIT_S) -> bytes:
        """What the gate answers to these very bytes, until it closes."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=timeout_s) as channel:
            channel.sendall(content)
            answer = b""
            with contextlib.suppress(ConnectionResetError):
                while part := channel.recv(65536):
                    answer += part
            return answer


@contextmanager
def gated(
    folder: Path,
    upstreams: tuple[GitUpstream, ...],
    *,
    ca: Path | None = None,
    secrets: dict[str, str] | None = None,
    own: tuple[SecretSource, ...] = (),
    own_values: dict[str, str] | None = None,
    host: dict[str, str] | None = None,
    protected_paths: tuple[str, ...] = ("default",),
    world: Upstream | None = None,
) -> Iterator[Gated]:
    """A gate for these upstreams; the credential `forge` is the forge's password unless `secrets` say otherwise."""
    (folder / "home/.config/git").mkdir(parents=True)
    credential = Credential(
        name="forge", source=FromEnv(env="FORGE"), to=(Target(host="127.0.0.1", slot="basic", name="x-access-token"),), where="t"
    )
    spec = BottleSpec(
        agent="shell",
        backend="namespaces",
        workspace=Workspace(path=folder, mode="copy"),
        credentials=(credential,),
        git=Git(upstreams=upstreams, protected_paths=protected_paths),
        dlp=Dlp(secrets=own),
        egress=Egress(upstream=world or Upstream()),
    )
    variables = {"PATH": os.environ["PATH"], "HOME": str(folder / "home")} | (host or {})
    plan = plan_git(spec, variables, slug=SLUG, stage_dir=folder / "stage", roots=ca)
    assert plan is not None
    values = {"forge": PASSWORD} if secrets is None else secrets
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    port = listener.getsockname()[1]
    text = gitconfig([one.url for one in plan.repositories if one.url]).replace(GATE, f"http://127.0.0.1:{port}")
    (folder / "home/.config/git/config").write_text(text)
    events: list[dict[str, Any]] = []
    config = {**plan.config(), "bottle": {"slug": SLUG, "stage_dir": str(folder / "stage")}}
    gate = GitGate(config, values, events.append)
    dlp_plan = plan_dlp(spec, variables)
    gate.inspector = DlpGate(dlp_plan.config(), values | (own_values or {}), events.append)
    with _serving(gate, listener):
        yield Gated(folder=folder, port=port, gate=gate, plan=plan, events=events)


@contextmanager
def _serving(gate: GitGate, listener: socket.socket) -> Iterator[None]:
    """Serve in a thread; what went wrong in it is raised at the end."""
    failures: list[BaseException] = []
    loop = asyncio.new_event_loop()
    loop.set_exception_handler(lambda _, context: failures.append(context.get("exception") or RuntimeError(context["message"])))
    serving = loop.create_task(gate.serve(listener))

    def run() -> None:
        asyncio.set_event_loop(loop)
        with contextlib.suppress(asyncio.CancelledError):
            loop.run_until_complete(serving)
        loop.run_until_complete(gate.close())
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield
    finally:
        loop.call_soon_threadsafe(serving.cancel)
        thread.join(WAIT_S)
        listener.close()
        assert not thread.is_alive()
    if failures:
        raise failures[0]
