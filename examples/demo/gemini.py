"""Gemini's generateContent and streamGenerateContent, as the stand-in answers them."""

import json

from turns import Json, Step, Turn, turn_for_tools


def gemini_results(body: Json) -> list[str]:
    """The results of function calls in the conversation, in order."""
    parts = [part for content in body.get("contents", []) for part in content.get("parts", [])]
    answers = [part["functionResponse"].get("response", {}) for part in parts if "functionResponse" in part]
    return [str(answer.get("output", json.dumps(answer))) for answer in answers]


def gemini_turn(script: list[Step], body: Json) -> Turn:
    """This turn's step. Some side questions want JSON of a given shape; any object of strings will do."""
    asked = body.get("generationConfig", {})
    if asked.get("responseMimeType") == "application/json":
        wanted = asked.get("responseJsonSchema") or asked.get("responseSchema") or {}
        return Turn(say=json.dumps(dict.fromkeys(wanted.get("required", ()), "work")))
    declared = [each for tool in body.get("tools", []) for each in tool.get("functionDeclarations", [])]
    tools = {each["name"]: each.get("parametersJsonSchema") or each.get("parameters", {}) for each in declared}
    return turn_for_tools(script, gemini_results(body), tools)


def gemini_answer(turn: Turn, *, model: str, number: int) -> Json:
    """The answer, which is the same object whole and as the only event of a stream."""
    parts: list[Json] = [{"text": turn.say}] if turn.say else []
    if turn.tool:
        parts.append({"functionCall": {"id": f"call_{number:08d}", "name": turn.tool, "args": turn.input}})
    return {
        "candidates": [{"content": {"role": "model", "parts": parts}, "finishReason": "STOP", "index": 0}],
        "usageMetadata": {"promptTokenCount": 100, "candidatesTokenCount": 20, "totalTokenCount": 120},
        "modelVersion": model,
        "responseId": f"resp_{number:08d}",
    }
