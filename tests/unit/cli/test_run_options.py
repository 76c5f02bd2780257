"""The quick reader of `run` and click agree on every line that the quick reader takes."""

from pathlib import Path
from typing import Any

import click
import pytest

from bot_bottle.cli.run_command import run
from bot_bottle.cli.run_options import quick

PLAIN = (
    "",
    "shell -- true",
    "claude -q --name a1 -- -p hello",
    "-f b.yaml --mode bind -w src shell",
    "shell --allow a.example.com --allow b.example.com:8443 --preset pip",
    "shell --name=x --prompt=hi -d --json",
    "shell a b c",
    "-- shell true",
    "shell -- --mode wrong --help",
    "shell --prompt-file p.md --backend namespaces --no-manifest --quiet --detach",
)

FOR_CLICK = (
    "--unknown",
    "shell -qd",
    "shell -fb.yaml",
    "shell --name",
    "shell --mode wrong",
    "shell --quiet=1",
    "shell --name --detach",
    "--help",
    "shell --pro text",
)


def by_click(words: list[str]) -> dict[str, Any]:  # Any: click's values
    """What click makes of the line."""
    with run.make_context("run", list(words)) as context:
        return dict(context.params)


@pytest.mark.parametrize("line", PLAIN)
def test_a_plain_line_means_the_same_to_both(line: str) -> None:
    read = quick(line.split())
    assert read is not None
    assert read == by_click(line.split())


def test_what_follows_two_dashes_goes_to_the_agent_of_the_manifest() -> None:
    read = quick(["--", "-p", "--name"])
    assert read is not None
    assert (read["agent"], read["args"]) == (None, ("-p", "--name"))
    assert read == by_click(["--", "-p", "--name"])


@pytest.mark.parametrize("line", FOR_CLICK)
def test_a_line_with_a_mistake_or_a_trick_is_left_to_click(line: str) -> None:
    assert quick(line.split()) is None


def test_a_path_is_a_path() -> None:
    assert quick(["-f", "b.yaml"]) == by_click(["-f", "b.yaml"])
    assert (quick(["-f", "b.yaml"]) or {})["manifest"] == Path("b.yaml")


def test_click_explains_an_unknown_option() -> None:
    with pytest.raises(click.NoSuchOption, match="detatch"):
        by_click(["--detatch"])
