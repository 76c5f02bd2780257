"""Bytes, ends, deadlines and changes of policy in any order, on both sides: the gate never raises and never keeps a connection.

Streams are replaced by ones without a socket, so that thousands of orders take seconds; everything else is the gate's own.
"""

import asyncio
import random
import socket
from collections.abc import Callable
from typing import Any

import pytest
from wire import HOST, Scene, allow, credential

from bot_bottle.gates.egress import client as client_module
from bot_bottle.gates.egress.asking import Authority
from bot_bottle.gates.egress.client import Client
from bot_bottle.gates.egress.dial import CannotReach, Origin
from bot_bottle.gates.egress.serve import EgressGate
from bot_bottle.gates.egress.stream import Owner

ROUNDS = 3000
GET = f"GET /a HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode()
OF_BOTTLE = (
    GET,
    GET,
    f"POST /a HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 5\r\n\r\n".encode(),
    f"POST /a HTTP/1.1\r\nHost: {HOST}\r\nTransfer-Encoding: chunked\r\n\r\n".encode(),
    f"POST /a HTTP/1.1\r\nHost: {HOST}\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n".encode(),
    f"GET /ws HTTP/1.1\r\nHost: {HOST}\r\nUpgrade: websocket\r\nConnection: upgrade\r\nSec-WebSocket-Version: 13\r\n".encode(),
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    f"CONNECT {HOST}:443 HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode(),
    f"GET http://{HOST}/ HTTP/1.1\r\nHost: {HOST}\r\n\r\n".encode(),
    f"GET /a HTTP/1.0\r\nHost: {HOST}\r\n\r\n".encode(),
    f"HEAD /a HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n".encode(),
    b"hello", b"5\r\nhello\r\n", b"0\r\n\r\n", b"\r\n", b"\n", b"\x16\x03\x01\x00\x05\x01", b"\x81\x81\0\0\0\0a", b"GET ",
)  # fmt: skip
OF_SERVER = (
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    b"HTTP/1.1 200 OK\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n",
    b"HTTP/1.1 101 x\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
    b"HTTP/1.1 204 No Content\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 2\r\nConnection: close\r\n\r\nab",
    b"hello", b"5\r\nhello\r\n", b"0\r\n\r\n", b"\x81\x01a", b"\r\n", b"\n", b"HTTP/1.1 ", b"nonsense\r\n\r\n",
)  # fmt: skip


class NoSocket:
    """A stream as its owner sees it. It must be closed in the end, or be handed back."""

    def __init__(self, connection: Any, owner: Owner | None, *, closed: Callable[[], None] | None = None) -> None:  # Any: unused
        self.owner = owner
        self.is_open = True
        self.is_full = False
        self.appetite = 0
        self._closed = closed

    @property
    def closed(self) -> bool:
        return not self.is_open

    def hand_to(self, owner: Owner) -> None:
        self.owner = owner

    def write(self, content: bytes) -> None:
        assert isinstance(content, bytes)

    def start(self) -> None:
        return

    pause = resume = start

    def secure(self, *_: object, **__: object) -> "asyncio.Future[None]":
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        done.set_result(None)
        return done

    def abort(self, **_: object) -> None:
        if self.is_open:
            self.is_open = False
            if self._closed is not None:
                self._closed()

    finish = close = abort


class NoDialler:
    """Connections that come about, at once or later, or do not."""

    def __init__(self, dice: random.Random) -> None:
        self._dice = dice
        self.made: list[NoSocket] = []

    def _make(self, owner: Owner) -> NoSocket:
        self.made.append(NoSocket(None, owner))
        return self.made[-1]

    def take(self, _: Origin, owner: Owner) -> NoSocket | None:
        return self._make(owner) if self._dice.random() < 0.5 else None

    def give(self, _: Origin, stream: NoSocket) -> None:
        assert stream.is_open
        stream.abort()

    async def open(self, _: Origin, owner: Owner) -> NoSocket:
        if self._dice.random() < 0.2:
            raise CannotReach("no")
        return self._make(owner)

    def is_pinned_to_loopback(self, *_: object) -> bool:
        return False


def one_step(dice: random.Random, client: Client, bottle: NoSocket, servers: list[NoSocket]) -> None:
    """Something happens."""
    open_ones = [one for one in servers if one.is_open and one.owner is not None]
    kind = dice.choices(("bottle", "server", "server ends", "bottle ends", "late", "policy"), (60, 30, 5, 2, 3, 3))[0]
    if kind == "bottle" and bottle.is_open:
        assert bottle.owner is not None
        bottle.owner.received(b"".join(dice.choices(OF_BOTTLE, k=dice.randrange(1, 4))))
    elif kind == "server" and open_ones:
        owner = dice.choice(open_ones).owner
        assert owner is not None
        owner.received(b"".join(dice.choices(OF_SERVER, k=dice.randrange(1, 4))))
    elif kind == "server ends" and open_ones:
        gone = dice.choice(open_ones)
        owner, gone.owner = gone.owner, None
        assert owner is not None
        owner.ended(clean=dice.random() < 0.5)
    elif kind == "bottle ends" and bottle.is_open:
        assert bottle.owner is not None
        bottle.owner.ended(clean=True)
    elif kind == "late" and bottle.is_open:
        client.expire()
    elif kind == "policy":
        client.recheck()


async def play(gate: EgressGate, dice: random.Random) -> None:
    """One connection's life."""
    dialler = NoDialler(dice)
    gate.dialler = dialler  # type: ignore[assignment]  # the few methods that a client uses
    with socket.socket() as unused:
        client = Client(gate, unused)
        bottle: Any = client.stream  # Any: a NoSocket
        if dice.random() < 0.8:
            client._tunnel = Authority(scheme="https", host=HOST, port=443)
        for _ in range(dice.randrange(1, 14)):
            one_step(dice, client, bottle, dialler.made)
            if dice.random() < 0.3:
                await asyncio.sleep(0)
        for _ in range(3):
            await asyncio.sleep(0)
        if bottle.is_open:
            client.end()
        for _ in range(3):
            await asyncio.sleep(0)
    assert not [one for one in dialler.made if one.is_open and one.owner is not None]


@pytest.mark.parametrize("seed", range(4))
def test_nothing_in_any_order_raises_or_is_kept(stage: Scene, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    monkeypatch.setattr(client_module, "Stream", NoSocket)
    rules = (allow(), allow(scheme="http", ports=(80, 443)))
    config = stage.plan(*rules, credentials=(credential(),) if seed % 2 else ()).config()
    config["bottle"] = {"slug": "bottle", "stage_dir": str(stage.folder)}
    events: list[dict[str, Any]] = []

    async def run() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: crashes.append(context))
        gate = EgressGate(config, {"key": "a-secret-value"}, events.append)
        for _ in range(ROUNDS):
            await play(gate, dice)

    crashes: list[dict[str, Any]] = []
    dice = random.Random(seed)
    asyncio.run(run())
    assert crashes == []
    verdicts = [event["verdict"] for event in events if event["event"] == "decision"]
    assert min(verdicts.count("allow"), verdicts.count("deny")) > ROUNDS / 10
    decided = {event["id"] for event in events if event["event"] == "decision" and event["verdict"] == "allow"}
    assert decided == {event["id"] for event in events if event["event"] == "done"}
    done = [event["id"] for event in events if event["event"] == "done"]
    assert len(done) == len(set(done)), "an exchange ended twice"
