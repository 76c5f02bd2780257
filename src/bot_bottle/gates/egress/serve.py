"""The egress gate's sockets: the bottle's connections in, decided requests out. It fails closed.

Trusts its configuration. The bottle controls every byte that is read; upstream servers control their responses. Nothing but
HTTP/1.1, in the open or inside TLS that this gate ends itself, ever leaves, but for hosts that the operator passes through.
"""

import asyncio
import errno
import socket
import time
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bot_bottle.errors import BottleError
from bot_bottle.gates.base import Adjustable, Event, Gate, Granted, Record, Standing
from bot_bottle.gates.egress.answer import Refusal, Subject, refusal_bytes
from bot_bottle.gates.egress.authority import Authority
from bot_bottle.gates.egress.budget import Meter
from bot_bottle.gates.egress.client import Client
from bot_bottle.gates.egress.dial import Dialler
from bot_bottle.gates.egress.exchange import Traffic
from bot_bottle.gates.egress.plan import PROXY_LOGIN, bounds_from, budget_from, upstream_from
from bot_bottle.gates.egress.prices import read_prices
from bot_bottle.gates.egress.resolve import Lookup, Resolver
from bot_bottle.gates.egress.settings import GRANT, KINDS, raised, read_settings
from bot_bottle.gates.egress.tls import Certificates
from bot_bottle.gates.egress.tokens import Tokens
from bot_bottle.host.net import own_addresses
from bot_bottle.manifest.spec import Upstream

PROBE = Subject(host="bot-bottle.invalid", port=80, method="GET", path="/")
"""What the containment probe asks to see that the gate answers. Its refusal is no event; any other request to that name is."""

WARM_AFTER_S = 0.2
"""After the start: a command that is done by then never pays for what the first request needs."""

SWEEP_S = 0.5
"""How often deadlines are looked at: one timer for all connections costs nothing per request."""

ACCEPTS_AT_ONCE = 64
WANT_AGAIN_S = 20.0
"""The operator's password manager is asked at most this often, however often a server says 401."""

KEPT_EVENTS = 256
"""Latest decisions that `traffic` shows."""

KEPT_DENIALS = 64
"""Latest refusals that an agent can list."""


class EgressGate(Gate, Adjustable):
    """The running gate of one bottle."""

    name = "egress"
    adjusts = KINDS

    def __init__(
        self, config: Mapping[str, Any], secrets: Mapping[str, str], record: Record, *, lookup: Lookup | None = None
    ) -> None:
        bottle = config["bottle"]
        self._record = record
        self._resolver = Resolver(own=own_addresses(), lookup=lookup)
        self._clients: set[Client] = set()
        self._latest: deque[Event] = deque(maxlen=KEPT_EVENTS)
        self._denials: deque[Event] = deque(maxlen=KEPT_DENIALS)
        self._number = 0
        self._config = config
        self._granted: tuple[Granted, ...] = ()
        self.values = dict(secrets)
        self.settings = read_settings(config)
        self.bounds = bounds_from(config["bounds"])
        self.meter = Meter(budget_from(config["budget"]), read_prices, record)
        authority = Authority(bottle["slug"])
        self.authority = authority.certificate
        self.certificates = Certificates(authority, folder=Path(bottle["stage_dir"]))
        self._upstream = upstream_from(config["upstream"])
        self.dialler = self._make_dialler(self._upstream, self.values)
        self.tokens = Tokens(self.settings.credentials, secrets, self.values, dialler=lambda: self.dialler, now=time.monotonic)
        self.tokens.refused = self.want_secrets
        self._wanted_at = -WANT_AGAIN_S
        self.counts = {"allow": 0, "deny": 0, "bytes_out": 0, "bytes_in": 0, "refused_connections": 0}

    async def serve(self, listener: socket.socket) -> None:
        """Accept until cancelled."""
        loop = asyncio.get_running_loop()
        listener.setblocking(False)
        loop.add_reader(listener.fileno(), self._accept, listener)
        loop.call_later(WARM_AFTER_S, self._warm)
        try:
            while True:
                await asyncio.sleep(SWEEP_S)
                self._sweep(loop.time())
        finally:
            loop.remove_reader(listener.fileno())

    async def control(self, request: Mapping[str, Any]) -> dict[str, Any]:  # Any: JSON
        """`reload` swaps the plan and ends what it forbids; `secrets` are new values; `traffic` shows the latest decisions."""
        if request.get("op") == "reload":
            self._reload(request.get("config"), request.get("secrets", {}))
            return {"ok": True}
        if request.get("op") == "secrets":
            self._take({str(name): str(value) for name, value in request.get("secrets", {}).items()})
            return {"ok": True}
        if request.get("op") == "traffic":
            return {"ok": True, "connections": len(self._clients), **self.counts, "latest": list(self._latest)}
        if request.get("op") == "usage":
            return {"ok": True, **self.meter.state()}
        return {"error": "no such operation", "operations": ["reload", "secrets", "traffic", "usage"]}

    async def close(self) -> None:
        """End every connection."""
        for client in tuple(self._clients):
            client.end()
        self.tokens.close()
        self.dialler.forget()
        self._resolver.close()

    def forget(self, client: Client) -> None:
        """The connection is closed."""
        self._clients.discard(client)

    def note(self, verdict: str, subject: Subject, more: Mapping[str, Any]) -> int:  # Any: JSON
        """Record one decision; its number."""
        if verdict == "deny" and is_probe(subject):
            return 0
        self._number += 1
        self.counts[verdict] += 1
        event: Event = {
            "ts": round(time.time(), 3),
            "gate": "egress",
            "event": "decision",
            "id": self._number,
            "verdict": verdict,
            "method": subject.method,
            "host": subject.host,
            "port": subject.port,
            "path": subject.path,
            "scheme": subject.scheme,
            **more,
        }
        self._latest.append(event)
        self._record(event)
        return self._number

    def note_done(self, number: int, traffic: Traffic, began: float, why: str) -> None:
        """Record how an allowed request ended; `number` is that of its decision."""
        self.counts["bytes_out"] += traffic.bytes_out
        self.counts["bytes_in"] += traffic.bytes_in
        event: Event = {
            "gate": "egress",
            "event": "done",
            "id": number,
            "status": traffic.status,
            "bytes_out": traffic.bytes_out,
            "bytes_in": traffic.bytes_in,
            "ms": round((asyncio.get_running_loop().time() - began) * 1000, 1),
        }
        if why:
            event["why"] = why
        self._record(event)

    def adjust(self, granted: Sequence[Granted]) -> None:
        """As `Adjustable` says."""
        self.settings = read_settings(self._config, granted)
        self._granted = tuple(granted)
        self.meter.budget = raised(budget_from(self._config["budget"]), granted)
        self._recheck()

    def standing(self) -> Standing:
        """The plan's rules and bindings."""
        return Standing(rules=self.settings.rules, credentials=self.settings.credentials, more={"model": self.meter.state()})

    def denials(self) -> list[Event]:
        """The latest ones."""
        return list(self._denials)

    def passes(self, rule: str) -> None:
        """A request begins by this rule: a grant for one request is over with it."""
        if rule.startswith(GRANT):
            self.used(rule.removeprefix(GRANT))

    def note_refusal(self, refusal: Refusal, subject: Subject) -> None:
        """Record a refusal, and keep it with what could be asked for."""
        self.note("deny", subject, {"status": refusal.status, "why": refusal.why, "rule": refusal.rule_name})
        if is_probe(subject):
            return
        about = {"gate": self.name, "host": subject.host, "port": subject.port, "method": subject.method, "path": subject.path}
        seen: Event = {"ts": round(time.time(), 3), **about, "why": refusal.why, "rule": refusal.rule_name}
        self._denials.append(seen | ({"argument": refusal.hint} if refusal.hint else {}))

    def _reload(self, config: Any, secrets: Any) -> None:  # Any: JSON
        """Swap rules, bindings, bounds, budget and the way out. BottleError when they cannot be read: the old ones stay, whole.

        `secrets` are values of credentials that are new; a value that is not among them stays as it is.
        """
        try:
            settings = read_settings(config, self._granted)
            bounds, budget, upstream = (
                bounds_from(config["bounds"]),
                budget_from(config["budget"]),
                upstream_from(config["upstream"]),
            )
            values = {str(name): str(value) for name, value in secrets.items()}
            dialler = self.dialler if upstream == self._upstream else self._make_dialler(upstream, self.values | values)
        except (KeyError, TypeError, ValueError, AttributeError, OSError) as error:
            facts = (f"{type(error).__name__}: {error}",)
            raise BottleError("The new rules cannot be read; the old ones hold.", facts=facts) from None
        self.settings, self.bounds, self._config, self._upstream = settings, bounds, config, upstream
        self._take(values)
        self.meter.budget = raised(budget, self._granted)
        if dialler is not self.dialler:
            self.dialler.retire()
        self.dialler = dialler
        self._recheck()

    def _take(self, values: Mapping[str, str]) -> None:
        """Values of credentials, from now on; a token that was got with another one is got anew."""
        self.values |= values
        self.tokens.take(self.settings.credentials, values)

    def rejected(self, names: Sequence[str]) -> None:
        """A server answered 401 to these credentials: tokens are got anew, what was read from a source is read again."""
        self.tokens.rejected(names)
        if any(one.oauth2 is None for one in self.settings.credentials if one.name in names):
            self.want_secrets()

    def want_secrets(self) -> None:
        """Have the sources read again, unless they just were."""
        now = time.monotonic()
        if now - self._wanted_at >= WANT_AGAIN_S:
            self._wanted_at = now
            self.wants_secrets()

    def _make_dialler(self, upstream: Upstream, values: Mapping[str, str]) -> Dialler:
        return Dialler(upstream, self._resolver, proxy_login=values.get(PROXY_LOGIN, ""))

    def _recheck(self) -> None:
        """What is under way lives by the new rules too."""
        self.dialler.forget()
        for client in tuple(self._clients):
            client.recheck()

    def _warm(self) -> None:
        """What the first request would wait for, done while the bottle still starts."""
        self.dialler.warm()

    def _accept(self, listener: socket.socket) -> None:
        for _ in range(ACCEPTS_AT_ONCE):
            try:
                connection, _address = listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno not in {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}:
                    raise
                return  # it waits in the backlog until a connection has closed
            connection.setblocking(False)
            if connection.family != socket.AF_UNIX:  # behind a guest forwarder
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if len(self._clients) >= self.bounds.connections:
                self._turn_away(connection)
            else:
                self._clients.add(Client(self, connection))

    def _turn_away(self, connection: socket.socket) -> None:
        """Say so if the socket takes it at once: a flood must cost nothing."""
        self.counts["refused_connections"] += 1
        refusal = Refusal(status=503, why=f"This bottle already has {self.bounds.connections} connections.")
        try:
            connection.send(refusal_bytes(refusal, Subject(), close=True))
        except OSError:
            self.counts["refused_connections"] += 0  # it is gone already, and counted
        connection.close()

    def _sweep(self, now: float) -> None:
        for client in tuple(self._clients):
            if client.deadline <= now:
                client.expire()
        self.dialler.sweep(now)


def is_probe(subject: Subject) -> bool:
    """Whether this is what the containment probe asks."""
    return subject._replace(scheme="") == PROBE


def make_gate(config: Mapping[str, Any], secrets: Mapping[str, str], record: Record) -> Gate:
    """For the bundle."""
    return EgressGate(config, secrets, record)
