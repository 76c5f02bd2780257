"""The egress gate, decided: rules, credentials by name, and how the gate itself reaches the world."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bot_bottle.gates.egress.why import described
from bot_bottle.manifest.spec import BottleSpec, Budget, ConnectTo, Credential, FromEnv, McpTool, OAuth2, Rule, Target, Upstream
from bot_bottle.plans.gate import GatePlan, Line, Secret
from bot_bottle.plans.sources import described_source
from bot_bottle.record import asdict, dataclass, field, replace

PROXY_LOGIN = "the login of the upstream proxy"
"""The name of the secret that opens the operator's proxy."""

CLIENT_OF = "the client of "
"""How the name of a client's secret begins, where it is a secret beside the credential; the credential's name follows."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Bounds:
    """How much of the gate one bottle may hold at a time. Seconds are of silence, not of a whole exchange.

    A head must be complete `head_s` after its first byte; a kept connection may be silent for `idle_s`; a request body may stall
    for `stall_s`; a server may be silent for `answer_s` (models think); a WebSocket or passthrough tunnel for `relay_s`.
    """

    connections: int = 1024
    head_s: float = 20.0
    idle_s: float = 300.0
    stall_s: float = 120.0
    answer_s: float = 900.0
    relay_s: float = 3600.0
    body_limit: int = 4 * 1024**3


@dataclass(frozen=True, kw_only=True, slots=True)
class EgressPlan(GatePlan):
    """Everything the gate needs but the credentials' values."""

    rules: tuple[Rule, ...]
    credentials: tuple[Credential, ...]
    upstream: Upstream
    bounds: Bounds = field(default_factory=Bounds)
    budget: Budget = field(default_factory=Budget)
    gate: str = "egress"

    def describe(self) -> tuple[Line, ...]:
        """Each rule, each credential, and every way in which the gate's own connections are special."""
        lines = [Line(label="deny" if rule.deny else "allow", text=_rule_text(rule), why=rule.where) for rule in self.rules]
        if not any(not rule.deny for rule in self.rules):
            lines.append(Line(label="network", text="no host is allowed", why="default"))
        for credential in self.credentials:
            slots = ", ".join(f"{target.slot} {target.name} on {target.host}" for target in credential.to)
            text = f"{credential.name}: set by the gate as {slots}; from {described_source(credential.source)}"
            if credential.oauth2 is not None:
                text += f", with which the gate gets tokens from {credential.oauth2.host}"
            lines.append(Line(label="credential", text=text, why=credential.where))
        for pin in self.upstream.connect:
            lines.append(Line(label="upstream", text=f"{pin.host}:{pin.port} is dialled at {pin.address}:{pin.to_port}"))
        if self.upstream.proxy:
            login = self.upstream.proxy_login
            opened = f", opened with {described_source(login)}" if login is not None else ""
            lines.append(Line(label="upstream", text=f"through the proxy {self.upstream.proxy}{opened}"))
        lines += [Line(label="upstream", text=f"also trusts the certificates in {path}") for path in self.upstream.ca]
        bounds = [f"${self.budget.usd:g}"] if self.budget.usd is not None else []
        bounds += [f"{self.budget.tokens} tokens"] if self.budget.tokens is not None else []
        if bounds:
            lines.append(Line(label="budget", text=f"the model is refused after {' or '.join(bounds)}"))
        return tuple(lines)

    def config(self) -> dict[str, Any]:  # Any: JSON
        """For the bundle."""
        upstream = {**asdict(replace(self.upstream, proxy_login=None)), "ca": [str(path) for path in self.upstream.ca]}
        return {
            "rules": [asdict(rule) for rule in self.rules],
            "credentials": [_binding(one) for one in self.credentials],
            "upstream": upstream,
            "bounds": asdict(self.bounds),
            "budget": asdict(self.budget),
        }

    def secrets(self) -> tuple[Secret, ...]:
        """One for each credential, and one more where a client of OAuth has a secret beside it."""
        more = [(PROXY_LOGIN, self.upstream.proxy_login)]
        more += [(CLIENT_OF + one.name, one.oauth2.client_secret) for one in self.credentials if one.oauth2 is not None]
        return (
            *(Secret(name=one.name, source=one.source) for one in self.credentials),
            *(Secret(name=name, source=source) for name, source in more if source is not None),
        )


def plan_egress(spec: BottleSpec) -> EgressPlan:
    """The gate's plan from a complete spec: presets' and the agent's rules are already among its rules."""
    return EgressPlan(
        rules=spec.egress.rules,
        credentials=spec.credentials,
        upstream=spec.egress.upstream,
        budget=spec.budget or Budget(),
    )


def rule_from(row: dict[str, Any]) -> Rule:  # Any: JSON
    """A rule from `EgressPlan.config()`; JSON has lists where the record has tuples."""
    tools = tuple(McpTool(tool=one["tool"], arguments=tuple(map(tuple, one["arguments"]))) for one in row.get("mcp", ()))
    return Rule(**(_tuples(row) | {"mcp": tools}))


def credential_from(row: dict[str, Any]) -> Credential:  # Any: JSON
    """A credential's binding, likewise; where the value comes from is no business of the gate."""
    targets = tuple(Target(**_tuples(target)) for target in row["to"])
    oauth2 = OAuth2(**_tuples(row["oauth2"])) if row.get("oauth2") else None
    return Credential(name=row["name"], source=FromEnv(env=""), to=targets, where="", oauth2=oauth2)


def _binding(one: Credential) -> dict[str, Any]:  # Any: JSON
    row: dict[str, Any] = {"name": one.name, "to": [asdict(target) for target in one.to]}
    if one.oauth2 is not None:
        row["oauth2"] = asdict(replace(one.oauth2, client_secret=None))
    return row


def connect_from(row: dict[str, Any]) -> ConnectTo:  # Any: JSON
    """A pinned address, likewise."""
    return ConnectTo(**_tuples(row))


def upstream_from(row: Mapping[str, Any]) -> Upstream:
    """The upstream settings of `EgressPlan.config()`."""
    pins = tuple(connect_from(dict(pin)) for pin in row["connect"])
    base = Upstream(proxy=row["proxy"], no_proxy=tuple(row["no_proxy"]), connect=pins)
    return replace(base, ca=tuple(Path(path) for path in row["ca"]))


def budget_from(row: dict[str, Any]) -> Budget:  # Any: JSON
    """The budget, likewise."""
    return Budget(**row)


def bounds_from(row: dict[str, Any]) -> Bounds:  # Any: JSON
    """The bounds, likewise."""
    return Bounds(**row)


def _tuples(row: dict[str, Any]) -> dict[str, Any]:  # Any: JSON
    return {name: tuple(value) if isinstance(value, list) else value for name, value in row.items()}


def _rule_text(rule: Rule) -> str:
    text = f"{rule.host}: {described(rule)}"
    if rule.passthrough:
        text += "; NOT intercepted: only the name is checked, no credential is set, nothing is scanned"
    if rule.addresses:
        text += f"; may be at {', '.join(rule.addresses)}"
    return text
