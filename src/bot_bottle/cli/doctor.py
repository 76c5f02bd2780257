"""`bot-bottle doctor`: which backends work on this machine, how well, and what to do where they do not."""

import json

import click

from bot_bottle.backends.base import Usable
from bot_bottle.backends.registry import backends
from bot_bottle.bottles.choose import forget
from bot_bottle.cli.say import make_say
from bot_bottle.errors import ExitCode


@click.command(short_help="Say which backends work here, and what to do if not.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
def doctor(*, as_json: bool) -> int:
    """Say which backends work here, and what to do if not.

    Exit code 0 when at least one works, 121 otherwise.
    """
    forget()
    surveys = [(backend.name, backend.survey()) for backend in backends()]
    works = any(isinstance(survey, Usable) for _, survey in surveys)
    if as_json:
        rows = []
        for name, survey in surveys:
            if isinstance(survey, Usable):
                rows.append({"backend": name, "works": True, "facts": list(survey.facts)})
            else:
                rows.append(
                    {"backend": name, "works": False, "why": survey.why, "facts": list(survey.facts), "next": survey.next}
                )
        click.echo(json.dumps(rows, indent=2))
        return 0 if works else int(ExitCode.CANNOT_RUN_HERE)
    out = make_say(quiet=False, to_stdout=True)
    for name, survey in surveys:
        if isinstance(survey, Usable):
            out.labelled(name, "works here")
        else:
            out.labelled(name, f"does not work here: {survey.why}")
        for fact in survey.facts:
            out.labelled("", f"- {fact}")
        if not isinstance(survey, Usable) and survey.next:
            out.labelled("", survey.next)
    return 0 if works else int(ExitCode.CANNOT_RUN_HERE)
