"""`bot-bottle dashboard`: everything on one screen."""

import sys

import click

from bot_bottle.errors import BadUsage


@click.command(short_help="See and steer all bottles on one screen.")
def dashboard() -> None:
    """Show the bottles, what their agents ask, and what went through their gates; answer, attach, start and stop by keys."""
    if not (sys.stdin.isatty() and sys.stdout.isatty() and sys.stderr.isatty()):
        raise BadUsage(
            "The dashboard needs a terminal.", next="`bot-bottle ls`, `bot-bottle asks` and `bot-bottle traffic` do not."
        )
    from bot_bottle.dashboard.app import Dashboard

    Dashboard().run()
