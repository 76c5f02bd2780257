"""Where an agent's model API is: the vendor's own address, or the base URL that the operator uses on the host.

A gateway on the operator's own loopback (`http://localhost:4000`) is none of the bottle's: inside, that name means the bottle.
There it gets a name of its own, and the gate dials the operator's port for it.
"""

import ipaddress
from urllib.parse import urlsplit

from bot_bottle.errors import BadUsage
from bot_bottle.manifest.spec import ConnectTo, Credential, Rule, Scheme, Target
from bot_bottle.record import dataclass

PLACEHOLDER = "bot-bottle-placeholder"
"""What stands inside the bottle where an SDK wants a key. It opens nothing; the gate sets the real key on the way out."""


DEFAULT_PORTS: dict[Scheme, int] = {"https": 443, "http": 80}

GATEWAY = "gateway.bottle.internal"
"""What a gateway on the operator's loopback is called inside. `.internal` is never delegated (ICANN, 2024)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Endpoint:
    """A base URL in parts; `prefix` has no slash at its end. `loopback` is the address to dial on the operator's own."""

    scheme: Scheme
    host: str
    port: int
    prefix: str
    loopback: str = ""

    @property
    def url(self) -> str:
        """The base URL as the agent is told it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == DEFAULT_PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}{self.prefix}"

    @property
    def connect(self) -> tuple[ConnectTo, ...]:
        """Where the gate dials, when it is not where the name says."""
        if not self.loopback:
            return ()
        return (ConnectTo(host=self.host, port=self.port, address=self.loopback, to_port=self.port),)

    def rule(self, *, methods: tuple[str, ...], paths: tuple[str, ...], where: str) -> Rule:
        """Allow these methods on these paths below the base."""
        below = tuple(self.prefix + path for path in paths)
        return Rule(host=self.host, where=where, ports=(self.port,), scheme=self.scheme, methods=methods, paths=below)

    def target(self, header: str, format: str = "{value}") -> Target:
        """The credential belongs on every request to this host: a path without it would be open to a key of the agent's own."""
        return Target(host=self.host, ports=(self.port,), name=header, format=format)

    def covers(self, target: Target) -> bool:
        """Whether a credential's target is this endpoint."""
        return target.host == self.host and self.port in target.ports


def parse_endpoint(url: str, *, variable: str) -> Endpoint:
    """The parts of a base URL. BadUsage when it cannot be used from inside a bottle."""
    try:
        parts = urlsplit(url)
        host, port = (parts.hostname or "").rstrip("."), parts.port
    except ValueError as error:
        raise refuse(variable, str(error)) from error
    if parts.scheme not in ("https", "http") or not host:
        raise refuse(variable, "It must start with https:// or http:// and name a host.")
    if parts.username is not None or parts.password is not None:
        raise refuse(variable, "It holds a user name or password, which would end up inside the bottle.")
    if parts.query or parts.fragment:
        raise refuse(variable, "It has a query or a fragment.")
    scheme: Scheme = "https" if parts.scheme == "https" else "http"
    where = port or DEFAULT_PORTS[scheme]
    prefix = parts.path.rstrip("/")
    loopback = loopback_address(host)
    if not loopback:
        return Endpoint(scheme=scheme, host=host, port=where, prefix=prefix)
    if scheme == "https":
        raise refuse(
            variable, f"{host} means the bottle itself when the agent asks for it, and no certificate is for another name."
        )
    return Endpoint(scheme=scheme, host=GATEWAY, port=where, prefix=prefix, loopback=loopback)


def refuse(variable: str, why: str) -> BadUsage:
    """The operator's base URL cannot be used."""
    return BadUsage(
        f"{variable} cannot be used in a bottle.",
        facts=(why,),
        next=f"Unset {variable} for this run, or give the host a name of its own and place it with `egress.upstream.connect`.",
    )


def loopback_address(host: str) -> str:
    """The address to dial for a name that means the machine that asks; empty for any other."""
    if host == "localhost" or host.endswith(".localhost"):
        return "127.0.0.1"
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return ""
    return str(address) if address.is_loopback else ""


def credentials_for(endpoint: Endpoint, credentials: tuple[Credential, ...]) -> tuple[tuple[Credential, Target], ...]:
    """The credentials that the gate will set on requests to this endpoint."""
    return tuple((each, target) for each in credentials for target in each.to if endpoint.covers(target))
