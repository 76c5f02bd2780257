"""A registry inside a company's network has no public address; rules from the operator's own tool settings may reach it.

Looked up once, before the bottle starts, by the host's own resolver: exactly those addresses are permitted, the preflight shows
them, and a later answer that differs is refused. Addresses of this machine, of its link, and of cloud metadata never are.
"""

from collections.abc import Callable, Sequence

from bot_bottle.gates.addresses import not_public, parse
from bot_bottle.manifest.spec import Rule
from bot_bottle.record import replace

NEVER = (
    "loopback",
    "link-local",
    "metadata",
    "multicast",
    "unspecified",
    "broadcast",
    "this network",
    "mapped",
    "translated",
    "compatible",
)
"""Words in the kind of an address that no look-up may open; the operator can still write a rule with `addresses`."""


def located(rules: Sequence[Rule], lookup: Callable[[str], tuple[str, ...]]) -> tuple[Rule, ...]:
    """The same rules, each with the private addresses at which this host finds its own host now."""
    known: dict[str, tuple[str, ...]] = {}
    for rule in rules:
        if rule.host not in known:
            known[rule.host] = tuple(block for address in lookup(rule.host) if (block := permitted_block(address)))
    return tuple(replace(rule, addresses=tuple(dict.fromkeys((*rule.addresses, *known[rule.host])))) for rule in rules)


def permitted_block(address: str) -> str:
    """The block of this one address if it needs a permission and may have one; empty otherwise."""
    if "%" in address:
        return ""
    parsed = parse(address)
    kind = not_public(parsed)
    if kind is None or any(word in kind for word in NEVER):
        return ""
    return f"{parsed}/{parsed.max_prefixlen}"
