"""A start by a child of ours: its command line, and how what it says is read."""

import json
from pathlib import Path

import pytest

from bot_bottle.bottles.starting import KINDS, Asking, Began, Wanted, read_line
from bot_bottle.cli.run_options import quick
from bot_bottle.errors import BottleError


def test_the_child_waits_for_a_yes_and_gets_only_what_was_chosen() -> None:
    plain = ("-P", "-m", "bot_bottle", "run", "--detach", "--json", "--confirm")
    assert Wanted(folder=Path("/w")).command()[1:] == plain
    command = Wanted(folder=Path("/w"), workspace=Path("/w"), agent="claude", mode="copy", prompt="-x", args=("-p", "--yes"))
    assert command.command()[8:] == ("--workspace=/w", "--mode=copy", "--prompt=-x", "claude", "--", "-p", "--yes")
    named = Wanted(folder=Path("/w"), manifest=Path("/m.yaml"), name="one")
    assert named.command()[8:] == ("--file=/m.yaml", "--name=one")
    assert Wanted(folder=Path("/w"), text="agent: shell\n").command()[8:] == ("--file=-",)


def test_the_line_of_a_child_needs_no_click() -> None:
    wanted = Wanted(folder=Path("/w"), workspace=Path("/w"), text="", name="one", agent="shell", args=("-x",))
    assert quick(wanted.command()[5:]) is not None


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_of_the_child_is_the_same_error_here(kind: type[BottleError]) -> None:
    said = {"what": "No.", "facts": ["because", "\x1b[2J"], "next": "Wait.", "code": int(kind.exit_code)}
    error = read_line(json.dumps({"error": said}).encode())
    assert type(error) is kind
    assert (error.what, error.facts, error.next) == ("No.", ("because", "\\x1b[2J"), "Wait.")


def test_an_error_without_a_class_of_its_own_is_a_plain_one() -> None:
    error = read_line(b'{"error": {"what": "No.", "facts": [], "next": "", "code": 125}}')
    assert type(error) is BottleError


def test_the_plan_is_read_and_made_plain() -> None:
    line = json.dumps({"slug": "a", "preflight": [{"label": "mount", "text": "/x\x1b[2J", "why": ""}]}).encode()
    assert read_line(line) == Asking(slug="a", preflight=(("mount", "/x\\x1b[2J", ""),))


def test_the_name_is_read() -> None:
    assert read_line(b'{"slug": "a", "stage_dir": "/s"}') == Began(slug="a")


@pytest.mark.parametrize(
    "line", [b"", b"installing", b"[]", b'{"preflight": 1}', b'{"slug": "a", "preflight": [{}]}', b"3", b'{"error": 3}']
)
def test_anything_else_is_progress(line: bytes) -> None:
    assert read_line(line) is None
