"""The supervise gate: the bottle's MCP connections on one side, the operator's control socket on the other.

The bottle controls every byte on its socket and reaches nothing but `talk`; only `control`, on a socket of the host, answers.
"""

import asyncio
import secrets as random
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bot_bottle import __version__
from bot_bottle.errors import BottleError
from bot_bottle.gates.base import Gate, Record, Supervisor
from bot_bottle.gates.supervise.asks import Queue
from bot_bottle.gates.supervise.desk import Desk, Envelope
from bot_bottle.gates.supervise.grants import new_session, next_expiry
from bot_bottle.gates.supervise.http import HEAD_LIMIT
from bot_bottle.gates.supervise.plan import TOKEN
from bot_bottle.gates.supervise.state import State, read_state, rule_from, save_state
from bot_bottle.gates.supervise.talk import Talk
from bot_bottle.record import replace

STATE_FILE = "supervise.json"
LOOK_S = 30.0
"""Asks expire to within this; grants to the moment."""


class SuperviseGate(Supervisor):
    """The running gate of one bottle."""

    name = "supervise"

    def __init__(self, config: Mapping[str, Any], secrets: Mapping[str, str], record: Record) -> None:
        bottle = config["bottle"]
        self._path = Path(bottle["stage_dir"]) / STATE_FILE
        self._slug = str(bottle["slug"])
        self._token = secrets[TOKEN]
        self._envelope = Envelope(
            rules=tuple(rule_from(row) for row in config["within"]),
            seconds=float(config["within_s"]),
            denies=config["unattended"] == "deny",
        )
        self._record = record
        known = read_state(self._path)
        self._state = (
            State(queue=Queue(), key=random.token_bytes(32))
            if known is None
            else replace(known, grants=new_session(known.grants))
        )
        self._desk: Desk | None = None
        self._changed = asyncio.Event()

    @property
    def desk(self) -> Desk:
        """Made at the first use, when the other gates are known."""
        if self._desk is None:
            self._desk = Desk(
                self._slug,
                self._state,
                gates=self.adjustable,
                record=self._record,
                save=lambda state: save_state(self._path, state),
                envelope=self._envelope,
            )
            self._desk.told = self.told
        return self._desk

    async def serve(self, listener: socket.socket) -> None:
        """Serve until cancelled."""
        self.desk.start()
        talk = Talk(self.desk, token=self._token, version=__version__, deciding=self.deciding)
        server = await asyncio.start_server(talk.connection, sock=listener, limit=HEAD_LIMIT)
        async with server:
            while True:
                await self._sleep()
                self.desk.expire(time.time())

    async def _sleep(self) -> None:
        """Until the next grant ends, or something was granted."""
        ends = next_expiry(self.desk.state.grants)
        wait_s = LOOK_S if ends is None else max(0.0, min(LOOK_S, ends - time.time()))
        self._changed.clear()
        try:
            async with asyncio.timeout(wait_s):
                await self._changed.wait()
        except TimeoutError:
            return

    async def control(self, request: Mapping[str, Any]) -> dict[str, Any]:  # Any: JSON
        """`list`, `approve`, `deny`, `revoke`: the operator's."""
        operation, now = request.get("op"), time.time()
        self.desk.expire(now)
        try:
            if operation == "list":
                return self.desk.rows()
            if operation == "approve":
                return self.desk.approve(request, now)
            if operation == "deny":
                return self.desk.deny(request, now)
            if operation == "revoke":
                return self.desk.revoke(str(request.get("name")), str(request.get("by", ""))[:80])
        finally:
            self._changed.set()
        return {"error": "no such operation", "operations": ["list", "approve", "deny", "revoke"]}

    async def close(self) -> None:
        """The server ends with its task; what is known is saved already."""


def make_gate(config: Mapping[str, Any], secrets: Mapping[str, str], record: Record) -> Gate:
    """For the bundle."""
    if not secrets.get(TOKEN):
        raise BottleError("The supervise gate got no token, so it could not tell this bottle from others.")
    return SuperviseGate(config, secrets, record)
