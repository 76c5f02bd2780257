"""What a request would change, in the terms of the policy: read strictly from what the agent asks, narrowed, written as a row.

Pure. The agent writes every value. What has two readings, an unknown key or no bound is refused with a sentence that it can act
on. A delta never says more than it shows: its row is what is hashed, shown, granted and written to the policy file.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Literal, get_args

from bot_bottle.errors import Refused
from bot_bottle.manifest.globs import check_glob
from bot_bottle.manifest.hosts import host_pattern
from bot_bottle.manifest.mistakes import Wrong
from bot_bottle.manifest.spec import Rule, Scheme, Target
from bot_bottle.manifest.tighten import covers
from bot_bottle.record import dataclass, replace

Row = Mapping[str, Any]  # Any: JSON
LimitName = Literal["cpus", "memory", "pids", "disk", "time"]

LIMITS: tuple[LimitName, ...] = get_args(LimitName)

LIST_LIMIT = 16
"""Ports, methods or paths in one request; more is no permission that a person can read."""

TEXT_LIMIT = 256
"""Characters of one value."""

METHODS = frozenset({"GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "PROPFIND", "REPORT", "QUERY"})
"""What can be asked for; CONNECT and TRACE never leave (RFC 9110, 9.3.6 and 9.3.8)."""

_RULE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9:._-]*")
# No character of a glob: where exceptions are kept, names are globs.

LIVE = frozenset({"egress", "credential", "preset", "dlp", "budget"})
"""Kinds that take effect in the running bottle; the others wait for its next start."""


@dataclass(frozen=True, kw_only=True, slots=True)
class NetworkDelta:
    """One more rule of the egress gate."""

    rule: Rule
    kind: str = "egress"


@dataclass(frozen=True, kw_only=True, slots=True)
class CredentialDelta:
    """A credential that the bottle has is set on more requests, in the slot it has."""

    name: str
    target: Target
    kind: str = "credential"


@dataclass(frozen=True, kw_only=True, slots=True)
class PresetDelta:
    """What a tool needs, by the operator's own settings of it."""

    name: str
    kind: str = "preset"


@dataclass(frozen=True, kw_only=True, slots=True)
class DlpDelta:
    """What one rule of the search for secrets finds on one host is noted instead of stopped."""

    rule: str
    host: str
    kind: str = "dlp"


@dataclass(frozen=True, kw_only=True, slots=True)
class BudgetDelta:
    """So much more for the model."""

    usd: float = 0.0
    tokens: int = 0
    kind: str = "budget"


@dataclass(frozen=True, kw_only=True, slots=True)
class MountDelta:
    """One more folder of the host, from the next start on."""

    path: str
    to: str
    writable: bool = False
    kind: str = "mount"


@dataclass(frozen=True, kw_only=True, slots=True)
class LimitDelta:
    """Another limit, from the next start on; `value` as the manifest writes it."""

    name: LimitName
    value: str
    kind: str = "limit"


Delta = NetworkDelta | CredentialDelta | PresetDelta | DlpDelta | BudgetDelta | MountDelta | LimitDelta


def read_delta(asked: Row) -> Delta:
    """What the arguments of `request_permission` ask for. Refused with what is wrong."""
    kind = asked.get("kind", "egress")
    read = _READERS.get(kind) if isinstance(kind, str) else None
    if read is None:
        raise Refused(f"“kind” is one of {', '.join(_READERS)}.")
    keys, reader = read
    unknown = [key for key in asked if key not in (*keys, "kind")]
    if unknown:
        raise Refused(f"A request of kind {kind} has {', '.join(keys)}, but no “{_shown(unknown[0])}”.")
    try:
        return reader(asked)
    except Wrong as wrong:
        raise Refused(f"{wrong.what[:1].upper()}{wrong.what[1:]}; allowed: {wrong.allowed or 'another spelling'}.") from None


def _network(asked: Row) -> NetworkDelta:
    scheme: Scheme = "http" if asked.get("scheme") == "http" else "https"
    if asked.get("scheme", "https") not in ("http", "https"):
        raise Refused("“scheme” is https or http.")
    rule = Rule(
        host=_host(asked),
        where="",
        ports=_ports(asked, default=443 if scheme == "https" else 80),
        scheme=scheme,
        methods=_methods(asked),
        paths=_paths(asked),
    )
    return NetworkDelta(rule=rule)


def _credential(asked: Row) -> CredentialDelta:
    host = _host(asked)
    if "*" in host:
        raise Refused("A credential is asked for one host, without wildcard.")
    target = Target(host=host, ports=_ports(asked, default=443), methods=_methods(asked), paths=_paths(asked))
    return CredentialDelta(name=_word(asked, "name"), target=target)


def _preset(asked: Row) -> PresetDelta:
    return PresetDelta(name=_word(asked, "name"))


def _dlp(asked: Row) -> DlpDelta:
    rule, host = _word(asked, "rule"), _host(asked)
    if not _RULE_NAME.fullmatch(rule) or "*" in host:
        raise Refused("An exception of the search for secrets is for one rule on one host, without wildcard.")
    return DlpDelta(rule=rule, host=host)


def _budget(asked: Row) -> BudgetDelta:
    usd, tokens = asked.get("usd", 0), asked.get("tokens", 0)
    if not isinstance(usd, int | float) or isinstance(usd, bool) or not 0 <= usd <= 10_000:
        raise Refused("“usd” is a number of US dollars from 0 to 10000, added to the budget.")
    if not isinstance(tokens, int) or isinstance(tokens, bool) or not 0 <= tokens <= 10**10:
        raise Refused("“tokens” is a whole number of tokens, added to the budget.")
    if not usd and not tokens:
        raise Refused("A request of kind budget says how much more: “usd” or “tokens”.")
    return BudgetDelta(usd=float(usd), tokens=tokens)


def _mount(asked: Row) -> MountDelta:
    path, to, writable = _text(asked, "path"), _text(asked, "to"), asked.get("writable", False)
    for name, value in (("path", path), ("to", to)):
        parts = value.split("/")
        if not value.startswith("/") or {".", "..", ""} & set(parts[1:]):
            raise Refused(f"“{name}” is an absolute path without dot segments.")
    if not isinstance(writable, bool):
        raise Refused("“writable” is true or false.")
    return MountDelta(path=path, to=to, writable=writable)


def _limit(asked: Row) -> LimitDelta:
    said, value = _word(asked, "name"), _word(asked, "value")
    name: LimitName | None = next((one for one in LIMITS if one == said), None)
    if name is None:
        raise Refused(f"“name” is one of {', '.join(LIMITS)}.")
    return LimitDelta(name=name, value=value)


_READERS: dict[str, tuple[tuple[str, ...], Callable[[Row], Delta]]] = {
    "egress": (("host", "ports", "methods", "paths", "scheme"), _network),
    "credential": (("name", "host", "ports", "methods", "paths"), _credential),
    "preset": (("name",), _preset),
    "dlp": (("rule", "host"), _dlp),
    "budget": (("usd", "tokens"), _budget),
    "mount": (("path", "to", "writable"), _mount),
    "limit": (("name", "value"), _limit),
}

KINDS = tuple(_READERS)


def _host(asked: Row) -> str:
    return host_pattern(_text(asked, "host"))


def _ports(asked: Row, *, default: int) -> tuple[int, ...]:
    ports = _list(asked, "ports") or [default]
    for port in ports:
        if not isinstance(port, int) or isinstance(port, bool) or not 1 <= port <= 65535:
            raise Refused("“ports” are whole numbers from 1 to 65535.")
    return tuple(sorted(set(ports)))


def _methods(asked: Row) -> tuple[str, ...]:
    methods = _list(asked, "methods")
    for method in methods:
        if method not in METHODS:
            raise Refused(f"“methods” are some of {', '.join(sorted(METHODS))}.")
    return tuple(dict.fromkeys(methods))


def _paths(asked: Row) -> tuple[str, ...]:
    paths = _list(asked, "paths")
    for path in paths:
        if not isinstance(path, str) or len(path) > TEXT_LIMIT or not path.isascii() or not path.isprintable():
            raise Refused(f"“paths” are texts of printable ASCII, at most {TEXT_LIMIT} characters each.")
        check_glob(path)
    return tuple(dict.fromkeys(paths))


def _list(asked: Row, key: str) -> list[Any]:  # Any: JSON
    value = asked.get(key)
    if value is None:
        return []
    if not isinstance(value, list) or not 1 <= len(value) <= LIST_LIMIT:
        raise Refused(f"“{key}” is a list of 1 to {LIST_LIMIT} values.")
    return value


def _text(asked: Row, key: str) -> str:
    value = asked.get(key)
    if not isinstance(value, str) or not 1 <= len(value) <= TEXT_LIMIT or not value.isprintable():
        raise Refused(f"“{key}” is needed: a text on one line, at most {TEXT_LIMIT} characters.")
    return value


def _word(asked: Row, key: str) -> str:
    value = _text(asked, key)
    if not value.isascii() or " " in value or len(value) > 80:
        raise Refused(f"“{key}” is one word of ASCII.")
    return value


def _shown(text: str) -> str:
    return text[:40].encode("ascii", "backslashreplace").decode("ascii") if text.isprintable() else "…"


def row_of(delta: Delta) -> dict[str, Any]:  # Any: JSON
    """The delta as the arguments that ask for it: `read_delta` of it is the same delta."""
    if isinstance(delta, NetworkDelta):
        rule = delta.rule
        row = _request_row(rule.host, rule.ports, rule.methods, rule.paths)
        return {"kind": delta.kind, **row, **({"scheme": "http"} if rule.scheme == "http" else {})}
    if isinstance(delta, CredentialDelta):
        target = delta.target
        return {"kind": delta.kind, "name": delta.name, **_request_row(target.host, target.ports, target.methods, target.paths)}
    if isinstance(delta, PresetDelta):
        return {"kind": delta.kind, "name": delta.name}
    if isinstance(delta, DlpDelta):
        return {"kind": delta.kind, "rule": delta.rule, "host": delta.host}
    if isinstance(delta, BudgetDelta):
        return {"kind": delta.kind, "usd": delta.usd, "tokens": delta.tokens}
    if isinstance(delta, MountDelta):
        return {"kind": delta.kind, "path": delta.path, "to": delta.to, "writable": delta.writable}
    return {"kind": delta.kind, "name": delta.name, "value": delta.value}


def _request_row(
    host: str, ports: tuple[int, ...], methods: tuple[str, ...], paths: tuple[str, ...]
) -> dict[str, Any]:  # Any: JSON
    row: dict[str, Any] = {"host": host, "ports": list(ports)}
    return row | ({"methods": list(methods)} if methods else {}) | ({"paths": list(paths)} if paths else {})


def described(delta: Delta) -> str:
    """One line for a person. Every value is printable already."""
    if isinstance(delta, NetworkDelta):
        rule = delta.rule
        return f"send {_requests(rule.methods, rule.paths)} to {_place(rule.host, rule.ports, rule.scheme)}"
    if isinstance(delta, CredentialDelta):
        target = delta.target
        place = _place(target.host, target.ports, "https")
        return f"use the credential {delta.name} for {_requests(target.methods, target.paths)} to {place}"
    if isinstance(delta, PresetDelta):
        return f"reach what {delta.name} needs (preset {delta.name}, from your own settings of it)"
    if isinstance(delta, DlpDelta):
        return f"let through what the rule {delta.rule} finds in requests to {delta.host}"
    if isinstance(delta, BudgetDelta):
        more = [f"${delta.usd:g}"] if delta.usd else []
        return f"spend {' and '.join([*more, *([f'{delta.tokens} tokens'] if delta.tokens else [])])} more on the model"
    if isinstance(delta, MountDelta):
        return f"{'write' if delta.writable else 'read'} {delta.path} of the host as {delta.to}, from the next start on"
    return f"have {delta.value} as the limit {delta.name}, from the next start on"


def _requests(methods: tuple[str, ...], paths: tuple[str, ...]) -> str:
    return f"{', '.join(methods) or 'any method'} {', '.join(paths) or 'on any path'}"


def _place(host: str, ports: tuple[int, ...], scheme: str) -> str:
    usual = (443,) if scheme == "https" else (80,)
    port = "" if ports == usual else f" port {' or '.join(map(str, ports))}"
    return f"{host}{port}{' by plain http' if scheme == 'http' else ''}"


def narrow(delta: Delta, said: Row) -> Delta:
    """What the operator gives instead of what was asked: the named keys replaced. Refused when it would be more, not less."""
    if not isinstance(delta, NetworkDelta | CredentialDelta):
        raise Refused(f"A request of kind {delta.kind} is given whole or not at all.")
    less = read_delta({**row_of(delta), **said})
    if _name(less) == _name(delta) and covers(_as_rule(delta), _as_rule(less)):
        return less
    raise Refused(f"This is not less than what was asked: {described(delta)}.")


def is_within(delta: Delta, rules: tuple[Rule, ...]) -> bool:
    """Whether one of these allows lets out everything that a network delta asks for."""
    return isinstance(delta, NetworkDelta) and any(
        not rule.deny and not rule.passthrough and covers(replace(rule, where=""), delta.rule) for rule in rules
    )


def _as_rule(delta: Delta) -> Rule:
    assert isinstance(delta, NetworkDelta | CredentialDelta)
    if isinstance(delta, NetworkDelta):
        return delta.rule
    target = delta.target
    return Rule(host=target.host, where="", ports=target.ports, methods=target.methods, paths=target.paths)


def _name(delta: Delta) -> str:
    return delta.name if isinstance(delta, CredentialDelta) else delta.kind
