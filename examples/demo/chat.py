"""OpenAI's chat completions (POST /v1/chat/completions), as the stand-in answers them."""

import json
from collections.abc import Iterator

from turns import Json, Step, Turn, text_of, turn_for_blocks, turn_for_tools

USAGE = {"prompt_tokens": 100, "completion_tokens": 20, "total_tokens": 120}


def chat_results(body: Json) -> list[str]:
    """The tool results in the conversation, in order."""
    return [text_of(message.get("content")) for message in body.get("messages", []) if message.get("role") == "tool"]


def chat_turn(script: list[Step], body: Json) -> Turn:
    """This turn's step."""
    blocks = turn_for_blocks(script, (text_of(message.get("content")) for message in body.get("messages", [])))
    if blocks is not None:
        return blocks
    functions = [tool["function"] for tool in body.get("tools") or [] if tool.get("type") == "function"]
    tools = {function["name"]: function.get("parameters", {}) for function in functions}
    return turn_for_tools(script, chat_results(body), tools)


def chat_answer(turn: Turn, *, model: str, number: int) -> Json:
    """The answer as one object."""
    message: Json = {"role": "assistant", "content": turn.say or None}
    if turn.tool:
        function = {"name": turn.tool, "arguments": json.dumps(turn.input)}
        message["tool_calls"] = [{"id": f"call_{number:08d}", "type": "function", "function": function}]
    choice = {"index": 0, "message": message, "finish_reason": "tool_calls" if turn.tool else "stop"}
    return head(model, number, "chat.completion") | {"choices": [choice], "usage": USAGE}


def chat_chunks(turn: Turn, *, model: str, number: int) -> Iterator[str]:
    """The same as a stream's data lines: text, tool call, ending, usage."""
    first = head(model, number, "chat.completion.chunk")
    deltas: list[Json] = [{"role": "assistant", "content": turn.say}]
    if turn.tool:
        function = {"name": turn.tool, "arguments": json.dumps(turn.input)}
        call = {"index": 0, "id": f"call_{number:08d}", "type": "function", "function": function}
        deltas.append({"tool_calls": [call]})
    for delta in deltas:
        yield json.dumps(first | {"choices": [{"index": 0, "delta": delta, "finish_reason": None}]})
    ending = {"index": 0, "delta": {}, "finish_reason": "tool_calls" if turn.tool else "stop"}
    yield json.dumps(first | {"choices": [ending]})
    yield json.dumps(first | {"choices": [], "usage": USAGE})
    yield "[DONE]"


def head(model: str, number: int, kind: str) -> Json:
    """What every object of one answer begins with."""
    return {"id": f"chatcmpl-{number:08d}", "object": kind, "created": 1_700_000_000, "model": model}
