"""The bottle's connections: HTTP in, MCP in it, tools behind. Everything that comes here is the bottle's.

It can ask, wait, look and withdraw, and nothing else: no path leads from here to an approval. Bounded in connections, in waits,
in bytes and in time; what is too much is told so at once.
"""

import asyncio
import hmac
import json
import time
from collections.abc import Mapping, Sequence
from typing import Any

from bot_bottle.errors import Refused
from bot_bottle.gates.base import Deciding
from bot_bottle.gates.supervise import mcp, tools
from bot_bottle.gates.supervise.asks import CHOICE_LIMIT, Ask
from bot_bottle.gates.supervise.desk import Desk
from bot_bottle.gates.supervise.http import (
    KEEPALIVE,
    STREAM_END,
    WRITE_S,
    BadRequest,
    HttpRequest,
    answer_bytes,
    event_bytes,
    read_request,
    stream_head,
)

Row = dict[str, Any]  # Any: JSON

CONNECTIONS = 64
WAITS = 8
"""Calls of `await_decision` at a time; an agent has one conversation, some have helpers."""

PROGRESS_S = 10.0
LOOK_S = 1.0
"""How soon a client that went away is noticed."""

NAMES = frozenset({"127.0.0.1", "localhost", "[::1]"})
"""What a request from inside calls this server. Another name came from a page that a browser was led to (DNS rebinding)."""

CALLS_LIMIT = 240
CALLS_WINDOW_S = 60.0
"""Tool calls in a minute, all connections together: ten times what a busy agent makes."""


class Talk:
    """Serves the connections of one bottle."""

    def __init__(self, desk: Desk, *, token: str, version: str, deciding: Sequence[Deciding] = ()) -> None:
        self._desk = desk
        self._deciding = {gate.awaits: gate for gate in deciding}
        self._token = token
        self._server = {"name": "bot-bottle-supervise", "title": "bot-bottle", "version": version}
        self._open = 0
        self._waits = 0
        self._calls = 0
        self._window = 0.0
        self._changed = asyncio.Event()
        desk.changed = self._wake
        for gate in deciding:
            gate.decided = self._wake

    def _wake(self) -> None:
        """Somebody may have got an answer."""
        self._changed.set()
        self._changed = asyncio.Event()

    async def connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection to its end."""
        self._open += 1
        try:
            if self._open > CONNECTIONS:
                writer.write(answer_bytes(503, {"error": f"This gate serves {CONNECTIONS} connections."}, keeps=False))
                return
            await self._serve(reader, writer)
        except BadRequest as bad:
            writer.write(answer_bytes(bad.status, {"error": bad.why}, keeps=False))
        except (OSError, asyncio.IncompleteReadError, TimeoutError):
            return  # the client went away, or fell silent: there is nobody to tell
        finally:
            self._open -= 1
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while (request := await read_request(reader)) is not None:
            await self._one(request, reader, writer)
            async with asyncio.timeout(WRITE_S):
                await writer.drain()
            if not request.keeps:
                return

    async def _one(self, request: HttpRequest, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if refusal := self._refusal(request):
            status, why = refusal
            more = {"allow": "POST"} if status == 405 else {"www-authenticate": "Bearer"} if status == 401 else {}
            writer.write(answer_bytes(status, {"error": why}, keeps=request.keeps, more=more))
            return
        try:
            message = json.loads(request.body)
        except (ValueError, RecursionError):
            reply: mcp.Call | mcp.Reply = mcp.parse_error()
        else:
            about = {"server": self._server, "instructions": tools.INSTRUCTIONS, "tools": tools.TOOLS}
            reply = mcp.take(message, request.headers, **about)  # type: ignore[arg-type]  # three of its parameters by name
        if isinstance(reply, mcp.Call):
            await self._call(reply, request, reader, writer)
        else:
            writer.write(answer_bytes(reply.status, reply.message, keeps=request.keeps))

    def _refusal(self, request: HttpRequest) -> tuple[int, str] | None:
        """What is wrong with the request before its body is looked at."""
        host = request.headers["host"].rpartition(":")[0] or request.headers["host"]
        origin = request.headers.get("origin")
        if host not in NAMES or (origin is not None and origin.partition("://")[2].rpartition(":")[0] not in NAMES):
            return 403, "This gate is reached as 127.0.0.1 from inside the bottle."
        if request.target != "/mcp":
            return 404, "This gate serves the Model Context Protocol at /mcp."
        if not hmac.compare_digest(request.headers.get("authorization", "").encode(), f"Bearer {self._token}".encode()):
            return 401, "The token of this bottle is missing."
        if request.method != "POST":
            return 405, "Every message is a POST; there is no stream to open and no session to end."
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            return 415, "A message is application/json."
        return None

    async def _call(
        self, call: mcp.Call, request: HttpRequest, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        if call.tool not in tools.NAMES:
            reply = mcp.error_of(call, f"There is no such tool; there are {', '.join(tools.NAMES)}.")
            writer.write(answer_bytes(reply.status if call.is_modern else 200, reply.message, keeps=request.keeps))
            return
        if self._is_flood():
            content = tools.unavailable(f"More than {CALLS_LIMIT} calls in a minute.", retry_s=CALLS_WINDOW_S)
            writer.write(self._plain(call, tools.result(content, is_error=True), keeps=request.keeps))
            return
        if call.tool == "await_decision" and "text/event-stream" in request.headers.get("accept", ""):
            await self._await(call, reader, writer)
            return
        try:
            content = self._answer(call.tool, call.arguments)
            result = tools.result(content)
        except Refused as refused:
            result = tools.result({"error": refused.what}, is_error=True)
        writer.write(self._plain(call, result, keeps=request.keeps))

    def _plain(self, call: mcp.Call, result: Row, *, keeps: bool) -> bytes:
        return answer_bytes(200, mcp.result_of(call, result, server=self._server), keeps=keeps)

    def _is_flood(self) -> bool:
        now = time.monotonic()
        if now - self._window >= CALLS_WINDOW_S:
            self._window, self._calls = now, 0
        self._calls += 1
        return self._calls > CALLS_LIMIT

    def _answer(self, tool: str, arguments: Mapping[str, Any]) -> Row:  # Any: JSON
        """Everything but waiting. Refused when the arguments cannot be read."""
        if tool == "request_permission":
            return _told(self._desk.request(arguments, time.time()))
        if tool == "ask_operator":
            return _told(self._desk.question(*_question(arguments), time.time()))
        if tool == "list_denials":
            limit = arguments.get("limit", 20)
            if not isinstance(limit, int) or isinstance(limit, bool) or not 1 <= limit <= 50:
                raise Refused("“limit” is a whole number from 1 to 50.")
            return {"denials": self._desk.denials(limit)}
        if tool == "current_policy":
            return self._desk.policy()
        if tool == "withdraw":
            return tools.status_row(self._desk.withdraw(_number(arguments), time.time()))
        return self._status(str(arguments.get("id", "")))  # await_decision by a client that cannot wait

    def _status(self, id: str, *, waited_s: float = 0.0) -> Row:
        """What became of a request, or of what another gate has before the operator. Refused when there is none."""
        start, dash, number = id.partition("-")
        if (gate := self._deciding.get(start + dash)) is not None and _is_number(number):
            return tools.awaited_row(id, gate.awaited(id), waited_s=waited_s)
        return tools.status_row(self._desk.find(_number({"id": id})), waited_s=waited_s)

    async def _await(self, call: mcp.Call, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Wait for an answer, telling now and then that we do; the stream's last event is the result."""
        writer.write(stream_head())
        try:
            id, wait_s = str(call.arguments.get("id", "")), _seconds(call.arguments)
            self._status(id)
            if self._waits >= WAITS:
                content = tools.unavailable(f"{WAITS} calls already wait; await one request at a time.")
            else:
                self._waits += 1
                try:
                    content = await self._wait(call, id, wait_s, reader, writer)
                finally:
                    self._waits -= 1
            result = tools.result(content)
        except Refused as refused:
            result = tools.result({"error": refused.what}, is_error=True)
        writer.write(event_bytes(mcp.result_of(call, result, server=self._server)) + STREAM_END)

    async def _wait(
        self, call: mcp.Call, id: str, wait_s: float, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> Row:
        loop = asyncio.get_running_loop()
        began = loop.time()
        told = began
        while self._status(id)["status"] == "pending" and (left := began + wait_s - loop.time()) > 0:
            changed = self._changed
            try:
                async with asyncio.timeout(min(left, LOOK_S)):
                    await changed.wait()
            except TimeoutError:
                if reader.at_eof() or writer.is_closing():  # closed in order, or broken off
                    raise ConnectionResetError from None
                if loop.time() - told >= PROGRESS_S:
                    told = loop.time()
                    await self._tell(call, told - began, wait_s, writer)
        return self._status(id, waited_s=loop.time() - began)

    async def _tell(self, call: mcp.Call, waited: float, total: float, writer: asyncio.StreamWriter) -> None:
        text = f"waiting for the operator ({waited:.0f} s)"
        alive = KEEPALIVE
        if call.progress is not None:
            alive = event_bytes(mcp.progress_of(call, done=round(waited, 1), total=total, text=text))
        writer.write(alive)
        async with asyncio.timeout(WRITE_S):
            await writer.drain()


def _told(filed: Ask | Row) -> Row:
    return filed if isinstance(filed, dict) else tools.status_row(filed)


def _number(arguments: Mapping[str, Any]) -> int:  # Any: JSON
    value = str(arguments.get("id", ""))
    if not _is_number(value):
        raise Refused("“id” is the id that request_permission or ask_operator gave, or that of a held push.")
    return int(value)


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 9


def _seconds(arguments: Mapping[str, Any]) -> float:  # Any: JSON
    value = arguments.get("seconds", tools.LONGEST_WAIT_S)
    if not isinstance(value, int | float) or isinstance(value, bool) or not 0 <= value <= tools.LONGEST_WAIT_S:
        raise Refused(f"“seconds” is a number from 0 to {tools.LONGEST_WAIT_S}.")
    return float(value)


def _question(arguments: Mapping[str, Any]) -> tuple[str, list[str]]:  # Any: JSON
    question, choices = arguments.get("question"), arguments.get("choices", [])
    if not isinstance(question, str) or not question.strip():
        raise Refused("“question” is needed.")
    if (
        not isinstance(choices, list)
        or len(choices) > CHOICE_LIMIT
        or not all(isinstance(one, str) and one.strip() for one in choices)
    ):
        raise Refused(f"“choices” is a list of at most {CHOICE_LIMIT} texts.")
    return question, choices
