"""What is risky about a request: labels that we compute from the delta and the policy, never from the agent's words. Pure.

No name is resolved here: a name that the agent chooses would carry what it wants to tell to whoever serves that name.
"""

import ipaddress
from collections.abc import Sequence
from typing import Literal

from bot_bottle.gates.addresses import embedded, not_public
from bot_bottle.gates.supervise.deltas import (
    BudgetDelta,
    CredentialDelta,
    Delta,
    DlpDelta,
    LimitDelta,
    MountDelta,
    NetworkDelta,
    PresetDelta,
)
from bot_bottle.manifest.names import is_address
from bot_bottle.manifest.spec import Credential, Rule
from bot_bottle.manifest.tighten import host_covers
from bot_bottle.record import dataclass

Level = Literal["low", "medium", "high"]

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "PROPFIND", "REPORT", "QUERY"})
"""Methods that only read, by definition (RFC 9110, 9.2.1; RFC 4918; RFC 3253; QUERY). They still carry a URL out."""

PROTECTED = (
    *("/etc", "/root", "/boot", "/dev", "/proc", "/sys", "/run", "/var/run", "/var/lib/docker", "/usr", "/bin", "/sbin", "/lib"),
    *(".ssh", ".aws", ".gnupg", ".netrc", ".docker", ".kube", ".config", ".local", ".claude", ".codex", ".git", ".bashrc"),
)
"""Places whose reading or writing reaches beyond a project: the system's, and names in a home that hold keys or settings."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Risk:
    """One label: its level, and what it means here in a sentence."""

    label: str
    level: Level
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """What holds now: the rules, the bindings of credentials, and what the operator denied before."""

    rules: tuple[Rule, ...] = ()
    credentials: tuple[Credential, ...] = ()
    denied_hosts: frozenset[str] = frozenset()


def assess(delta: Delta, known: Known) -> tuple[Risk, ...]:
    """Every label that applies, the gravest first."""
    if isinstance(delta, NetworkDelta):
        found = _network(delta, known)
    elif isinstance(delta, CredentialDelta):
        found = _credential(delta, known)
    elif isinstance(delta, DlpDelta):
        found = [Risk(label="secret may leave", level="high", text="what looks like a secret goes out to this host")]
    elif isinstance(delta, MountDelta):
        found = _mount(delta)
    else:
        found = _other(delta)
    order = {"high": 0, "medium": 1, "low": 2}
    return tuple(sorted(found, key=lambda risk: order[risk.level]))


def is_metadata(delta: Delta) -> bool:
    """Whether it asks for a cloud metadata address, in whatever form: nobody is asked about that one."""
    host = _host(delta)
    if not is_address(host):
        return host in METADATA_NAMES
    address = ipaddress.ip_address(host)
    return any("metadata" in (not_public(one) or "") for one in (address, *embedded(address)))


METADATA_NAMES = frozenset({"metadata.google.internal", "metadata", "instance-data", "instance-data.ec2.internal"})
"""Names under which cloud machines serve their credentials."""


def standing_denies(delta: Delta, rules: Sequence[Rule]) -> tuple[Rule, ...]:
    """The operator's denies about the host: a deny beats every allow, so a grant would not open what they close."""
    host = _host(delta)
    return tuple(rule for rule in rules if rule.deny and host and (host_covers(rule.host, host) or host_covers(host, rule.host)))


def _host(delta: Delta) -> str:
    if isinstance(delta, NetworkDelta):
        return delta.rule.host
    return delta.target.host if isinstance(delta, CredentialDelta) else delta.host if isinstance(delta, DlpDelta) else ""


def _network(delta: NetworkDelta, known: Known) -> list[Risk]:
    rule, found = delta.rule, []
    if is_address(rule.host):
        address = ipaddress.ip_address(rule.host)
        why = next((kind for one in (address, *embedded(address)) if (kind := not_public(one))), None)
        if why is not None:
            found.append(Risk(label="private address", level="high", text=f"{rule.host} is {why}"))
        else:
            found.append(Risk(label="bare address", level="medium", text="no name says whose address this is"))
    if rule.host.startswith("*"):
        level: Level = "high" if rule.host.startswith("**.") or rule.host.count(".") < 3 else "medium"
        found.append(Risk(label="wildcard", level=level, text=f"{rule.host} covers names that nobody listed"))
    if not any(not one.deny and host_covers(one.host, rule.host) for one in known.rules):
        found.append(Risk(label="new host", level="medium", text=f"nothing goes to {rule.host} now"))
    reached = [one.name for one in known.credentials if any(_same_host(target.host, rule.host) for target in one.to)]
    if reached:
        text = f"requests there get the credential {', '.join(reached)} from the gate"
        found.append(Risk(label="credential reach", level="high", text=text))
    if writes(rule.methods):
        found += _writes(rule, is_bound=bool(reached))
    if rule.scheme == "http":
        found.append(Risk(label="plain http", level="medium", text="anybody on the way can read and change it"))
    if rule.host in known.denied_hosts:
        found.append(Risk(label="denied before", level="medium", text="you denied a request for this host before"))
    return found


def _writes(rule: Rule, *, is_bound: bool) -> list[Risk]:
    methods = ", ".join(method for method in rule.methods if method not in SAFE_METHODS) or "any method"
    found = [Risk(label="write method", level="medium", text=f"{methods} can send data out and change things there")]
    if not is_bound:
        text = "no credential of yours is bound there: it would go to whichever account the agent names"
        found.append(Risk(label="account not bound", level="medium", text=text))
    return found


def writes(methods: Sequence[str]) -> bool:
    """Whether any of the methods, or all methods, can change something."""
    return not methods or any(method not in SAFE_METHODS for method in methods)


def _credential(delta: CredentialDelta, known: Known) -> list[Risk]:
    target = delta.target
    found = [Risk(label="credential reach", level="high", text=f"{delta.name} is sent to {target.host}")]
    bound = [one for one in known.credentials if one.name == delta.name]
    if not bound:
        text = f"this bottle has no credential {delta.name}; it would have to be added to the manifest"
        found.append(Risk(label="account not bound", level="high", text=text))
    elif not any(_same_host(one.host, target.host) for one in bound[0].to):
        found.append(Risk(label="new host", level="high", text=f"{delta.name} is not sent to {target.host} now"))
    if writes(target.methods):
        found.append(Risk(label="write method", level="medium", text="it can change things there in your name"))
    return found


def _same_host(one: str, other: str) -> bool:
    return host_covers(one, other) or host_covers(other, one)


def _mount(delta: MountDelta) -> list[Risk]:
    found = []
    parts = delta.path.split("/")
    is_system = any(delta.path == place or delta.path.startswith(f"{place}/") for place in PROTECTED if place.startswith("/"))
    if is_system or any(part in PROTECTED for part in parts) or len(parts) < 4:
        found.append(Risk(label="protected path", level="high", text=f"{delta.path} holds more than one project's files"))
    if delta.writable:
        found.append(Risk(label="write method", level="medium", text="the bottle changes the host's files there"))
    return found


def _other(delta: PresetDelta | BudgetDelta | LimitDelta) -> list[Risk]:
    if isinstance(delta, PresetDelta):
        text = "packages run their own code when they are installed; it stays in the bottle"
        return [Risk(label="new host", level="low", text=text)]
    if isinstance(delta, BudgetDelta):
        return [Risk(label="money", level="medium", text="the model's vendor bills it")]
    return [Risk(label="next start", level="low", text="a running bottle keeps its limits")]
