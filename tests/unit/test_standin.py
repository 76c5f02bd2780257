"""The stand-in's turns: which step, through which of the client's tools. The real clients are its other test (tests/e2e)."""

import json

import pytest
import standin

SCRIPT: list[standin.Step] = [
    {"run": "pwd"},
    {"edit": "a.py", "old": "one\n", "new": "two\nthree\n"},
    {"say": "The end."},
]


def claude(*results: str) -> standin.Json:
    """A conversation of Claude Code with these tool results so far."""
    blocks = [{"type": "tool_result", "content": [{"type": "text", "text": text}]} for text in results]
    messages = [{"role": "user", "content": "hello"}, *({"role": "user", "content": [block]} for block in blocks)]
    return {"tools": [{"name": "Bash"}], "messages": messages}


def codex(*results: str, tools: tuple[str, ...] = ("exec",)) -> standin.Json:
    """The same for Codex, whose tools may come in a namespace inside an item."""
    inner = [{"type": "function", "name": name} for name in tools]
    offered = {"type": "additional_tools", "tools": [{"type": "namespace", "name": "functions", "tools": inner}]}
    return {"input": [offered, *({"type": "custom_tool_call_output", "output": text} for text in results)]}


def test_the_step_is_chosen_by_the_tool_results_so_far() -> None:
    assert standin.claude_turn(SCRIPT, claude()).input["command"] == "pwd"
    assert standin.claude_turn(SCRIPT, claude("/work/x\n")).tool == "Edit"
    assert standin.claude_turn(SCRIPT, claude("/work/x\n", "done")) == standin.Turn(say="The end.")


def test_past_the_end_the_last_words_are_repeated() -> None:
    assert standin.claude_turn(SCRIPT, claude("/work/x", "", "", "")).say == "The end."


def test_claudes_paths_are_below_the_folder_that_pwd_printed() -> None:
    assert standin.claude_turn(SCRIPT, claude("/work/x\nfiles")).input["file_path"] == "/work/x/a.py"


def test_a_side_question_without_tools_does_not_play_the_script() -> None:
    assert standin.claude_turn(SCRIPT, {"messages": [{"role": "user", "content": "A title?"}]}).tool == ""
    assert standin.codex_turn(SCRIPT, {"input": []}).tool == ""


@pytest.mark.parametrize(
    ("tools", "tool"), [(("exec",), "exec"), (("exec_command", "apply_patch"), "exec_command"), (("shell",), "shell")]
)
def test_codex_is_asked_through_the_tool_that_it_offers(tools: tuple[str, ...], tool: str) -> None:
    assert standin.codex_turn(SCRIPT, codex(tools=tools)).tool == tool


def test_an_edit_is_a_patch_for_codex() -> None:
    turn = standin.codex_turn(SCRIPT, codex("/work/x"))
    assert turn.tool == "exec"
    assert "*** Update File: a.py\\n@@\\n-one\\n+two\\n+three\\n*** End Patch" in turn.input


def test_the_stream_says_the_same_as_the_whole_message() -> None:
    turn = standin.Turn(say="Look.", tool="Bash", input={"command": "ls"})
    message = standin.claude_message(turn, model="m", number=1)
    events = list(standin.claude_events(message))
    text = "".join(event["delta"].get("text", "") for event in events if event["type"] == "content_block_delta")
    asked = "".join(event["delta"].get("partial_json", "") for event in events if event["type"] == "content_block_delta")
    assert (text, json.loads(asked)) == ("Look.", {"command": "ls"})
    assert [event["type"] for event in events][-1] == "message_stop"
