"""Which requests are judged by their whole body: GraphQL to a forge, and what a rule says of GraphQL and of MCP."""

from collections.abc import Sequence

from bot_bottle.gates.base import Inspection, Outbound, Stopped
from bot_bottle.gates.egress.asking import Put
from bot_bottle.gates.egress.gitways import ADVICE, is_graphql
from bot_bottle.gates.egress.mcp import not_allowed
from bot_bottle.gates.egress.paths import readings
from bot_bottle.gates.egress.whole import Judge, Kind, WholeRequest
from bot_bottle.host.plain import plain
from bot_bottle.manifest.spec import Rule

FORGE = Kind(called="A GraphQL request to a forge", rule="git gate", advice=ADVICE)
STREAM_METHODS = frozenset({"GET", "DELETE"})
"""What MCP's streamable HTTP does without a body: listen, and end a session (MCP 2025-06-18, transports)."""


def watched(outbound: Outbound, asked: Put, rule: Rule, inner: Inspection | None) -> Inspection | None:
    """The inspection of a request; it waits for the whole body where only that says what the request does."""
    if rule.graphql or rule.mcp:
        _check_form(asked, rule)
    if not asked.head.has_body:
        return inner
    judges: list[Judge] = []
    kind = FORGE
    if not rule.git and is_graphql(asked.request, readings(asked.request.path)):
        judges.append(changes_a_repository)
    if rule.graphql:
        kind = Kind(called="A GraphQL request", rule=rule.where)
        judges.append(lambda body: _outside(body, rule.graphql))
    if rule.mcp:
        kind = Kind(called="A message to an MCP server", rule=rule.where)
        judges.append(lambda body: not_allowed(body, rule.mcp))
    return WholeRequest(outbound, inner, kind=kind, judges=judges) if judges else inner


def _check_form(asked: Put, rule: Rule) -> None:
    """What carries no body says nothing that could be judged. Stopped for it, but for MCP's own bodiless requests."""
    request = asked.request
    listens = rule.mcp and not rule.graphql and request.method in STREAM_METHODS
    if request.websocket or not (asked.head.has_body or listens):
        what = "messages to an MCP server" if rule.mcp else "GraphQL operations"
        raise Stopped(f"{rule.where} allows {what} in the body of a POST only.", rule=rule.where)


def _outside(body: bytes, allowed: Sequence[str]) -> str:
    from bot_bottle.gates.egress.graphql import outside

    return outside(body, allowed)


def changes_a_repository(body: bytes) -> str:
    """Why a GraphQL request would go round the git gate, or nothing."""
    from bot_bottle.gates.egress.graphql import unsafe

    name = unsafe(body)
    if not name:
        return ""
    shown = plain(name, limit=60)
    return f"The mutation {shown} may change a repository, or who can, beside the git gate. Issues and pull requests can be made."
