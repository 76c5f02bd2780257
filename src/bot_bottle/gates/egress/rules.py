"""May this request leave? Deny beats allow, silence denies. Pure: compiled rules and a parsed request in, a verdict out.

An attacker writes every field of the request but not its spelling: host and path are canonical when they come here.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from bot_bottle.gates.addresses import Network
from bot_bottle.gates.egress.covers import Compiled, Request, compile_rule
from bot_bottle.gates.egress.gitways import way_round
from bot_bottle.gates.egress.paths import readings
from bot_bottle.gates.egress.why import denied_by, hint, host_hint, nearest, no_rule_for_host, round_the_gate
from bot_bottle.manifest.spec import Rule
from bot_bottle.record import dataclass, field, replace

__all__ = ["Allowed", "Denied", "Policy", "Request", "Verdict", "admits_host", "compile_rules", "decide", "host_matches"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Allowed:
    """The rule that lets it through, and what the rules for this host permit it to resolve to although it is not public.

    `rule.max_body` still bounds a body whose length the request does not say. For a CONNECT, `rule.passthrough` says
    that the TLS connection is not opened.
    """

    rule: Rule
    permitted: tuple[Network, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Denied:
    """Why not, as a sentence for the agent; the rule that denies, if one does; and a ready argument for `request_permission`."""

    why: str
    rule: Rule | None = None
    hint: dict[str, Any] = field(default_factory=dict)  # Any: JSON


Verdict = Allowed | Denied


@dataclass(frozen=True, kw_only=True, slots=True)
class Policy:
    """Compiled rules by the name they are about: that very host, one label below it, any depth below it.

    `has_permits` says whether any of them permits an address that is not public; most policies need not look for one.
    """

    exact: dict[str, tuple[Compiled, ...]]
    one_below: dict[str, tuple[Compiled, ...]]
    any_below: dict[str, tuple[Compiled, ...]]
    has_permits: bool = False

    def for_host(self, host: str) -> Iterator[Compiled]:
        """The rules that speak of this host, the closest first."""
        yield from self.exact.get(host, ())
        parent = host.partition(".")[2]
        if parent and self.one_below:
            yield from self.one_below.get(parent, ())
        while parent and self.any_below:
            yield from self.any_below.get(parent, ())
            parent = parent.partition(".")[2]


def compile_rules(rules: Sequence[Rule]) -> Policy:
    """Ready for `decide`. Refused when a path glob is not one."""
    exact: dict[str, list[Compiled]] = {}
    one_below: dict[str, list[Compiled]] = {}
    any_below: dict[str, list[Compiled]] = {}
    for rule in rules:
        group = any_below if rule.host.startswith("**.") else one_below if rule.host.startswith("*.") else exact
        group.setdefault(rule.host.lstrip("*").removeprefix("."), []).append(compile_rule(rule))
    permits = any(one.permitted for group in (exact, one_below, any_below) for every in group.values() for one in every)
    return Policy(exact=_frozen(exact), one_below=_frozen(one_below), any_below=_frozen(any_below), has_permits=permits)


def _frozen(group: dict[str, list[Compiled]]) -> dict[str, tuple[Compiled, ...]]:
    return {name: tuple(rules) for name, rules in group.items()}


def host_matches(pattern: str, host: str) -> bool:
    """Whether a canonical host fits a rule's host: `*.` stands for exactly one label, `**.` for one or more."""
    if pattern.startswith("**."):
        return host.endswith(pattern[2:]) and len(host) > len(pattern) - 2
    if pattern.startswith("*."):
        label, dot, rest = host.partition(".")
        return bool(dot) and bool(label) and rest == pattern[2:]
    return host == pattern


def admits_host(host: str, port: int, policy: Policy) -> Verdict:
    """Whether any https request to this host and port could be allowed: decides a CONNECT.

    The rule is a passthrough one only when no deny speaks of the host, since a deny of a path needs the connection opened, and
    when it is as close to the host as any: `**.example.com` does not hide what a rule for `api.example.com` wants seen.
    """
    rules = [
        one for one in policy.for_host(host) if one.rule.scheme == "https" and (not one.rule.ports or port in one.rule.ports)
    ]
    denies = [one for one in rules if one.rule.deny]
    for one in denies:
        if one.is_whole_host:
            return Denied(why=denied_by(one.rule, f"every request to {host}"), rule=one.rule, hint=host_hint(host, port))
    allows = [one for one in rules if not one.rule.deny]
    if not allows:
        return Denied(why=no_rule_for_host(host, port, _allowing(policy.for_host(host))), hint=host_hint(host, port))
    closest = [one for one in allows if one.rule.host == allows[0].rule.host]
    chosen = next((one for one in closest if one.rule.passthrough), allows[0]).rule
    if denies and chosen.passthrough:
        chosen = next((one.rule for one in allows if not one.rule.passthrough), replace(chosen, passthrough=False))
    return Allowed(rule=chosen, permitted=_permitted(allows))


def decide(request: Request, policy: Policy) -> Verdict:
    """Deny beats allow; silence denies."""
    spellings = readings(request.path)
    way = way_round(request, spellings)
    found: Compiled | None = None
    named: Compiled | None = None
    for one in policy.for_host(request.host):
        if one.covers(request, spellings):
            if one.rule.deny:
                asked = f"{request.method} {request.path} on {request.host}"
                return Denied(why=denied_by(one.rule, asked), rule=one.rule, hint=hint(request))
            if found is None or _room(one.rule) > _room(found.rule):
                found = one
            if one.rule.git and (named is None or _room(one.rule) > _room(named.rule)):
                named = one
    if found is None:
        return Denied(why=nearest(request, _allowing(policy.for_host(request.host))), hint=hint(request))
    if way and named is None:
        asked = f"{request.method} {request.path} on {request.host}"
        return Denied(why=round_the_gate(way, asked, found.rule), rule=found.rule, hint=hint(request))
    found = named or found
    rule = _together(found.rule, request, spellings, policy) if found.rule.graphql or found.rule.mcp else found.rule
    if policy.has_permits:
        same = (one for one in policy.for_host(request.host) if not one.rule.deny and _speaks(one.rule, request))
        return Allowed(rule=rule, permitted=_permitted(same))
    return Allowed(rule=rule)


def _speaks(rule: Rule, request: Request) -> bool:
    return rule.scheme == request.scheme and (not rule.ports or request.port in rule.ports)


def _room(rule: Rule) -> tuple[bool, float]:
    """Of two rules that allow a request, the one that leaves its body more room counts: not looked into, then the larger."""
    return not (rule.graphql or rule.mcp), float("inf") if rule.max_body is None else rule.max_body


def _together(rule: Rule, request: Request, spellings: Sequence[str], policy: Policy) -> Rule:
    """A rule that looks into bodies, with what the others that cover this request allow in them."""
    others = [one.rule for one in policy.for_host(request.host) if not one.rule.deny and one.covers(request, spellings)]
    return replace(
        rule,
        graphql=tuple(dict.fromkeys(word for one in others for word in one.graphql)),
        mcp=tuple(dict.fromkeys(tool for one in others for tool in one.mcp)),
    )


def _permitted(rules: Sequence[Compiled] | Iterator[Compiled]) -> tuple[Network, ...]:
    return tuple(dict.fromkeys(block for one in rules for block in one.permitted))


def _allowing(rules: Iterator[Compiled]) -> list[Rule]:
    return [one.rule for one in rules if not one.rule.deny]
