"""Denials in words that an agent can act on: what was asked, what stands against it, and what is allowed nearby."""

from collections.abc import Sequence
from typing import Any

from bot_bottle.gates.egress.covers import Request
from bot_bottle.gates.egress.gitways import ADVICE
from bot_bottle.gates.egress.names import authority_text, shown
from bot_bottle.manifest.spec import McpTool, Rule

OFFERS = 4
"""How many rules of the host a denial names."""

PATH_SHOWN = 400
SSH = 22


def denied_by(rule: Rule, asked: str) -> str:
    """A deny speaks of the request."""
    return f"{rule.where} denies {shown(asked, limit=PATH_SHOWN)}."


def no_rule_for_host(host: str, port: int, allows: Sequence[Rule]) -> str:
    """Nothing allows the host, or only at other ports or by plain http."""
    offers = dict.fromkeys(f"{rule.scheme}, port {written_ports(rule)}" for rule in allows[:OFFERS])
    if offers:
        return f"No rule allows https to {authority_text(host, port)}. Allowed on this host: {'; '.join(offers)}."
    ssh = f" SSH does not leave a bottle. {ADVICE}" if port == SSH else ""
    return f"No rule allows {authority_text(host, port, default_port=443)}.{ssh}"


def round_the_gate(way: str, asked: str, rule: Rule) -> str:
    """A rule allows the request, but it would go round the git gate."""
    return f"{way}, which {rule.where} does not let through: {shown(asked, limit=PATH_SHOWN)}. {ADVICE}"


def nearest(request: Request, allows: Sequence[Rule]) -> str:
    """No rule covers the request; `allows` are those of its host."""
    place = authority_text(request.host, request.port, default_port=443 if request.scheme == "https" else 80)
    size = request.content_length
    asked = f"{request.method} {request.scheme}://{place}{request.path}"
    asked = shown(asked, limit=PATH_SHOWN)
    if request.websocket:
        asked += " as a WebSocket"
    if size and any(rule.max_body is not None and size > rule.max_body for rule in allows):
        asked += f" with a body of {size} bytes"
    if not allows:
        return f"No rule allows {asked}; no rule allows this host at all."
    offers = "; ".join(dict.fromkeys(described(rule) for rule in allows[:OFFERS]))
    return f"No rule allows {asked}. Allowed on this host: {offers}."


def described(rule: Rule) -> str:
    """What a rule covers on its host, in few words."""
    words = f"{', '.join(rule.methods) or 'any method'} {', '.join(rule.paths) or 'on any path'}"
    if rule.query:
        words += f" with the query keys {', '.join(rule.query)} only"
    if rule.graphql:
        words += f", GraphQL {', '.join(rule.graphql)} only"
    if rule.mcp:
        words += f", of its MCP server the tools {', '.join(map(_tool, rule.mcp))} only"
    if rule.max_body is not None:
        words += f" with a body up to {rule.max_body} bytes"
    if rule.scheme == "http":
        words += " by http"
    if rule.ports != ((443,) if rule.scheme == "https" else (80,)):
        words += f" at port {written_ports(rule)}" if rule.ports else " at any port"
    words += "" if rule.websocket else " (no WebSocket)"
    return words + " (git itself and commits through an API too)" if rule.git else words


def written_ports(rule: Rule) -> str:
    """The ports in words."""
    return " or ".join(map(str, rule.ports)) or "any"


def host_hint(host: str, port: int) -> dict[str, Any]:  # Any: JSON
    """The argument of `request_permission` for a host."""
    return {"kind": "egress", "host": host, "ports": [port]}


def hint(request: Request) -> dict[str, Any]:  # Any: JSON
    """The argument of `request_permission` for a request."""
    what = host_hint(request.host, request.port) | {"methods": [request.method], "paths": [shown(request.path, limit=PATH_SHOWN)]}
    if request.scheme == "http":
        what["scheme"] = "http"
    return what


def _tool(one: McpTool) -> str:
    said = ", ".join(f"{key} as {glob}" for key, glob in one.arguments)
    return f"{one.tool} with {said}" if said else one.tool
