"""Where a running bundle answers the operator: a Unix socket in the stage dir that no bottle can reach.

One JSON frame in, one JSON frame back, as in `guest/frames.py`. Requests name a gate and an operation: {"gate": …, "op": …}.
"""

import asyncio
import json
import os
import socket
import struct
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from bot_bottle.errors import BottleError
from bot_bottle.gates.ask import ASK_TIMEOUT_S
from bot_bottle.gates.base import Gate
from bot_bottle.guest.frames import FRAME_LIMIT, BrokenFrame, Message


class ControlServer:
    """Answers the operator; one request for each connection."""

    def __init__(self, path: Path, gates: Mapping[str, Gate], *, keep_out: Callable[[Iterable[str]], None]) -> None:
        """`keep_out` is told the values of secrets that a gate is given, before it is given them."""
        self._path = path
        self._keep_out = keep_out
        self._gates = gates
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)

    def listen(self) -> None:
        """Take connections at the path (0600) from now on; they are answered once `serve` runs."""
        self._path.unlink(missing_ok=True)
        os.chdir(self._path.parent)  # sun_path is short (unix(7)), and a process that is not dumpable cannot use /proc/self/fd
        self._listener.bind(self._path.name)
        self._path.chmod(0o600)
        self._listener.listen()

    async def serve(self) -> None:
        """Answer until cancelled."""
        server = await asyncio.start_unix_server(self._answer, sock=self._listener)
        async with server:
            await server.serve_forever()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            uid = _peer(writer.get_extra_info("socket"))
            if uid not in {0, os.getuid()}:
                return
            async with asyncio.timeout(ASK_TIMEOUT_S):
                request = await _read_frame(reader)
            body = json.dumps(await self._dispatch(request | {"uid": uid}), separators=(",", ":")).encode()
            writer.write(len(body).to_bytes(4, "big") + body)
            async with asyncio.timeout(ASK_TIMEOUT_S):
                await writer.drain()
        except (OSError, EOFError, ValueError, BrokenFrame):
            return  # the operator's tool went away or spoke no frame: there is nobody to tell
        finally:
            writer.close()

    async def _dispatch(self, request: Message) -> Message:
        gate = self._gates.get(str(request.get("gate")))
        if gate is None:
            return {"error": "no such gate", "gates": sorted(self._gates)}
        secrets = request.get("secrets")
        if isinstance(secrets, dict):
            self._keep_out(str(value) for value in secrets.values())
        try:
            return await gate.control(request)
        except BottleError as error:
            return {"error": error.what, "facts": list(error.facts)}


async def _read_frame(reader: asyncio.StreamReader) -> Message:
    size = int.from_bytes(await reader.readexactly(4), "big")
    if size > FRAME_LIMIT:
        raise BrokenFrame(f"a frame of {size} bytes is over the limit of {FRAME_LIMIT}")
    message: Any = json.loads(await reader.readexactly(size))  # Any: JSON
    if not isinstance(message, dict):
        raise BrokenFrame("a frame must be a JSON object")
    return message


def _peer(channel: socket.socket) -> int:
    """The user that the other end runs as (unix(7), SO_PEERCRED); our own and root are the operator."""
    _, uid, _ = struct.unpack("3i", channel.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")))
    return int(uid)
