"""The script that the stand-in plays, and a step of it as a call of whatever tools a client offers."""

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Any

Json = dict[str, Any]  # Any: JSON
Step = dict[str, str]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Turn:
    """What to answer: a text, and a tool call (name and input) or none."""

    say: str
    tool: str = ""
    input: Any = None  # Any: JSON, or the text of a free-form tool


KINDS = {
    "run": ("run_shell_command", "bash"),
    "read": ("read_file", "read", "view"),
    "edit": ("replace", "edit"),
    "write": ("write_file", "write", "create"),
}
"""What the tools for a kind of step are called: by Gemini CLI and Qwen Code, opencode, GitHub Copilot."""

PARAMETERS = {
    "run": ("command",),
    "path": ("file_path", "filePath", "absolute_path", "path"),
    "old": ("old_string", "oldString", "old_str"),
    "new": ("new_string", "newString", "new_str"),
    "content": ("content", "file_text"),
}
FILLERS: Mapping[str, Any] = {"string": "work", "boolean": False, "integer": 240_000, "number": 240_000}  # Any: JSON
"""For parameters that a tool wants and a script does not have: a description, a flag, a time limit in ms."""


def choose(script: list[Step], results: list[str]) -> Step:
    """The step for this turn; past the end, the last words again."""
    return script[len(results)] if len(results) < len(script) else {"say": script[-1].get("say", "Done.")}


def locate(path: str, results: list[str]) -> str:
    """The absolute path: below the first absolute path that the first tool result holds on a line of its own."""
    lines = results[0].splitlines() if results else []
    words = (line.removeprefix("Output:").strip() for line in lines)
    here = next((word for word in words if word.startswith("/")), "")
    return path if path.startswith("/") or not here else f"{here}/{path}"


def text_of(content: Any) -> str:  # Any: JSON
    """The text of a content field: a string, or a list of blocks."""
    if isinstance(content, str):
        return content
    blocks = content if isinstance(content, list) else []
    return "\n".join(str(block.get("text", "")) for block in blocks if isinstance(block, dict))


def knows(tools: Mapping[str, Json]) -> bool:
    """Whether one of the tools on offer runs commands: side questions (a title, a summary) come without."""
    return any(name in tools for name in KINDS["run"])


EDIT_BLOCK = "{path}\n```python\n<<<<<<< SEARCH\n{old}=======\n{new}>>>>>>> REPLACE\n```\n"


def turn_for_blocks(script: list[Step], texts: Iterable[str]) -> Turn | None:
    """The script's edits as text, if the conversation asks for that: aider offers no tools."""
    if not any("SEARCH/REPLACE" in text for text in texts):
        return None
    edits = (EDIT_BLOCK.format(path=step["edit"], old=step["old"], new=step["new"]) for step in script if "edit" in step)
    return Turn(say="\n".join((*edits, script[-1].get("say", "Done."))))


def turn_for_tools(script: list[Step], results: list[str], tools: Mapping[str, Json]) -> Turn:
    """This turn's step as a call of the tool on offer; `tools` pairs names with the JSON schemas of their parameters."""
    if not knows(tools):
        return Turn(say="Demo")
    step = choose(script, results)
    kind = next((kind for kind in KINDS if kind in step), "")
    if not kind:
        return Turn(say=step.get("say", ""))
    values = {name: text for name, text in step.items() if name in PARAMETERS}
    if kind != "run":
        values["path"] = locate(step[kind], results)
    name = next(name for name in KINDS[kind] if name in tools)
    return Turn(say=step.get("say", ""), tool=name, input=fill(tools[name], values))


def fill(schema: Json, values: Mapping[str, str]) -> Json:
    """The values under the names that the schema has for them, and something for each other parameter that it wants."""
    properties, wanted = schema.get("properties", {}), schema.get("required", [])
    filled: Json = {
        name: values[value] for value, names in PARAMETERS.items() if value in values for name in names if name in properties
    }
    for name in wanted:
        if name not in filled:
            filled[name] = FILLERS.get(str(properties.get(name, {}).get("type", "string")).lower(), "work")
    return filled
