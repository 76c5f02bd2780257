"""What the egress gate would say to one request, and why: the rules of a start, and nothing started."""

from collections.abc import Mapping
from urllib.parse import urlsplit

from bot_bottle.agents.registry import provider
from bot_bottle.bottles.start import complete
from bot_bottle.errors import BadUsage
from bot_bottle.gates.egress.covers import Compiled, compile_rule
from bot_bottle.gates.egress.credentials import bind
from bot_bottle.gates.egress.names import canonical_authority, shown
from bot_bottle.gates.egress.paths import canonical_target, readings
from bot_bottle.gates.egress.presets import resolve_presets
from bot_bottle.gates.egress.rules import Allowed, Request, Verdict, admits_host, compile_rules, decide, host_matches
from bot_bottle.gates.egress.why import described, written_ports
from bot_bottle.host import paths
from bot_bottle.host.run import run
from bot_bottle.manifest.read import Sources, load
from bot_bottle.manifest.spec import BottleSpec
from bot_bottle.record import dataclass, replace

DEFAULT_PORT = {"https": 443, "http": 80, "wss": 443, "ws": 80}


@dataclass(frozen=True, kw_only=True, slots=True)
class RuleSeen:
    """One rule of the request's host: where it is written, what it says, why it does not cover the request (empty: it does)."""

    where: str
    text: str
    misses: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Explanation:
    """The request as the gate reads it, the verdict, the rules about its host, and the credentials that it would get."""

    request: Request
    verdict: Verdict
    rules: tuple[RuleSeen, ...]
    credentials: tuple[str, ...]
    notices: tuple[str, ...]


def explain(request: Request, sources: Sources, *, host: Mapping[str, str]) -> Explanation:
    """Decide as the gate of a bottle started from these sources would."""
    loaded = load(sources)
    presets = resolve_presets(loaded.spec.egress.presets, host=host, run=run, cache=paths.cache_dir())
    spec = complete(loaded, provider(loaded.spec.agent).defaults(host), presets)
    return explain_with(spec, request, notices=tuple(loaded.notices))


def explain_with(spec: BottleSpec, request: Request, *, notices: tuple[str, ...] = ()) -> Explanation:
    """The pure part: a complete spec and a request."""
    policy = compile_rules(spec.egress.rules)
    verdict = decide(request, policy)
    tunnel = admits_host(request.host, request.port, policy)
    is_unopened = request.scheme == "https" and isinstance(tunnel, Allowed) and tunnel.rule.passthrough
    if is_unopened:
        verdict = tunnel
    elif isinstance(verdict, Allowed) and verdict.rule.passthrough:
        verdict = replace(verdict, rule=replace(verdict.rule, passthrough=False))
    spellings = readings(request.path)
    rules = [rule for rule in spec.egress.rules if host_matches(rule.host, request.host)]
    about = [compile_rule(rule) for rule in rules if not rule.deny or rule.scheme == request.scheme]
    bound = [one.credential for one in bind(spec.credentials) if one.covers(request, spellings)]
    return Explanation(
        request=request,
        verdict=verdict,
        rules=tuple(RuleSeen(where=one.rule.where, text=_text(one), misses=misses(one, request)) for one in about),
        credentials=tuple(dict.fromkeys(bound)) if isinstance(verdict, Allowed) and not is_unopened else (),
        notices=notices,
    )


def parse_url(method: str, url: str, *, body_size: int | None = None) -> Request:
    """The request that a client makes for this URL. BadUsage when it is none; Refused when the gate would not read it."""
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise BadUsage(f"{shown(url)} is not a URL.", facts=(str(error),)) from error
    if parts.scheme not in DEFAULT_PORT or not parts.netloc:
        raise BadUsage(f"{shown(url)} is not a URL.", next="Write it whole, as https://api.example.com/v1/models.")
    scheme = {"wss": "https", "ws": "http"}.get(parts.scheme, parts.scheme)
    raw = url.split("://", 1)[1][len(parts.netloc) :].partition("#")[0]
    raw = raw if raw.startswith("/") else f"/{raw}"
    host, port = canonical_authority(parts.netloc, default_port=DEFAULT_PORT[scheme])
    target = canonical_target(raw.encode())
    return Request(
        scheme=scheme,
        host=host,
        port=port,
        method=method.upper(),
        path=target.path,
        query=target.query,
        websocket=parts.scheme in ("wss", "ws"),
        content_length=body_size,
    )


def misses(one: Compiled, request: Request) -> str:
    """The first thing in which the request differs from what the rule covers; empty when it is covered."""
    rule = one.rule
    if one.covers(request, readings(request.path)):
        return ""
    if rule.scheme != request.scheme:
        return f"is about {rule.scheme}"
    if rule.ports and request.port not in rule.ports:
        return f"is about port {written_ports(rule)}"
    if one.methods and request.method not in one.methods:
        return f"is about {', '.join(rule.methods)}"
    if request.websocket and not rule.websocket:
        return "allows no WebSocket"
    if one.query and not rule.deny and any(key not in one.query for key, _ in request.query):
        return f"allows no query key “{shown(next(key for key, _ in request.query if key not in one.query), limit=40)}”"
    if rule.max_body is not None and (request.content_length or 0) > rule.max_body:
        return f"allows a body up to {rule.max_body} bytes"
    return "is about other query keys" if rule.deny and one.query and not rule.paths else "is about other paths"


def _text(one: Compiled) -> str:
    rule = one.rule
    kind = "deny" if rule.deny else "pass through" if rule.passthrough else "allow"
    return f"{kind} {rule.host} {described(rule)}"
