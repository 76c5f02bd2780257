"""A supervise gate on a loopback port with a gate that keeps what it is told: for tests over real sockets."""

import asyncio
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from desks import Carrier

from bot_bottle.gates.base import Deciding, Event
from bot_bottle.gates.supervise.plan import TOKEN
from bot_bottle.gates.supervise.serve import SuperviseGate

WAIT_S = 20.0
SECRET = "the-token-of-this-bottle"
CONFIG: dict[str, Any] = {"unattended": "wait", "within": [], "within_s": 60.0}


class Running:
    """The gate in a thread of its own."""

    def __init__(self, stage_dir: Path, *, slug: str = "b1", token: str = SECRET, deciding: tuple[Deciding, ...] = ()) -> None:
        self.carrier = Carrier()
        self.events: list[Event] = []
        self.token = token
        self._config = {**CONFIG, "bottle": {"slug": slug, "stage_dir": str(stage_dir)}}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self.gate: SuperviseGate | None = None
        self.failure: BaseException | None = None
        listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = int(listener.getsockname()[1])
        started = threading.Event()

        async def run() -> None:
            self._loop = asyncio.get_running_loop()
            self._loop.set_exception_handler(self._crashed)
            self.gate = SuperviseGate(self._config, {TOKEN: token}, self.events.append)
            self.gate.adjustable = (self.carrier,)
            self.gate.deciding = deciding
            self._task = asyncio.current_task()
            self._loop.call_soon(started.set)
            try:
                await self.gate.serve(listener)
            except asyncio.CancelledError:
                for task in asyncio.all_tasks() - {asyncio.current_task()}:
                    task.cancel()
                await asyncio.sleep(0)
            finally:
                listener.close()

        self._thread = threading.Thread(target=lambda: asyncio.run(run()), daemon=True)
        self._thread.start()
        assert started.wait(WAIT_S)

    def _crashed(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        failure = context.get("exception") or RuntimeError(context["message"])
        if not isinstance(failure, asyncio.CancelledError):  # asyncio's own server tells of connections that end with it
            self.failure = failure

    @property
    def url(self) -> str:
        """Where clients connect."""
        return f"http://127.0.0.1:{self.port}/mcp"

    def control(self, **request: Any) -> dict[str, Any]:
        """As the operator's socket."""
        assert self._loop is not None
        assert self.gate is not None
        return asyncio.run_coroutine_threadsafe(self.gate.control({"by": "ann", **request}), self._loop).result(WAIT_S)

    def soon(self, work: Callable[[], None]) -> None:
        """Have it done where the gate runs."""
        assert self._loop is not None
        self._loop.call_soon_threadsafe(work)

    def id_of(self, number: int = 1) -> str:
        """The id under which the operator is shown it now."""
        return next(str(row["id"]) for row in self.control(op="list")["asks"] if row["number"] == number)

    def dial(self) -> socket.socket:
        """A plain connection, as anything in the bottle can make."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=WAIT_S)

    def post(self, message: Any, connection: socket.socket | None = None, /, **headers: str) -> tuple[int, bytes]:
        """One message by hand; status and content of the whole answer."""
        own = connection or self.dial()
        own.sendall(self.raw(message, **headers))
        status, body = read(own)
        if connection is None:
            own.close()
        return status, body

    def raw(self, message: Any, **headers: str) -> bytes:
        """The bytes of one POST."""
        body = message if isinstance(message, bytes) else json.dumps(message).encode()
        fields = {
            "host": f"127.0.0.1:{self.port}",
            "authorization": f"Bearer {self.token}",
            "content-type": "application/json",
            "accept": "application/json, text/event-stream",
            "content-length": str(len(body)),
        } | {name.replace("_", "-"): value for name, value in headers.items()}
        lines = ["POST /mcp HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items() if value), "", ""]
        return "\r\n".join(lines).encode() + body

    def call(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """Call a tool and give its structured content."""
        message = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": tool, "arguments": arguments}}
        status, body = self.post(message)
        assert status == 200, body
        result: dict[str, Any] = json.loads(
            body.partition(b"data: ")[2].partition(b"\n")[0] if body.startswith(b"event") else body
        )
        content: dict[str, Any] = result["result"]["structuredContent"]
        return content

    def close(self) -> None:
        """End it; a crash of the gate fails the test."""
        assert self._loop is not None
        assert self._task is not None
        self._loop.call_soon_threadsafe(self._task.cancel)
        self._thread.join(WAIT_S)
        assert not self._thread.is_alive()
        if self.failure is not None:
            raise self.failure


def read(connection: socket.socket) -> tuple[int, bytes]:
    """Status and content of one answer; a stream is read to its end."""
    received = b""
    while b"\r\n\r\n" not in received:
        part = connection.recv(65536)
        if not part:
            return 0, b""
        received += part
    head, _, body = received.partition(b"\r\n\r\n")
    status = int(head.split()[1])
    if b"chunked" in head:
        while not body.endswith(b"0\r\n\r\n"):
            body += connection.recv(65536)
        return status, b"".join(_chunks(body))
    size = int(next(line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")).split(b":")[1])
    while len(body) < size:
        body += connection.recv(65536)
    return status, body


def _chunks(body: bytes) -> Iterator[bytes]:
    while body:
        size, _, rest = body.partition(b"\r\n")
        yield rest[: int(size, 16)]
        body = rest[int(size, 16) + 2 :]


@contextmanager
def supervising(stage_dir: Path, **options: Any) -> Iterator[Running]:
    """A running gate, ended whatever happens."""
    running = Running(stage_dir, **options)
    try:
        yield running
    finally:
        running.close()
