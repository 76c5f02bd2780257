"""The DLP gate: no socket of its own. The egress gate hands it every request and every answer.

Trusts its configuration and the secrets it was given; everything else is an attacker's. It fails closed: a scanner that
cannot be made keeps the bottle from starting, and an error while scanning ends the exchange.
"""

import os
import socket
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from bot_bottle.gates.base import HIDE, Adjustable, Gate, Granted, Inspection, Inspector, Outbound, Record, Standing
from bot_bottle.gates.dlp import triggers, views
from bot_bottle.gates.dlp.blobs import BlobScanner, ObjectScan
from bot_bottle.gates.dlp.chains import Trail, follow
from bot_bottle.gates.dlp.detectors.catalogue import OUTGOING, TO_MODEL
from bot_bottle.gates.dlp.detectors.operator import read_rules
from bot_bottle.gates.dlp.incoming import Pins, Reader, pin
from bot_bottle.gates.dlp.inspection import Exchange
from bot_bottle.gates.dlp.own import OwnSecret
from bot_bottle.gates.dlp.pieces import Fragments, Recent
from bot_bottle.gates.dlp.policy import SURE, Override, Verdict, action_for, settings_from
from bot_bottle.gates.dlp.records import Finding, Match, View, finding
from bot_bottle.gates.dlp.scan import Scanner
from bot_bottle.gates.dlp.secret_values import own_secrets
from bot_bottle.gates.dlp.views import Outgoing
from bot_bottle.record import replace

if TYPE_CHECKING:
    from bot_bottle.gates.dlp.pipelock.client import Pipelock

REDIRECTS = 64
"""Addresses of redirects that are remembered."""

SECRETS = 2000
"""Values that are searched for: a source that says something new all the time pushes the oldest out."""

TRAILS = 64
"""Hosts whose series of tool calls are followed."""


IN_ADDRESS = frozenset({"url", "host", "path"})
"""Surfaces that stand in the event of a decision too."""


def hidden(request: Outbound, findings: Sequence[Finding]) -> tuple[str, ...]:
    """What the log must not hold of this request: path, and the longer parts of path and host, if something was found there.

    A finding whose place is known to lie in the query hides nothing: no query is in the log.
    """
    path = request.target.partition("?")[0]
    if not any(one.surface in IN_ADDRESS and (one.start is None or one.start < len(path)) for one in findings):
        return ()
    parts = [path, *(part for part in path.split("/") if len(part) >= 8)]
    parts += [label for label in request.host.split(".") if len(label) >= 16]
    return tuple(dict.fromkeys((*parts, *map(unquote, parts))))[:64]


class DlpGate(Inspector, Adjustable):
    """The running gate of one bottle: scanners, and what it remembers of the requests before."""

    name = "dlp"
    adjusts = frozenset({"dlp"})

    def __init__(self, config: Mapping[str, Any], secrets: Mapping[str, str], record: Record) -> None:
        self._plan = settings_from(config["settings"])
        self._granted: tuple[Override, ...] = ()
        self.settings = self._plan
        self.key = os.urandom(32)
        self._record = record
        self._config = config
        self._rules = read_rules([Path(path) for path in config["patterns"]])
        self._secrets: list[OwnSecret] = []
        left = self._search_for(secrets)
        self._recent = Recent()
        self._trails: dict[str, Trail] = {}
        self._pins = Pins()
        self._redirects: dict[tuple[str, str], None] = {}
        self._reader: Reader | None = None
        self.second = _second(config)
        self._counts = {"requests": 0, "stopped": 0, "findings": 0}
        if left:
            record({"gate": "dlp", "event": "not-searched", "secrets": left, "why": "shorter than 8 characters, or a plain word"})

    def _search_for(self, values: Mapping[str, str]) -> list[str]:
        """These secrets too, from the next request on; the names of those that cannot be searched for."""
        found, left = own_secrets(values, files=self._config["files"], canaries=self._config["canaries"])
        self._secrets = [*self._secrets, *found][-SECRETS:]
        self.scanner = Scanner((*OUTGOING, *self._rules), key=self.key, secrets=self._secrets)
        self._to_model: Scanner | None = None
        self.fragments = Fragments(self._secrets)
        return left

    def inspect(self, request: Outbound) -> Inspection:
        """Judge the head; the exchange judges the rest."""
        self._counts["requests"] += 1
        self.fragments.next_request()
        exchange = Exchange(self, request)
        outgoing = Outgoing(method=request.method, host=request.host, target=request.target, headers=request.headers)
        seen = list(views.head_views(outgoing))
        found = self.scanner.scan(seen)
        for view in seen:
            found += [self.as_finding(match, view) for match in self.fragments.look(view.content)]
        if self.second is not None:
            url = f"{request.scheme}://{request.host}{request.target}"
            headers = "\n".join(f"{name}: {value}" for name, value in request.headers).encode("utf-8", "replace")
            found += self.told_by_second(self.second.scan_url(url), "the URL")
            found += self.told_by_second(self.second.scan_text(headers), "the headers (all)")
        query = request.target.partition("?")[2]
        if query:
            found += self.join(request.host, [part.partition("=")[2].encode("utf-8", "replace") for part in query.split("&")])
        if not any(one.kind in SURE for one in found):
            found += [one for one in self.scanner.scan(views.joined_views(outgoing)) if one.kind in SURE]
        if any(one.where == "the headers" for one in found):
            found = self._by_header(found, request.headers)
        if (request.host, request.target) in self._redirects:
            found = [one for one in found if one.kind in SURE or one.surface not in {"url", "query", "host"}]
        exchange.judge(found)
        return exchange

    def _by_header(self, found: list[Finding], headers: Sequence[tuple[str, str]]) -> list[Finding]:
        """What one value holds is said of that header; what a name holds, or several values together, of the headers."""
        named = self.scanner.scan(views.named_headers(headers))
        rules = {one.rule for one in named}
        return [one for one in found if one.where != "the headers" or one.rule not in rules] + named

    def object_scan(self) -> ObjectScan:
        """For the objects of one push."""
        scanner = BlobScanner(self._secrets, key=self.key, scanner=self.scanner.apart())
        return ObjectScan(scanner, self._secrets, self.settings)

    def remember_redirect(self, host: str, location: str) -> None:
        """A server sends the client on. The tokens in such an address are the server's: signed downloads are made so."""
        parts = urlsplit(location[:8192])
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._redirects.pop((parts.hostname or host, target), None)
        self._redirects[(parts.hostname or host, target)] = None
        while len(self._redirects) > REDIRECTS:
            self._redirects.pop(next(iter(self._redirects)))

    def told_by_second(self, matches: Sequence[Match], where: str) -> list[Finding]:
        """Findings of the second engine."""
        return [self.as_finding(match, View("body", where, b"", ("pipelock",))) for match in matches]

    def scanner_for(self, host: str) -> Scanner:
        """The scanner of requests to this host; that of model routes is made when the first one comes."""
        if host not in self.settings.model_hosts:
            return self.scanner
        if self._to_model is None:
            self._to_model = Scanner(TO_MODEL, key=self.key, secrets=self._secrets, triggers=triggers.TO_MODEL)
        return self._to_model

    def join(self, host: str, values: Sequence[bytes]) -> list[Finding]:
        """What appears when these values are put behind those sent to the host before."""
        view = self._recent.join(host, values)
        return self.scanner.scan((view,)) if view is not None else []

    def follow_tools(self, host: str, message: Any) -> list[Finding]:  # Any: JSON
        """The series of tool calls that this message goes on with."""
        found: list[Finding] = []
        for tool, arguments in views.tool_calls(message):
            trail, matches = follow(self._trails.pop(host, Trail()), tool, arguments)
            self._trails[host] = trail
            found += [self.as_finding(match, View("mcp", f"tool call {tool[:60]}", b"")) for match in matches]
        while len(self._trails) > TRAILS:
            self._trails.pop(next(iter(self._trails)))
        return found

    def read_answer(self, host: str, text: bytes) -> list[Finding]:
        """Orders in an answer, and tools that changed."""
        if self._reader is None:
            self._reader = Reader(key=self.key)
        found = self._reader.read((View("response", f"the answer of {host}", text),))
        if self.second is not None:
            found += self.told_by_second(self.second.scan_answer(text), f"the answer of {host}")
        if b'"tools"' in text and text[:1] == b"{":
            message = views.parse(text)
            self._pins, changed = pin(self._pins, host, list(views.tool_views(message)))
            found += [self.as_finding(match, view) for match, view in changed]
            found += self._reader.read(view for _, view in views.tool_views(message))
        return found

    def holds_order(self, host: str, text: bytes) -> bool:
        """Whether this part of an answer of the host holds an order that is to be taken out."""
        assert self._reader is not None
        found = self._reader.read((View("response", f"the answer of {host}", text),))
        return any(one.kind == "injection" and action_for(one, host, self.settings) == "redact" for one in found)

    def as_finding(self, match: Match, view: View) -> Finding:
        """With this bottle's key."""
        return finding(match, view, self.key)

    def tell(self, request: Outbound, verdict: Verdict) -> None:
        """Record every finding with what it did."""
        self._counts["stopped"] += verdict.stops
        hide = hidden(request, [one for one, _ in verdict.findings])
        for one, action in verdict.findings:
            self._counts["findings"] += 1
            self._record(
                {
                    HIDE: hide,
                    "gate": "dlp",
                    "event": "finding",
                    "verdict": "deny" if verdict.stops else "allow",
                    "action": action,
                    "host": request.host,
                    "method": request.method[:32],
                    "kind": one.kind,
                    "rule": one.rule,
                    "title": one.title,
                    "where": one.where[:80],
                    "via": list(one.via),
                    "preview": one.preview,
                    "fingerprint": one.fingerprint,
                }
            )

    async def serve(self, listener: socket.socket) -> None:
        """The bottle has no socket for this gate."""
        raise NotImplementedError("The dlp gate has no socket.")

    async def control(self, request: Mapping[str, Any]) -> dict[str, Any]:  # Any: JSON
        """`counts`, `reload` of the settings, and `secrets`: new values, which are searched for beside the old ones."""
        if request.get("op") == "counts":
            return {"ok": True, "engine": self.scanner.engine.name, **self._counts}
        if request.get("op") == "secrets":
            self._search_for({str(name): str(value) for name, value in request["secrets"].items()})
            return {"ok": True}
        if request.get("op") == "reload":
            self._plan = settings_from(request["config"]["settings"])
            self.settings = replace(self._plan, overrides=(*self._plan.overrides, *self._granted))
            return {"ok": True}
        return {"error": "no such operation", "operations": ["counts", "reload", "secrets"]}

    def adjust(self, granted: Sequence[Granted]) -> None:
        """Exceptions after the plan's own, so that they count. The operator's own secrets are stopped whatever stands there."""
        rows = [one.row for one in granted]
        self._granted = tuple(Override(rule=row["rule"], host=row["host"], action="warn") for row in rows)
        self.settings = replace(self._plan, overrides=(*self._plan.overrides, *self._granted))

    def standing(self) -> Standing:
        """Nothing that the bottle should know."""
        return Standing()

    async def close(self) -> None:
        """End the second engine."""
        if self.second is not None:
            self.second.close()


def _second(config: Mapping[str, Any]) -> "Pipelock | None":  # Any: JSON
    """The second engine, running and healthy. BottleError when it was asked for and is not."""
    if config.get("pipelock") is None:
        return None
    from bot_bottle.gates.dlp.pipelock.client import Pipelock
    from bot_bottle.gates.dlp.pipelock.plan import pipelock_from

    return Pipelock(pipelock_from(config["pipelock"]), Path(config["bottle"]["stage_dir"]))


def make_gate(config: Mapping[str, Any], secrets: Mapping[str, str], record: Record) -> Gate:
    """For the bundle."""
    return DlpGate(config, secrets, record)
