"""Which credential a request gets, and in which slot. Pure. The agent never holds the value; what it put in the slot is dropped.

A credential is bound to host, port, path and method, on the canonical path of the very request that is sent. The attacker writes
the request; rules, targets and values come from the operator.
"""

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from urllib.parse import quote, unquote

from bot_bottle.errors import Refused
from bot_bottle.gates.egress.covers import Request
from bot_bottle.gates.egress.paths import readings, without_keys
from bot_bottle.gates.egress.rules import host_matches
from bot_bottle.manifest.globs import compile_glob
from bot_bottle.manifest.spec import Credential, Target
from bot_bottle.record import dataclass, field

Headers = Sequence[tuple[str, str]]

PLACEHOLDER = "bot-bottle-placeholder"
"""What stands inside the bottle where a program wants a key. It opens nothing."""

IDENTITIES = frozenset(
    {
        "authorization",
        "x-api-key",
        "api-key",
        "x-goog-api-key",
        "x-auth-token",
        "x-access-token",
        "private-token",
        "job-token",
        "x-amz-security-token",
    }
)
"""Headers that say who asks. Where a credential is bound, none that the bottle wrote goes along: a server that looks at another
header than the bound one would act for whoever the agent says it is, and its account could receive what the bottle knows."""

_HEADER_VALUE = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?")


@dataclass(frozen=True, kw_only=True, slots=True)
class Binding:
    """One target of one credential, compiled."""

    credential: str
    target: Target
    paths: tuple[re.Pattern[str], ...]

    def covers(self, request: Request, spellings: Sequence[str]) -> bool:
        """Whether this very request gets the credential: every reading of its path must be covered."""
        target = self.target
        if request.port not in target.ports or not host_matches(target.host, request.host):
            return False
        if target.methods and request.method not in target.methods:
            return False
        return not self.paths or all(any(glob.fullmatch(path) for glob in self.paths) for path in spellings)


@dataclass(frozen=True, kw_only=True, slots=True)
class Dressed:
    """The request's headers and query with every bound credential set. `values` are what its response is scrubbed of."""

    headers: tuple[tuple[str, str], ...] = field(repr=False)
    raw_query: str | None = field(repr=False)
    names: tuple[str, ...]
    values: tuple[str, ...] = field(repr=False)


def bind(credentials: Sequence[Credential]) -> tuple[Binding, ...]:
    """Every target, ready for `apply`. Refused when a path is not a glob."""
    return tuple(
        Binding(credential=one.name, target=target, paths=tuple(compile_glob(path) for path in target.paths))
        for one in credentials
        for target in one.to
    )


def apply(
    request: Request,
    headers: Headers,
    raw_query: str | None,
    *,
    bindings: Sequence[Binding],
    values: Mapping[str, str],
    plain_ok: bool = False,
    placeholder: str = PLACEHOLDER,
    authority: str = "",
    has_body: bool = False,
    at: float = 0.0,
) -> Dressed:
    """Set each bound credential in its slot, in place of whatever stands there and of every other sign of identity.

    Refused: a bound credential over plain http, unless `plain_ok` (the operator pinned the host to loopback); a value that is
    missing or that no header can hold; a placeholder that is left in a request to which no credential is bound.
    A signature also covers `authority` and `at`, the time in seconds since 1970, and depends on whether the request `has_body`.
    """
    spellings = readings(request.path)
    bound = [one for one in bindings if one.covers(request, spellings)]
    if not bound:
        _refuse_placeholder(request, headers, raw_query, placeholder)
        return Dressed(headers=tuple(headers), raw_query=raw_query, names=(), values=())
    if request.scheme != "https" and not plain_ok:
        raise Refused(f"The credential “{bound[0].credential}” is not sent by plain http; use https.")
    kept = [(name, text) for name, text in headers if _folded(name) not in IDENTITIES]
    used: dict[str, tuple[str, ...]] = {}
    for one in bound:
        if one.target.slot == "sigv4":
            continue
        value = _value(one, values)
        if one.target.slot == "query":
            raw_query = _set_query(raw_query, one.target, value)
        else:
            name, text = header_of(one.target, value)
            kept = [(other, held) for other, held in kept if _folded(other) != _folded(name)]
            kept.append((name, text))
        used[one.credential] = (value,)
    for one in bound:
        if one.target.slot == "sigv4":  # last: it signs what the others set
            from bot_bottle.gates.egress.sigv4 import Call, read_key, sign

            call = Call(method=request.method, authority=authority, path=request.path, raw_query=raw_query, has_body=has_body)
            key = read_key(_present(one, values))
            written = [*kept, *(pair for pair in headers if _folded(pair[0]) == "authorization")]
            kept = list(sign(call, written, key=key, service=one.target.name, region=one.target.format, at=at))
            used[one.credential] = (key.secret, key.token) if key.token else (key.secret,)
    secrets = tuple(value for many in used.values() for value in many)
    return Dressed(headers=tuple(kept), raw_query=raw_query, names=tuple(used), values=secrets)


def header_of(target: Target, value: str) -> tuple[str, str]:
    """Name (lower case) and text of the header that carries it. Basic is RFC 7617; no user: the value is `user:password`."""
    if target.slot == "basic":
        pair = f"{target.name}:{value}" if target.name else value
        return "authorization", "Basic " + base64.b64encode(pair.encode()).decode()
    return target.name.lower(), target.format.replace("{value}", value)


def _folded(name: str) -> str:
    """Header names that a CGI-style server reads alike (RFC 3875, 4.1.18): `X_Api_Key` must not stand beside `x-api-key`."""
    return name.lower().replace("_", "-")


def _set_query(raw_query: str | None, target: Target, value: str) -> str:
    rest = without_keys(raw_query, frozenset({target.name.lower()}))
    pair = f"{quote(target.name, safe='')}={quote(target.format.replace('{value}', value), safe='')}"
    return f"{rest}&{pair}" if rest else pair


def _present(binding: Binding, values: Mapping[str, str]) -> str:
    value = values.get(binding.credential)
    if value is None:
        raise Refused(f"The gate has no value for the credential “{binding.credential}”.")
    return value


def _value(binding: Binding, values: Mapping[str, str]) -> str:
    value = _present(binding, values)
    if not _HEADER_VALUE.fullmatch(value):
        raise Refused(f"The value of the credential “{binding.credential}” is empty or has characters that no header can hold.")
    return value


def _refuse_placeholder(request: Request, headers: Headers, raw_query: str | None, placeholder: str) -> None:
    """A program that sends the placeholder here would send a real key here: say so instead of letting the server say 401."""
    if placeholder and (placeholder in unquote(raw_query or "") or any(_holds(text, placeholder) for _, text in headers)):
        raise Refused(
            f"The request to {request.host} carries the placeholder “{placeholder}”, but the operator has bound no credential to "
            f"{request.method} on this host, port and path."
        )


def _holds(text: str, placeholder: str) -> bool:
    if placeholder in text:
        return True
    scheme, _, coded = text.strip().partition(" ")
    if scheme.lower() != "basic":
        return False
    try:
        return placeholder.encode() in base64.b64decode(coded.strip())
    except binascii.Error:
        return False
