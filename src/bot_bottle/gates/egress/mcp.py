"""What a message to an MCP server does: the tools that it calls, with which arguments. Pure; the bytes are the bottle's.

JSON-RPC 2.0 as MCP's streamable HTTP carries it (revisions 2024-11-05 to 2025-06-18): one message; in older ones, a list of them.
"""

import json
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Any

from bot_bottle.errors import Refused
from bot_bottle.host.plain import plain
from bot_bottle.host.strict_json import KeyTwice, read_strictly
from bot_bottle.manifest.spec import McpTool

MOST_MESSAGES = 50

ALWAYS = frozenset(("initialize", "ping", "tools/list", "logging/setLevel"))
"""What a client needs before it can call anything; answers and notifications go through as well."""

CALL = "tools/call"


def not_allowed(content: bytes, tools: Sequence[McpTool]) -> str:
    """Why a message in this body must not reach the server, or nothing. Refused when it cannot be read in exactly one way."""
    try:
        parsed: Any = read_strictly(content.decode())  # Any: JSON
    except KeyTwice:
        raise Refused("The message to the MCP server has a key twice.") from None
    except (ValueError, RecursionError):
        raise Refused("The message to the MCP server is not JSON.") from None
    messages = parsed if isinstance(parsed, list) else [parsed]
    if len(messages) > MOST_MESSAGES:
        raise Refused("There are too many messages to the MCP server in one request.")
    return next((why for message in messages if (why := _one(message, tools))), "")


def _one(message: Any, tools: Sequence[McpTool]) -> str:  # Any: JSON
    if not isinstance(message, dict) or message.get("jsonrpc") != "2.0":
        raise Refused("The message to the MCP server is not JSON-RPC 2.0.")
    method = message.get("method")
    if method is None:
        return ""  # an answer to what the server asked
    if not isinstance(method, str):
        raise Refused("The message to the MCP server has a method that is no text.")
    if method in ALWAYS or method.startswith("notifications/"):
        return ""
    if method != CALL:
        return f"Of this MCP server only tools are allowed, not {plain(method, limit=60)}."
    asked = message.get("params")
    name = asked.get("name") if isinstance(asked, dict) else None
    arguments = asked.get("arguments", {}) if isinstance(asked, dict) else {}
    if not isinstance(name, str) or not isinstance(arguments, dict | None):
        raise Refused("The call of a tool names none.")
    known = [tool for tool in tools if fnmatchcase(name, tool.tool)]
    if not known:
        names = ", ".join(dict.fromkeys(one.tool for one in tools))
        return f"The tool {plain(name, limit=60)} of this MCP server is not allowed; allowed: {names}."
    if any(_fits(arguments or {}, tool) for tool in known):
        return ""
    wanted = "; ".join(f"{key} as {glob}" for tool in known for key, glob in tool.arguments)
    return f"The tool {plain(name, limit=60)} is allowed with other arguments only: {wanted}."


def _fits(arguments: dict[str, Any], tool: McpTool) -> bool:  # Any: JSON
    """Every argument that the rule names is a text, or a number, that matches; what it does not name is free."""
    return all(
        isinstance(said := arguments.get(key), str | int | float) and fnmatchcase(_text(said), glob)
        for key, glob in tool.arguments
    )


def _text(said: str | int | float) -> str:
    return said if isinstance(said, str) else json.dumps(said)
