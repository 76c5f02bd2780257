"""A real gate on loopback in a thread of its own, real TLS servers behind it, and a client that writes bytes."""

import asyncio
import contextlib
import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bot_bottle.gates.base import Granted
from bot_bottle.gates.egress.authority import Authority
from bot_bottle.gates.egress.plan import Bounds, EgressPlan
from bot_bottle.gates.egress.resolve import Lookup
from bot_bottle.gates.egress.serve import EgressGate
from bot_bottle.gates.egress.stream import LINGER_S
from bot_bottle.manifest.spec import ConnectTo, Credential, FromEnv, Rule, Target, Upstream

HOST = "api.example.com"
WAIT_S = 10.0

Conversation = Callable[[socket.socket], None]
"""What a server does on one accepted (TLS) connection."""


class Server:
    """A TLS (or plain) server on loopback; each connection runs `talk` in a thread."""

    def __init__(self, context: ssl.SSLContext | None, talk: Conversation) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port: int = self._listener.getsockname()[1]
        self._context = context
        self._talk = talk
        self.accepted = 0
        self.requests: list[bytes] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            self.accepted += 1
            threading.Thread(target=self._run, args=(connection,), daemon=True).start()

    def _run(self, connection: socket.socket) -> None:
        connection.settimeout(WAIT_S)
        with connection, contextlib.suppress(OSError):
            if self._context is None:
                self._talk(connection)
                return
            with self._context.wrap_socket(connection, server_side=True) as secured:
                self._talk(secured)

    def close(self) -> None:
        """Stop listening."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


async def all_closed() -> None:
    """Until no stream of the loop is open: one that says goodbye stays for a moment."""
    watched = asyncio.get_running_loop()._selector  # type: ignore[attr-defined]  # the loop has no other way to say it
    deadline = time.monotonic() + 2 * LINGER_S
    while len(watched.get_map()) > 1 and time.monotonic() < deadline:  # noqa: ASYNC110  # sockets that close tell nobody
        await asyncio.sleep(0.005)


def read_head(connection: socket.socket, buffer: bytearray) -> bytes:
    """One message head; empty at the end of the connection."""
    while b"\r\n\r\n" not in buffer:
        part = connection.recv(65536)
        if not part:
            return b""
        buffer += part
    end = buffer.index(b"\r\n\r\n") + 4
    head = bytes(buffer[:end])
    del buffer[:end]
    return head


def read_exactly(connection: socket.socket, buffer: bytearray, count: int) -> bytes:
    """So many bytes of a body."""
    while len(buffer) < count:
        part = connection.recv(65536)
        if not part:
            break
        buffer += part
    body = bytes(buffer[:count])
    del buffer[:count]
    return body


def header(head: bytes, name: str) -> str | None:
    """The value of the first field of this name."""
    for line in head.decode("latin-1").split("\r\n")[1:]:
        key, _, value = line.partition(":")
        if key.lower() == name:
            return value.strip()
    return None


@dataclass(kw_only=True)
class Echo:
    """A server's manners: answers each request with what it received, as JSON; keeps the connection."""

    heads: list[bytes] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    extra: str = ""

    def __call__(self, connection: socket.socket) -> None:
        buffer = bytearray()
        while head := read_head(connection, buffer):
            self.heads.append(head)
            body = self._body(connection, buffer, head)
            self.bodies.append(body)
            content = json.dumps({"head": head.decode("latin-1"), "body": body.decode("latin-1")}).encode()
            answer = f"HTTP/1.1 200 OK\r\nContent-Length: {len(content)}\r\n{self.extra}\r\n".encode()
            connection.sendall(answer if head.startswith(b"HEAD ") else answer + content)

    def _body(self, connection: socket.socket, buffer: bytearray, head: bytes) -> bytes:
        if header(head, "transfer-encoding") == "chunked":
            body = b""
            while True:
                while b"\r\n" not in buffer:
                    if not (part := connection.recv(65536)):
                        return body
                    buffer += part
                end = buffer.index(b"\r\n")
                size = int(bytes(buffer[:end]), 16)
                del buffer[: end + 2]
                body += read_exactly(connection, buffer, size)
                read_exactly(connection, buffer, 2)
                if not size:
                    return body
        return read_exactly(connection, buffer, int(header(head, "content-length") or 0))


class Scene:
    """One gate. Rules and servers are given per test; events are collected."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.events: list[dict[str, Any]] = []
        self._servers_authority = Authority("servers")
        self.servers_ca = folder / "servers.pem"
        self.servers_ca.write_text(self._servers_authority.certificate)
        self.ca = folder / "ca.pem"
        """Written once the gate has started: what its clients trust."""
        self._servers: list[Server] = []
        self._pins: list[ConnectTo] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._thread: threading.Thread | None = None
        self.gate: EgressGate | None = None
        self.port = 0
        self.failure: BaseException | None = None

    def server_context(self, *names: str) -> ssl.SSLContext:
        """TLS as the real server of these names."""
        pair = self._servers_authority.leaf(names[0])
        path = self.folder / f"leaf-{names[0]}.pem"
        path.write_text(pair.certificate + pair.key)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(path)
        context.set_alpn_protocols(["http/1.1"])
        return context

    def serve(self, talk: Conversation, *, host: str = HOST, port: int = 443, tls: bool = True, named: str = "") -> Server:
        """A server that the gate dials for host:port. `named`: the certificate's name when it is not the host's."""
        server = Server(self.server_context(named or host) if tls else None, talk)
        self._servers.append(server)
        self._pins.append(ConnectTo(host=host, port=port, address="127.0.0.1", to_port=server.port))
        return server

    def pin(self, place: ConnectTo) -> None:
        """Have the gate dial this for a host."""
        self._pins.append(place)

    def plan(
        self,
        *rules: Rule,
        credentials: tuple[Credential, ...] = (),
        bounds: Bounds | None = None,
        proxy: str | None = None,
        pins: bool = True,
    ) -> EgressPlan:
        """The gate's plan as a manifest would give it."""
        connect = tuple(self._pins) if pins else ()
        upstream = Upstream(ca=(self.servers_ca,), connect=connect, proxy=proxy)
        return EgressPlan(rules=rules, credentials=credentials, upstream=upstream, bounds=bounds or Bounds())

    def start(self, plan: EgressPlan, *, values: dict[str, str] | None = None, lookup: Lookup | None = None) -> None:
        """Run the gate."""
        config = json.loads(json.dumps(plan.config()))
        config["bottle"] = {"slug": "bottle", "stage_dir": str(self.folder)}
        listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.port = listener.getsockname()[1]
        started = threading.Event()

        async def run() -> None:
            self._loop = asyncio.get_running_loop()
            self._loop.set_exception_handler(self._crashed)
            self.gate = EgressGate(config, values or {}, self.events.append, lookup=lookup)
            self.gate.can_ask = True
            self.ca.write_text(self.gate.authority)
            self._task = asyncio.current_task()
            started.set()
            try:
                await self.gate.serve(listener)
            except asyncio.CancelledError:
                await self.gate.close()
                await all_closed()
            finally:
                listener.close()

        self._thread = threading.Thread(target=lambda: asyncio.run(run()), daemon=True)
        self._thread.start()
        assert started.wait(WAIT_S)

    def _crashed(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        self.failure = context.get("exception") or RuntimeError(context["message"])

    def control(self, request: dict[str, Any]) -> dict[str, Any]:
        """As the operator."""
        assert self._loop is not None
        assert self.gate is not None
        return asyncio.run_coroutine_threadsafe(self.gate.control(request), self._loop).result(WAIT_S)

    def adjust(self, *granted: Granted) -> None:
        """As the supervise gate: these grants hold, and no others."""

        async def change() -> None:
            assert self.gate is not None
            self.gate.adjust(granted)

        assert self._loop is not None
        asyncio.run_coroutine_threadsafe(change(), self._loop).result(WAIT_S)

    def close(self) -> None:
        """End the gate and the servers; a crash of the gate fails the test."""
        if self._loop is not None and self._task is not None and self._thread is not None:
            self._loop.call_soon_threadsafe(self._task.cancel)
            self._thread.join(WAIT_S)
            assert not self._thread.is_alive()
        for server in self._servers:
            server.close()
        if self.failure is not None:
            raise self.failure

    # The bottle's side.

    def dial(self) -> socket.socket:
        """A plain connection to the gate."""
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=WAIT_S)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def tunnel(self, authority: str = f"{HOST}:443", *, host: str | None = None) -> socket.socket:
        """A connection after an accepted CONNECT."""
        connection = self.dial()
        connection.sendall(f"CONNECT {authority} HTTP/1.1\r\nHost: {host or authority}\r\n\r\n".encode())
        answer = read_head(connection, bytearray())
        assert answer.startswith(b"HTTP/1.1 200 "), answer
        return connection

    def secure(self, connection: socket.socket, name: str | None = HOST) -> ssl.SSLSocket:
        """TLS inside the tunnel, trusting the bottle's CA."""
        context = ssl.create_default_context(cafile=str(self.ca))
        if name is None:
            context.check_hostname = False
        return context.wrap_socket(connection, server_hostname=name)

    def open(self, authority: str = f"{HOST}:443") -> ssl.SSLSocket:
        """CONNECT and TLS."""
        return self.secure(self.tunnel(authority), authority.rpartition(":")[0])

    def ask(self, raw: bytes, *, authority: str = f"{HOST}:443") -> "Answer":
        """Send these bytes inside a new tunnel; the answer."""
        with self.open(authority) as connection:
            connection.sendall(raw)
            return read_answer(connection)

    def decisions(self) -> list[dict[str, Any]]:
        """The decision events so far."""
        return [event for event in self.events if event["event"] == "decision"]


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A parsed answer."""

    status: int
    head: bytes
    body: bytes

    @property
    def json(self) -> dict[str, Any]:
        """The body as JSON."""
        parsed = json.loads(self.body)
        assert isinstance(parsed, dict)
        return parsed


def read_answer(connection: socket.socket, buffer: bytearray | None = None) -> Answer:
    """One answer with its body; status 0 when the connection ends first."""
    buffer = bytearray() if buffer is None else buffer
    try:
        head = read_head(connection, buffer)
    except OSError:
        head = b""
    if not head:
        return Answer(status=0, head=b"", body=b"")
    status = int(head.split()[1])
    if header(head, "transfer-encoding") == "chunked":
        body = Echo()._body(connection, buffer, head)
    elif (length := header(head, "content-length")) is not None:
        body = read_exactly(connection, buffer, int(length))
    else:
        body = read_exactly(connection, buffer, 1 << 30) if status >= 200 and status != 204 else b""
    return Answer(status=status, head=head, body=body)


@contextmanager
def scene(folder: Path) -> Iterator[Scene]:
    """A scene that is closed whatever happens."""
    one = Scene(folder)
    try:
        yield one
    finally:
        one.close()


def allow(host: str = HOST, **more: Any) -> Rule:  # Any: the fields of a rule
    """An allowing rule."""
    return Rule(host=host, where="test:1", **more)


def deny(host: str = HOST, **more: Any) -> Rule:  # Any: the fields of a rule
    """A denying rule."""
    return Rule(host=host, where="test:2", deny=True, **more)


def credential(name: str = "key", **target: Any) -> Credential:  # Any: the fields of a target
    """A credential of this shape."""
    return Credential(name=name, source=FromEnv(env="KEY"), to=(Target(**({"host": HOST} | target)),), where="test:3")
