"""One rule made ready to compare, and what it covers. Pure; every field of the request is written by an attacker."""

import re
from collections.abc import Sequence
from ipaddress import ip_network

from bot_bottle.gates.addresses import Network
from bot_bottle.manifest.globs import compile_glob
from bot_bottle.manifest.names import is_address
from bot_bottle.manifest.spec import Rule
from bot_bottle.record import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Request:
    """What a request asks for. `host` and `path` are canonical, `query` is decoded; `content_length` None means not said."""

    scheme: str
    host: str
    port: int
    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    websocket: bool = False
    content_length: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Compiled:
    """A rule with its globs compiled. `permitted` are the blocks it lets its host resolve to although they are not public."""

    rule: Rule
    methods: frozenset[str]
    paths: tuple[re.Pattern[str], ...]
    query: frozenset[str]
    permitted: tuple[Network, ...]

    @property
    def is_whole_host(self) -> bool:
        """Whether it covers every request to its host and ports."""
        return not (self.methods or self.paths or self.query)

    def covers(self, request: Request, readings: Sequence[str]) -> bool:
        """Whether the rule speaks of this request, its path read in each of these ways."""
        rule = self.rule
        if rule.scheme != request.scheme or (rule.ports and request.port not in rule.ports):
            return False
        return self._denies(request, readings) if rule.deny else self._allows(request, readings)

    def _allows(self, request: Request, readings: Sequence[str]) -> bool:
        """Every reading of the path must be covered, and every query key be named."""
        rule = self.rule
        if self.methods and request.method not in self.methods:
            return False
        if request.websocket and not rule.websocket:
            return False
        if rule.max_body is not None and request.content_length is not None and request.content_length > rule.max_body:
            return False
        if self.query and any(key not in self.query for key, _ in request.query):
            return False
        return not self.paths or all(any(glob.fullmatch(path) for glob in self.paths) for path in readings)

    def _denies(self, request: Request, readings: Sequence[str]) -> bool:
        """One reading of the path is enough; methods and query keys count in any case."""
        if self.methods and request.method.upper() not in self.methods:
            return False
        if self.query and all(key.strip().lower() not in self.query for key, _ in request.query):
            return False
        return not self.paths or any(glob.fullmatch(path) for glob in self.paths for path in readings)


def compile_rule(rule: Rule) -> Compiled:
    """Ready for `covers`. Refused when a path is not a glob."""
    literal = (ip_network(rule.host),) if is_address(rule.host) and not rule.deny else ()
    return Compiled(
        rule=rule,
        methods=_methods(rule),
        paths=tuple(compile_glob(path, deny=rule.deny) for path in rule.paths),
        query=frozenset(key.lower() if rule.deny else key for key in rule.query),
        permitted=(*literal, *(ip_network(block) for block in rule.addresses)),
    )


def _methods(rule: Rule) -> frozenset[str]:
    """A deny of GET covers HEAD, which is GET without the content (RFC 9110, 9.3.2); an allow means what it says."""
    methods = frozenset(method.upper() for method in rule.methods)
    return methods | {"HEAD"} if rule.deny and "GET" in methods else methods
