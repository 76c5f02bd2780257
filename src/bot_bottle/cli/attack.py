"""`bot-bottle attack`: see for yourself, on your own machine, that a bottle holds."""

import json
import time

import click

from bot_bottle.attacks.case import chosen
from bot_bottle.attacks.run import Attacked, as_json, attack
from bot_bottle.attacks.scene import Wanted
from bot_bottle.attacks.show import listed, table
from bot_bottle.attacks.table import GROUPS
from bot_bottle.cli.say import make_say
from bot_bottle.errors import ExitCode


@click.command("attack", short_help="Attack a bottle from inside, and show that it holds.")
@click.option("--backend", metavar="NAME", help="What runs the bottle; as `run` chooses when left out.")
@click.option("--image", metavar="REF", help="The image to run from, where the backend uses one; it needs Python 3.")
@click.option("--class", "names", metavar="CLASS", multiple=True, help="Only this class of attacks; may be repeated.")
@click.option("--json", "json_wanted", is_flag=True, help="Print one JSON object.")
@click.option("--list", "list_wanted", is_flag=True, help="Print the cases by class, and attack nothing.")
def attack_(*, backend: str | None, image: str | None, names: tuple[str, ...], json_wanted: bool, list_wanted: bool) -> int:
    """Start a bottle, attack it from inside in every way we know, and show for each whether it was contained.

    The bottle is a real one, started as `run` starts it, with secrets planted on the host that nobody inside may find. Exit
    code 0 only when nothing escaped, 123 otherwise.
    """
    groups = chosen(GROUPS, names)
    if list_wanted:
        for line in listed(groups):
            click.echo(line)
        return 0
    say = make_say(quiet=json_wanted)
    began = time.monotonic()
    attacked = attack(groups, Wanted(backend=backend, image=image), say=say.line)
    if json_wanted:
        click.echo(json.dumps(as_json(attacked), indent=2))
    else:
        for line in table(attacked, groups):
            click.echo(line)
        say.line(f"it took {time.monotonic() - began:.1f} s")
    return exit_code(attacked)


def exit_code(attacked: Attacked) -> int:
    """0 only when nothing escaped."""
    return int(ExitCode.NOT_CONTAINED) if attacked.escaped else 0
