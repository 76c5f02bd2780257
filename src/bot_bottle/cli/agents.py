"""`bot-bottle agents`: which coding agents there are, and bringing one into the cache."""

import json
import sys
from pathlib import Path

import click

from bot_bottle.agents.base import AgentProvider
from bot_bottle.agents.registry import PROVIDERS, provider, providers
from bot_bottle.host.paths import cache_dir


@click.group()
def agents() -> None:
    """List and install coding agents."""


@agents.command(name="ls", short_help="Show every agent and whether it is installed.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
def ls(*, as_json: bool) -> None:
    """Show every agent, its pinned version, and whether it is installed."""
    rows = [row(each, cache_dir()) for each in providers()]
    if as_json:
        click.echo(json.dumps(rows, indent=1))
        return
    for each in rows:
        click.echo(f"{each['name']:8} {each['version'] or '-':22} {each['state']:14} {each['summary']}")


def row(each: AgentProvider, cache: Path) -> dict[str, str]:
    """One agent as a row: JSON-safe."""
    pin, found = each.describe_pin(), each.installed(cache)
    state = ("installed" if found else "not installed") if pin else "ready"
    place = str(found.folder) if found else ""
    integrity = found.integrity if found else ""
    return {"name": each.name, "version": pin, "state": state, "summary": each.summary, "folder": place, "integrity": integrity}


@agents.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...", type=click.Choice(list(PROVIDERS)))
@click.option("-q", "--quiet", is_flag=True, help="Say nothing when it works.")
def install(names: tuple[str, ...], *, quiet: bool) -> None:
    """Bring agents into the cache, pinned and checked. One that is there already is checked again, byte for byte."""
    for name in names:
        each = provider(name)
        if each.describe_pin() and not quiet:
            sys.stderr.write(f"Installing {name} {each.describe_pin()} with {each.installer}\n")
        found = each.install(cache_dir())
        if not quiet:
            click.echo(f"{name} {found.version} is in {found.folder} ({found.integrity[:19]}…)")
