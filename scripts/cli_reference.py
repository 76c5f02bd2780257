"""Writes docs/reference/cli.md from the help of every command. `--check` only says whether the page is up to date."""

import inspect
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from bot_bottle.cli.main import app

PAGE = Path(__file__).resolve().parent.parent / "docs" / "reference" / "cli.md"
HEAD = """\
# Commands

Written by `scripts/cli_reference.py` from what `bot-bottle COMMAND --help` says. Exit codes: [exit-codes.md](exit-codes.md).
Every command has `-h` and `--help`. Notices go to standard error; standard output holds what was asked
for, or what the agent prints.
"""


def page() -> str:
    """The whole page."""
    context = click.Context(app, info_name="bot-bottle")
    return "\n".join([HEAD, *(described(command, within) for command, within in commands(app, context))])


def commands(command: click.Command, context: click.Context) -> Iterator[tuple[click.Command, click.Context]]:
    """Every command that can be typed, in the order that `--help` shows."""
    if not isinstance(command, click.Group):
        yield command, context
        return
    for name in command.list_commands(context):
        found = command.get_command(context, name)
        assert found is not None
        yield from commands(found, click.Context(found, info_name=name, parent=context))


def described(command: click.Command, context: click.Context) -> str:
    """One command: how it is typed, what it does, its options."""
    words = " ".join([context.command_path, *command.collect_usage_pieces(context)])
    options = [option_line(option) for option in command.params if isinstance(option, click.Option)]
    text = inspect.cleandoc(command.help or "").strip()
    parts = [f"## {context.command_path}", "", f"`{words}`", "", text, ""]
    return "\n".join([*parts, *options, ""] if options else parts)


def option_line(option: click.Option) -> str:
    """One option: its spellings, what it takes, what it is for."""
    takes = "" if option.is_flag else f" {metavar(option)}"
    spellings = ", ".join(option.opts)
    default = f" Default: {option.default}." if option.show_default else ""
    return f"- `{spellings}{takes}`: {(option.help or '').rstrip('.')}.{default}"


def metavar(option: click.Option) -> str:
    """What stands for the option's value."""
    if option.metavar:
        return option.metavar
    if isinstance(option.type, click.Choice):
        return "|".join(str(choice) for choice in option.type.choices)
    if isinstance(option.type, click.IntRange | click.FloatRange):
        return "NUMBER"
    return {"path": "PATH", "file": "FILE", "directory": "FOLDER"}.get(option.type.name, "TEXT")


def main() -> int:
    """Write the page, or with --check say whether it is up to date."""
    made = page()
    if "--check" in sys.argv[1:]:
        return 0 if PAGE.exists() and PAGE.read_text() == made else 1
    PAGE.write_text(made)
    return 0


if __name__ == "__main__":
    sys.exit(main())
