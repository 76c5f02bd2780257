"""`bot-bottle start`: a bottle that was stopped goes on."""

import os
import sys

import click

from bot_bottle.backends.base import TtySize
from bot_bottle.bottles.attach import terminal_size
from bot_bottle.bottles.resume import start_again
from bot_bottle.cli.run import follow, show_preflight
from bot_bottle.cli.say import make_say


@click.command(short_help="Run a stopped bottle again.")
@click.argument("slug", metavar="NAME")
@click.option("-d", "--detach", is_flag=True, help="Leave it running and print its name; `attach` comes back to it.")
@click.option("-q", "--quiet", is_flag=True, help="Do not show the preflight.")
def start(slug: str, *, detach: bool, quiet: bool) -> int:
    """Run it again as it was started, in its own home and workspace.

    It is planned anew from the same manifest and options, so rules, keys and programs are those of today. What is not as it was
    when it ran last is said first. Then it is proved sealed, as at every start.
    """
    on_terminal = sys.stdin.isatty() and sys.stdout.isatty()
    terminal = terminal_size(sys.stdout.fileno()) if on_terminal else TtySize(rows=24, cols=80) if detach else None
    say = make_say(quiet=quiet)
    started = start_again(
        slug,
        detach=detach,
        terminal=terminal,
        host=os.environ,
        say=say.line,
        preflight=lambda plan: show_preflight(plan, say, quiet=quiet),
    )
    return follow(started, detach=detach, as_json=False, say=say)
