"""A start by a child of ours: its command line, and how what it says is read."""

import json
from pathlib import Path

import pytest

from bot_bottle.bottles.starting import Asking, Began, Wanted, read_line


def test_the_child_waits_for_a_yes_and_gets_only_what_was_chosen() -> None:
    assert Wanted(folder=Path("/w")).command()[1:] == (
        "-m",
        "bot_bottle",
        "run",
        "--detach",
        "--json",
        "--confirm",
        "--workspace=/w",
    )
    command = Wanted(folder=Path("/w"), agent="claude", mode="copy", prompt="-x", args=("-p", "--yes")).command()
    assert command[8:] == ("--mode=copy", "--prompt=-x", "claude", "--", "-p", "--yes")


def test_the_plan_is_read_and_made_plain() -> None:
    line = json.dumps({"slug": "a", "preflight": [{"label": "mount", "text": "/x\x1b[2J", "why": ""}]}).encode()
    assert read_line(line) == Asking(slug="a", preflight=(("mount", "/x\\x1b[2J", ""),))


def test_the_name_is_read() -> None:
    assert read_line(b'{"slug": "a", "stage_dir": "/s"}') == Began(slug="a")


@pytest.mark.parametrize("line", [b"", b"installing", b"[]", b'{"preflight": 1}', b'{"slug": "a", "preflight": [{}]}', b"3"])
def test_anything_else_is_progress(line: bytes) -> None:
    assert read_line(line) is None
