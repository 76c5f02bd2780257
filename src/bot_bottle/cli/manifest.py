"""`bot-bottle init`, `schema` and `trust`: write a manifest, describe its form, and say which ones you trust."""

import json
import os
import shlex
import sys
import time
from pathlib import Path

import click

from bot_bottle.agents.registry import providers
from bot_bottle.errors import BadUsage, Declined
from bot_bottle.host.files import write_file
from bot_bottle.host.paths import cache_dir
from bot_bottle.host.plain import plain
from bot_bottle.manifest.find import MANIFEST_NAME, find_manifest, repository_top
from bot_bottle.manifest.trust import all_trusted, difference, forget, remember, trusted


@click.command(short_help="Write a commented bottle.yaml for this repository.")
@click.option("--agent", metavar="NAME", help="The agent to name; the installed one when left out.")
@click.option("--force", is_flag=True, help="Replace a manifest that is there.")
def init(*, agent: str | None, force: bool) -> None:
    """Write a commented bottle.yaml for the repository you stand in."""
    from bot_bottle.manifest.available import AVAILABLE
    from bot_bottle.manifest.starter import presets_for, starter

    if agent is not None and agent not in AVAILABLE.agents:
        raise BadUsage(f"There is no agent {agent!r}.", facts=(f"The agents are {', '.join(AVAILABLE.agents)}.",))
    folder = repository_top(Path.cwd().resolve(), home=Path.home().resolve())
    path = folder / MANIFEST_NAME
    if os.path.lexists(path) and (not force or (path.is_dir() and not path.is_symlink())):
        raise BadUsage(f"{path} is there already.", next="Edit it, or replace it with --force.")
    names = {entry.name for entry in os.scandir(folder)}
    text = starter(agent=agent or installed_agent(), presets=presets_for(names))
    write_file(path, text, mode=0o644)
    remember(path, text.encode(), (), at=time.time())
    click.echo(text, nl=False)
    said = f"\nWrote {plain(str(path))}. It is trusted as it stands; after a change: bot-bottle trust\nRun it: bot-bottle run"
    click.echo(said, err=True)


@click.command()
@click.option("--policy", is_flag=True, help="Print the schema of your own policy.yaml instead.")
def schema(*, policy: bool) -> None:
    """Print the JSON Schema of bottle.yaml, for your editor."""
    from bot_bottle.manifest.model import Manifest, Policy
    from bot_bottle.manifest.schema import schema as made

    click.echo(json.dumps(made(Policy if policy else Manifest), indent=2))


@click.command(short_help="Trust a repository's manifest, as it stands now.")
@click.argument("path", required=False, type=click.Path(path_type=Path))
@click.option("--yes", is_flag=True, help="Do not ask: you have read it elsewhere.")
@click.option("--list", "as_list", is_flag=True, help="Show what you trust.")
@click.option("--revoke", is_flag=True, help="Trust it no more.")
@click.option("--json", "as_json", is_flag=True, help="With --list: a JSON array.")
def trust(*, path: Path | None, yes: bool, as_list: bool, revoke: bool, as_json: bool) -> None:
    """Read a repository's manifest and trust exactly that content.

    PATH is the manifest or its folder; the one that `run` would find here when left out. A manifest that you have not
    trusted may only tighten your own policy.
    """
    if as_list:
        show_trusted(as_json=as_json)
        return
    manifest = manifest_at(path)
    if revoke:
        if not forget(manifest):
            raise BadUsage(f"{plain(str(manifest))} is not trusted.", next="`bot-bottle trust --list` shows what is.")
        click.echo(f"{plain(str(manifest))} is not trusted any more.", err=True)
        return
    ask_for_trust(manifest, yes=yes)


def ask_for_trust(path: Path, *, yes: bool) -> None:
    """Show it, ask, and remember exactly the bytes that were shown."""
    from bot_bottle.manifest.read import check
    from bot_bottle.manifest.tighten import loosenings

    checked = check(path)
    content, reads = checked.source.content, checked.said.reads
    before = trusted(path)
    shown = plain(str(path))
    if before is not None and before.same(content, reads):
        click.echo(f"{shown} is trusted since {before.day}.", err=True)
        return
    if before is not None:
        click.echo(f"{shown} has changed since you trusted it:\n")
        lines = difference(before, content, reads)
    else:
        click.echo(f"{shown}:\n")
        lines = tuple(f"{number:4} {plain(line)}" for number, line in enumerate(content.decode().splitlines(), 1))
    wishes = loosenings(checked.policy, checked.said)
    if checked.said.has("prompt_file") and checked.said.prompt:
        prompt = [f"     {plain(line)}" for line in checked.said.prompt.splitlines()]
        lines = (*lines, "", "Its prompt file:", "", *prompt)
    remarks = [f"Note: {remark}." for remark in checked.source.remarks]
    named = [f"Note: it uses {plain(str(file))}, which is pinned with it." for file, _ in reads]
    does = [f"  - {wish.what} ({wish.place.short})" for wish in wishes]
    verdict = ["Beyond your policy it", *does] if wishes else ["It only tightens your policy."]
    click.echo("\n".join([*lines, "", *verdict, *remarks, *named, ""]))
    if not yes and not confirmed():
        raise Declined(f"{shown} is not trusted.", next=f"To use it once: bot-bottle run -f {shlex.quote(shown)}")
    remember(path, content, reads, at=time.time())
    click.echo(f"{shown} is trusted until it changes.", err=True)


def confirmed() -> bool:
    """The operator's own yes, typed on a terminal."""
    if not sys.stdin.isatty():
        raise Declined("Nobody can be asked: standard input is not a terminal.", next="Read the above, then add --yes.")
    return click.confirm("Trust exactly this?", default=False, err=True)


def show_trusted(*, as_json: bool) -> None:
    """Every trusted manifest and the day it was trusted."""
    rows = [{"path": str(one.path), "trusted": one.day, "names": [str(file) for file, _ in one.reads]} for one in all_trusted()]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    for row in rows:
        click.echo(f"{row['trusted']}  {plain(str(row['path']))}")


def manifest_at(path: Path | None) -> Path:
    """The manifest meant, with the links in its folder's path followed but not its own."""
    if path is None:
        found = find_manifest(Path.cwd().resolve(), home=Path.home().resolve())
        if found is None:
            raise BadUsage("There is no bottle.yaml here.", next="`bot-bottle init` writes one.")
        return found
    return path.resolve() / MANIFEST_NAME if path.is_dir() else path.parent.resolve() / path.name


def installed_agent() -> str:
    """The first agent that is in the cache, else Claude Code."""
    cache = cache_dir()
    return next((each.name for each in providers() if each.describe_pin() and each.installed(cache)), "claude")
