"""The egress gate's sockets: the bottle's connections in, decided requests out. It fails closed.

Trusts its configuration. The bottle controls every byte that is read here: names, framing, timing, volume. Upstream servers
control their responses. Nothing but HTTP/1.1, in the open or inside TLS that this gate ends itself, ever leaves.
"""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from bot_bottle.errors import Refused
from bot_bottle.gates.base import Event, Gate, Inspection, Outbound, Record, Stopped
from bot_bottle.gates.egress import hello
from bot_bottle.gates.egress.answer import Refusal, refusal_bytes
from bot_bottle.gates.egress.credentials import Binding, Dressed, apply, bind
from bot_bottle.gates.egress.exchange import Exchange, first_ends, pump
from bot_bottle.gates.egress.http import HEAD_LIMIT, BadHttp, RequestHead, Sized, parse_request, tokens
from bot_bottle.gates.egress.names import authority_text, canonical_authority, is_address, shown
from bot_bottle.gates.egress.paths import Target, canonical_target
from bot_bottle.gates.egress.plan import connect_from, credential_from, rule_from
from bot_bottle.gates.egress.rules import Allowed, Denied, Policy, Request, admits_host, compile_rules, decide
from bot_bottle.gates.egress.tls import Certificates, asked_name
from bot_bottle.gates.egress.upstream import CannotReach, Dialler, Wire
from bot_bottle.manifest.spec import Rule, Upstream
from bot_bottle.record import dataclass

HEAD_TIMEOUT_S = 30.0
IDLE_TIMEOUT_S = 300.0
HANDSHAKE_TIMEOUT_S = 20.0
LINGER_S, LINGER_IDLE_S = 5.0, 0.2
CONNECTION_LIMIT = 512
"""Connections of one bottle at a time; npm opens up to 50, a browser 256."""

PROBE_HOST = "bot-bottle.invalid"
"""The containment probe asks for this name to see that the gate answers; it is never resolved and never counted."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """What can change while the gate runs: swapped whole, so that no request sees half of a change."""

    policy: Policy
    bindings: tuple[Binding, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Authority:
    """Where a connection leads: fixed by CONNECT, else by each request."""

    scheme: str
    host: str
    port: int


class EgressGate(Gate):
    """The running gate of one bottle."""

    name = "egress"

    def __init__(self, config: Mapping[str, Any], secrets: Mapping[str, str], record: Record) -> None:
        bottle = config["bottle"]
        self._values = dict(secrets)
        self._record = record
        self._settings = settings_from(config)
        key = Path(bottle["ca"]["key"])
        self._certificates = Certificates(slug=bottle["slug"], key=key, folder=key.parent)
        self._dialler = Dialler(upstream_from(config["upstream"]))
        self._connections: dict[asyncio.Task[None], str] = {}
        self.counts = {"allow": 0, "deny": 0}

    async def serve(self, listener: socket.socket) -> None:
        """Accept until cancelled."""
        server = await asyncio.start_server(self._accept, sock=listener, limit=HEAD_LIMIT, backlog=1024)
        async with server:
            await server.serve_forever()

    async def control(self, request: Mapping[str, Any]) -> dict[str, Any]:  # Any: JSON
        """`reload` swaps the rules and ends what they no longer allow; `traffic` counts."""
        if request.get("op") == "reload":
            self._settings = settings_from(request["config"])
            self._dialler.forget_idle()
            for task, host in tuple(self._connections.items()):
                if host and not self._still_allowed(host):
                    task.cancel()
            return {"ok": True}
        if request.get("op") == "traffic":
            return {"ok": True, "connections": len(self._connections), **self.counts}
        return {"error": "no such operation", "operations": ["reload", "traffic"]}

    def _still_allowed(self, place: str) -> bool:
        host, port = canonical_authority(place)
        return isinstance(admits_host(host, port, self._settings.policy), Allowed)

    async def close(self) -> None:
        """End every connection."""
        for task in tuple(self._connections):
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        self._dialler.forget_idle()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        try:
            if len(self._connections) >= CONNECTION_LIMIT:
                writer.write(
                    refusal_bytes(Refusal(status=503, why="Too many connections."), host="", method="", path="", close=True)
                )
                return
            self._connections[task] = ""
            await Connection(self, reader, writer).run()
        except (ConnectionError, asyncio.IncompleteReadError, TimeoutError, ssl.SSLError):
            return  # the bottle went away, or never spoke
        except asyncio.CancelledError:
            writer.transport.abort()
        finally:
            self._connections.pop(task, None)
            with contextlib.suppress(ConnectionError, ssl.SSLError):
                writer.close()

    def note(self, event: Event) -> None:
        """Record one decision."""
        self.counts[event["verdict"]] += 1
        self._record({"gate": "egress", "event": "decision", **event})

    def leads_to(self, host: str, port: int) -> None:
        """Remember where this connection leads, so that a change of policy can end it."""
        task = asyncio.current_task()
        if task in self._connections:
            self._connections[task] = authority_text(host, port)

    @property
    def settings(self) -> Settings:
        """The rules in force now."""
        return self._settings

    @property
    def dialler(self) -> Dialler:
        """The way out."""
        return self._dialler

    @property
    def certificates(self) -> Certificates:
        """What the bottle is shown."""
        return self._certificates

    @property
    def values(self) -> Mapping[str, str]:
        """The credentials' values by name."""
        return self._values


class Connection:
    """One connection of the bottle: proxy requests in the open, or one tunnel."""

    def __init__(self, gate: EgressGate, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._gate = gate
        self._reader = reader
        self._writer = writer
        self._tunnel: Authority | None = None
        self._mismatch: str | None = None
        self._started = 0.0

    async def run(self) -> None:
        """Serve requests until one of the sides ends."""
        while True:
            try:
                head = await self._read_head()
            except BadHttp as error:
                await self._refuse(
                    Refusal(status=error.status, why=_sentence(error.why)), host=self._tunnel.host if self._tunnel else ""
                )
                return
            if head is None:
                return
            self._started = asyncio.get_running_loop().time()
            if head.method == "CONNECT" and self._tunnel is None:
                if not await self._open_tunnel(head):
                    return
            elif not await self._serve_one(head):
                return

    async def _read_head(self) -> RequestHead | None:
        """The next request head, None when the bottle has no more."""
        try:
            async with asyncio.timeout(IDLE_TIMEOUT_S):
                first = await self._reader.readexactly(1)
            async with asyncio.timeout(HEAD_TIMEOUT_S):
                rest = await self._reader.readuntil(b"\r\n\r\n")
        except asyncio.LimitOverrunError:
            raise BadHttp(f"the request head is larger than {HEAD_LIMIT} bytes", status=431) from None
        except asyncio.IncompleteReadError as error:
            if error.partial:
                raise BadHttp("the request head is cut off") from None
            return None
        return parse_request(first + rest)

    async def _open_tunnel(self, head: RequestHead) -> bool:
        """CONNECT: answer it, end the TLS inside ourselves; False when the connection is over."""
        try:
            host, port = canonical_authority(head.target.decode("latin-1"))
            named = canonical_authority(head.host, default_port=port)
        except Refused as error:
            await self._refuse(Refusal(status=400, why=error.what), method="CONNECT")
            return False
        if named != (host, port) or head.framing != Sized(length=0):
            why = "The Host header and the CONNECT authority differ." if named != (host, port) else "A CONNECT has no body."
            await self._refuse(Refusal(status=400, why=why), host=host, method="CONNECT")
            return False
        self._gate.leads_to(host, port)
        verdict = admits_host(host, port, self._gate.settings.policy)
        self._writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        await self._writer.drain()
        if isinstance(verdict, Allowed) and verdict.rule.passthrough:
            await self._pass_through(host, port, verdict)
            return False
        self._tunnel = Authority(scheme="https", host=host, port=port)
        return await self._end_tls(host, verdict)

    async def _end_tls(self, host: str, verdict: Allowed | Denied) -> bool:
        """Take the server's part in the handshake, for denied hosts too: inside TLS the reason reaches the agent."""
        try:
            async with asyncio.timeout(HANDSHAKE_TIMEOUT_S):
                await self._writer.start_tls(self._gate.certificates.context_for(host))
        except (ssl.SSLError, ConnectionError, TimeoutError) as error:
            why = (
                verdict.why
                if isinstance(verdict, Denied)
                else f"No TLS was spoken in the tunnel, or the client refused ours ({_kind(error)})."
            )
            self._note(Refusal(status=400, why=why), host=host, method="CONNECT", path="")
            return False
        asked = asked_name(self._writer.get_extra_info("ssl_object"))
        if asked is None:
            self._mismatch = None if is_address(host) else "The TLS client named no server (SNI)."
        elif asked.lower().rstrip(".") != host:
            self._mismatch = f"The tunnel is for {host}, but the TLS client asked for {shown(asked)}."
        return True

    async def _pass_through(self, host: str, port: int, verdict: Allowed) -> None:
        """An uninspected tunnel: only the name in the TLS hello is checked."""
        try:
            async with asyncio.timeout(HANDSHAKE_TIMEOUT_S):
                first, asked = await hello.read(self._reader)
        except (hello.NotTls, TimeoutError, asyncio.IncompleteReadError) as error:
            self._note(
                Refusal(status=400, why=f"No TLS hello in the tunnel ({_kind(error)})."), host=host, method="CONNECT", path=""
            )
            return
        if asked != host:
            self._note(
                Refusal(status=421, why=f"The tunnel is for {host}, the TLS hello for {shown(str(asked))}."),
                host=host,
                method="CONNECT",
                path="",
            )
            return
        try:
            reader, writer = await self._gate.dialler.open("tcp", host, port, verdict.permitted)
        except (CannotReach, Refused) as error:
            self._note(Refusal(status=502, why=str(error)), host=host, method="CONNECT", path="")
            return
        self._gate.note(self._event("allow", host=host, method="CONNECT", path="", rule=verdict.rule) | {"passthrough": True})
        try:
            writer.write(first)
            await first_ends(pump(self._reader, writer, _ignore), pump(reader, self._writer, _ignore))
        finally:
            writer.transport.abort()

    async def _serve_one(self, head: RequestHead) -> bool:
        """One request; whether another may follow."""
        parsed = self._parse(head)
        if isinstance(parsed, Refusal):
            await self._refuse(parsed, host=_host_of(head, self._tunnel), method=head.method, path=_shown_target(head))
            return False
        request, target = parsed
        verdict = decide(request, self._gate.settings.policy)
        if isinstance(verdict, Denied):
            refusal = Refusal(status=403, why=verdict.why, rule=verdict.rule, hint=verdict.hint)
            keeps = head.framing == Sized(length=0) and not head.wants_close()
            await self._refuse(
                refusal, host=request.host, method=request.method, path=request.path, keeps=keeps, port=request.port
            )
            return keeps
        try:
            dressed = self._dress(request, head, target)
        except Refused as error:
            await self._refuse(Refusal(status=403, why=error.what), host=request.host, method=request.method, path=request.path)
            return False
        try:
            inspection = self._inspect(request, head, target)
        except Stopped as stopped:
            await self._refuse(_refusal(stopped), host=request.host, method=request.method, path=request.path, port=request.port)
            return False
        try:
            return await self._exchange(request, head, dressed, verdict, inspection)
        finally:
            if inspection is not None:
                inspection.close()

    def _inspect(self, request: Request, head: RequestHead, target: Target) -> Inspection | None:
        """The request as the bottle wrote it, before credentials are set. Stopped when it must not leave."""
        if self._gate.inspector is None:
            return None
        return self._gate.inspector.inspect(
            Outbound(
                scheme=request.scheme,
                host=request.host,
                port=request.port,
                method=request.method,
                target=request.path + ("" if target.raw_query is None else f"?{target.raw_query}"),
                headers=head.headers,
                is_websocket=request.websocket,
            )
        )

    def _parse(self, head: RequestHead) -> tuple[Request, Target] | Refusal:
        try:
            where, raw = self._authority(head)
            named = canonical_authority(head.host, default_port=where.port)
            if named[0] != where.host or named[1] != where.port:
                return Refusal(status=421, why=f"The request is for {where.host}, its Host header names {shown(head.host)}.")
            if self._mismatch:
                return Refusal(status=421, why=self._mismatch)
            target = canonical_target(raw)
        except Refused as error:
            return Refusal(status=400, why=error.what)
        upgrade = tokens(head.headers, "upgrade")
        if upgrade and upgrade != {"websocket"}:
            return Refusal(status=400, why="The only protocol that a connection may be upgraded to is WebSocket.")
        is_websocket = bool(upgrade) and "upgrade" in tokens(head.headers, "connection")
        if is_websocket and (head.method != "GET" or head.framing != Sized(length=0)):
            return Refusal(status=400, why="A WebSocket handshake is a GET without a body.")
        length = head.framing.length if isinstance(head.framing, Sized) else None
        request = Request(
            scheme=where.scheme,
            host=where.host,
            port=where.port,
            method=head.method,
            path=target.path,
            query=target.query,
            websocket=is_websocket,
            content_length=length,
        )
        return request, target

    def _authority(self, head: RequestHead) -> tuple[Authority, bytes]:
        """Where this request goes, and its origin-form target. Refused for any other form than the connection calls for."""
        if self._tunnel is not None:
            if head.method == "CONNECT":
                raise Refused("There is no tunnel inside a tunnel.")
            return self._tunnel, head.target
        scheme, colon, rest = head.target.partition(b"://")
        if not colon or scheme.lower() != b"http":
            raise Refused("A proxy request names http://HOST/…; for https use CONNECT.")
        place, slash, path = rest.partition(b"/")
        place, question, query = place.partition(b"?") if not slash else (place, b"", b"")
        host, port = canonical_authority(place.decode("latin-1"), default_port=80)
        return Authority(scheme="http", host=host, port=port), b"/" + path + question + query

    def _dress(self, request: Request, head: RequestHead, target: Target) -> Dressed:
        return apply(
            request,
            head.headers,
            target.raw_query,
            bindings=self._gate.settings.bindings,
            values=self._gate.values,
            plain_ok=self._gate.dialler.is_pinned_to_loopback(request.host, request.port),
        )

    async def _exchange(
        self, request: Request, head: RequestHead, dressed: Dressed, verdict: Allowed, inspection: Inspection | None
    ) -> bool:
        exchange = Exchange(request, head, dressed, self._reader, self._writer, inspection)
        self._gate.leads_to(request.host, request.port)
        wire: Wire | None = None
        keeps = False
        try:
            wire = await self._gate.dialler.get(request.scheme, request.host, request.port, verdict.permitted)
            try:
                keeps = await exchange.run(wire)
            except CannotReach:
                if not wire.is_reused or exchange.traffic.bytes_out or exchange.has_answered or head.framing != Sized(length=0):
                    raise
                wire = await self._gate.dialler.get(request.scheme, request.host, request.port, verdict.permitted, fresh=True)
                keeps = await exchange.run(wire)
            if keeps:
                self._gate.dialler.give_back(wire)
                wire = None
        except (CannotReach, Refused, BadHttp, TimeoutError) as error:
            if not exchange.has_answered:
                status = 403 if isinstance(error, Refused) else getattr(error, "status", 502)
                why = error.what if isinstance(error, Refused) else _sentence(str(error))
                await self._refuse(Refusal(status=status, why=why), host=request.host, method=request.method, path=request.path)
                return False
            self._writer.transport.abort()
            keeps = False
        except Stopped as stopped:
            refusal = _refusal(stopped)
            if not exchange.has_answered:
                await self._refuse(refusal, host=request.host, method=request.method, path=request.path, port=request.port)
                await self._linger()
                return False
            self._note(refusal, host=request.host, method=request.method, path=request.path, port=request.port)
            self._writer.transport.abort()
            return False
        finally:
            if wire is not None:
                wire.close()
        event = self._event(
            "allow", host=request.host, method=request.method, path=request.path, rule=verdict.rule, port=request.port
        )
        traffic = exchange.traffic
        self._gate.note(
            event
            | {
                "status": traffic.status,
                "bytes_in": traffic.bytes_in,
                "bytes_out": traffic.bytes_out,
                "credentials": list(dressed.names),
            }
        )
        return keeps

    async def _linger(self) -> None:
        """Take in what the bottle still sends: closing over unread bytes would reset the connection under our answer."""
        with contextlib.suppress(TimeoutError, ConnectionError):
            async with asyncio.timeout(LINGER_S):
                while True:
                    async with asyncio.timeout(LINGER_IDLE_S):
                        if not await self._reader.read(1 << 16):
                            return

    async def _refuse(
        self, refusal: Refusal, *, host: str = "", method: str = "", path: str = "", keeps: bool = False, port: int | None = None
    ) -> None:
        self._note(refusal, host=host, method=method, path=path, port=port)
        self._writer.write(refusal_bytes(refusal, host=host, method=method, path=shown(path, limit=400), close=not keeps))
        await self._writer.drain()

    def _note(self, refusal: Refusal, *, host: str, method: str, path: str, port: int | None = None) -> None:
        if host == PROBE_HOST:
            return
        event = self._event("deny", host=host, method=method, path=path, rule=refusal.rule, port=port)
        event["rule"] = refusal.by or event["rule"]
        self._gate.note(event | {"status": refusal.status, "why": refusal.why})

    def _event(self, verdict: str, *, host: str, method: str, path: str, rule: Rule | None, port: int | None = None) -> Event:
        where = self._tunnel.port if port is None and self._tunnel is not None else port
        event: Event = {"verdict": verdict, "method": method[:32], "host": host, "port": where, "path": shown(path, limit=400)}
        event["rule"] = rule.where if rule is not None else None
        event["ms"] = round((asyncio.get_running_loop().time() - self._started) * 1000, 1)
        return event


def _refusal(stopped: Stopped) -> Refusal:
    return Refusal(status=403, why=stopped.why, by=stopped.rule, advice=stopped.hint)


def settings_from(config: Mapping[str, Any]) -> Settings:
    """Compile the rules and bindings of `EgressPlan.config()`."""
    bindings = bind([credential_from(row) for row in config["credentials"]])
    return Settings(policy=compile_rules([rule_from(row) for row in config["rules"]]), bindings=bindings)


def upstream_from(row: Mapping[str, Any]) -> Upstream:
    """The upstream settings of `EgressPlan.config()`."""
    pins = tuple(connect_from(pin) for pin in row["connect"])
    base = Upstream(proxy=row["proxy"], no_proxy=tuple(row["no_proxy"]), connect=pins)
    return replace(base, ca=tuple(Path(path) for path in row["ca"]))


def make_gate(config: Mapping[str, Any], secrets: Mapping[str, str], record: Record) -> Gate:
    """For the bundle."""
    return EgressGate(config, secrets, record)


def _host_of(head: RequestHead, tunnel: Authority | None) -> str:
    if tunnel is not None:
        return tunnel.host
    try:
        return canonical_authority(head.host, default_port=80)[0]
    except Refused:
        return shown(head.host)


def _shown_target(head: RequestHead) -> str:
    return shown(head.target.decode("latin-1").partition("?")[0], limit=400)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")


def _kind(error: BaseException) -> str:
    reason = getattr(error, "reason", None)
    return str(reason) if reason else str(error) or type(error).__name__


def _ignore(_: int) -> None:
    return
