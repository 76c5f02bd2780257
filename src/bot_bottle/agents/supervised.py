"""The MCP server through which an agent asks the operator, as a provider wires it: its place, its token's mark, how to ask."""

import json

from bot_bottle.agents.base import Provisioning
from bot_bottle.plans.bottle import GuestFile
from bot_bottle.plans.gate import GATE_PORTS, Line

SERVER = "supervise"
URL = f"http://127.0.0.1:{GATE_PORTS['supervise']}/mcp"

SUPERVISE_TOKEN = "@SUPERVISE-TOKEN@"  # noqa: S105  # a mark, not a token
"""Stands in files for the bottle's token, which `prepare` makes when it writes them: no plan holds it."""

AUTHORIZATION = f"Bearer {SUPERVISE_TOKEN}"

CLIENTS_PATH = ".config/bot-bottle/mcp.json"
"""Below the bottle's home: the server in the form that most MCP clients read."""

HEADERS = {"Authorization": AUTHORIZATION}

CLIENTS_FILE = GuestFile(
    path=CLIENTS_PATH,
    content=json.dumps({"mcpServers": {SERVER: {"type": "http", "url": URL, "headers": HEADERS}}}, indent=1),
)

WAIT_MS = 290_000
"""For clients that give a tool call less time by default: the server answers after at most 240 s."""

ASKING = """\
You work in a sealed bottle. Requests to hosts that the operator has not allowed are refused; the answer says why, with a hint.
If you need what is refused, ask with the tool request_permission of the MCP server supervise: pass the arguments of the hint and
an honest reason, then call await_decision with the id you get. Ask for as little as you need, and ask once. If it is denied, take
the alternative or do without. If it is pending, go on with other work and look again later. Do not try to get round a refusal.
"""


def standing_prompt(prompt: str, *, is_supervised: bool) -> str:
    """The operator's standing prompt, with how to ask behind it."""
    return "\n\n".join(part for part in (prompt, ASKING) if part) if is_supervised else prompt


def cannot_ask(asked: Provisioning, why: str) -> tuple[Line, ...]:
    """For an agent that does not reach the server: what the preflight says when the operator expects to be asked."""
    text = "the agent cannot ask you: what is refused stays refused, unless you allow it unasked"
    return (Line(label="agent", text=text, why=why),) if asked.is_supervised else ()
