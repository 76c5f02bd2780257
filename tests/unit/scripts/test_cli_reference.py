"""The page of commands says what the commands say, and every command and option says what it is for."""

import click
import pytest
from own_scripts import load_script

REFERENCE = load_script("cli_reference")
COMMANDS = [
    pytest.param(command, context, id=context.command_path)
    for command, context in REFERENCE.commands(REFERENCE.app, click.Context(REFERENCE.app, info_name="bot-bottle"))
]


def test_the_page_of_commands_is_up_to_date() -> None:
    assert REFERENCE.PAGE.read_text() == REFERENCE.page(), "run: python scripts/cli_reference.py"


@pytest.mark.parametrize(("command", "context"), COMMANDS)
def test_a_command_says_what_it_is_for_in_a_sentence(command: click.Command, context: click.Context) -> None:
    first = (command.help or "").split("\n\n")[0].strip()
    assert first[:1].isupper(), context.command_path
    assert first.endswith("."), context.command_path


@pytest.mark.parametrize(("command", "context"), COMMANDS)
def test_every_option_says_what_it_does(command: click.Command, context: click.Context) -> None:
    silent = [param.opts for param in command.params if isinstance(param, click.Option) and not param.help]
    assert not silent, context.command_path


@pytest.mark.parametrize(("command", "context"), COMMANDS)
def test_no_line_in_a_list_of_commands_is_cut_off(command: click.Command, context: click.Context) -> None:
    assert not command.get_short_help_str(limit=58).endswith("..."), context.command_path
