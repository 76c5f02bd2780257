"""`run` as click knows it: its help, its completion, and its messages for a line with mistakes."""

from typing import Any

import click

from bot_bottle.cli.run_options import OPTIONS, Option


def _declared(option: Option) -> click.Option:
    if option.takes == "nothing":
        return click.Option([*option.spellings, option.fills], is_flag=True, help=option.help)
    kind: Any = click.STRING  # Any: one of click's parameter types
    if option.choices:
        kind = click.Choice(option.choices)
    elif option.takes == "path":
        from pathlib import Path

        kind = click.Path(path_type=Path)
    many = option.takes == "texts"
    return click.Option([*option.spellings, option.fills], type=kind, multiple=many, metavar=option.metavar, help=option.help)


def _start(**options: Any) -> int:  # Any: click passes exactly the arguments of `run_bottle`
    from bot_bottle.cli.run import run_bottle

    return run_bottle(**options)


class Run(click.Command):
    """What follows -- goes to the agent, also where the manifest names the agent."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As click does, up to the first --."""
        end = args.index("--") if "--" in args else len(args)
        left = super().parse_args(ctx, args[:end])
        ctx.params["args"] = (*(ctx.params.get("args") or ()), *args[end + 1 :])
        return left


run = Run(
    "run",
    params=[
        click.Argument(["agent"], required=False),
        click.Argument(["args"], nargs=-1, metavar="[-- ARGS...]", type=click.UNPROCESSED),
        *(_declared(option) for option in OPTIONS),
    ],
    callback=_start,
    short_help="Start an agent in a new bottle.",
    help="Start AGENT (claude, codex, shell, … as `bot-bottle agents ls` lists them; the manifest's when left out) in a new "
    "bottle, for the folder you stand in. ARGS after -- go to the agent; for shell they are the command to run. The exit code is "
    "theirs; our own are 2 and 120 to 127.",
)
