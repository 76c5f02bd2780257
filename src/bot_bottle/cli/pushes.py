"""The verbs for held pushes: pushes ls, show, approve, reject."""

import json
import sys

import click

from bot_bottle.bottles import pushes as held
from bot_bottle.bottles.pushes import HeldPush
from bot_bottle.cli.say import make_say
from bot_bottle.errors import BadUsage, Declined, ExitCode
from bot_bottle.record import asdict


@click.group("pushes", short_help="Look at held pushes and decide them.")
def pushes() -> None:
    """Look at pushes that the git gate holds for you, and approve or reject them; also after the bottle has ended."""


@pushes.command("ls", short_help="List the held pushes.")
@click.argument("slug", required=False, metavar="[NAME]")
@click.option("-a", "--all", "decided_too", is_flag=True, help="List the decided ones too.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
def ls(slug: str | None, *, decided_too: bool, as_json: bool) -> None:
    """List the held pushes, the oldest first, then those that a crash cut off. The id names the commits exactly."""
    found = held.held(slug, decided_too=decided_too)
    doubtful = held.in_doubt(slug)
    if as_json:
        rows = [{"id": one.id, "slug": one.slug, **asdict(one.hold)} for one in found]
        rows += [{"id": "", **asdict(one), "state": "unknown"} for one in doubtful]
        click.echo(json.dumps(rows, indent=2))
        return
    out = make_say(quiet=False, to_stdout=True)
    for one in found:
        refs = ", ".join(update.ref.removeprefix("refs/heads/") for update in one.hold.updates)
        why = one.hold.state if one.hold.state != "waiting" else f"{len(one.hold.findings)} findings"
        out.labelled(one.id, f" {one.hold.repository} {refs}", why)
    for cut in doubtful:
        refs = ", ".join(update.ref.removeprefix("refs/heads/") for update in cut.updates)
        out.labelled(cut.slug, f" {cut.repository} {refs}", f"unknown; `bot-bottle pushes settle {cut.slug}` asks the upstream")
    if not found and not doubtful:
        make_say(quiet=False).line("No push is held.")


@pushes.command("settle", short_help="Ask what became of pushes that a crash cut off.")
@click.argument("slug", metavar="NAME")
def settle(slug: str) -> None:
    """Ask the upstreams of an ended bottle whether they have the pushes that `pushes ls` calls unknown. Nothing is pushed."""
    say = make_say(quiet=False)
    learnt = held.settle(slug)
    for one in learnt:
        for ref, _, new in one["updates"]:
            has = "has" if [ref, new] in [[row[0], row[2]] for row in one["taken"]] else "does not have"
            say.line(f"The upstream of {one['repository']} {has} {new[:12]} at {ref.removeprefix('refs/heads/')}.")
    if not learnt:
        say.line("No push is in doubt.")


@pushes.command("show", short_help="Show a held push with its diff.")
@click.argument("push", metavar="ID")
@click.option("-p", "--patches", is_flag=True, help="Show each commit's own changes in place of the sum.")
def show(push: str, *, patches: bool) -> None:
    """Show the commits, what the checks found, and the diff. ID is what `pushes ls` shows; NAME/NUMBER is enough."""
    one = held.find(push)
    for line in held.shown(one, patches=patches):
        click.echo(line)
    if one.hold.state == "waiting":
        make_say(quiet=False).line(f"Approve exactly this: `bot-bottle pushes approve {one.id}`.")


@pushes.command("approve", short_help="Let a held push go on.")
@click.argument("push", metavar="ID")
@click.option("-y", "--yes", is_flag=True, help="Do not ask back when the ID has no token.")
def approve(push: str, *, yes: bool) -> int:
    """Push it upstream. ID is what `pushes show` names: exactly what was shown, or nothing, goes on."""
    one = _named(push, yes=yes)
    state, said = held.decide(one, approves=True)
    say = make_say(quiet=False)
    if state == "taken":
        say.line(f"The upstream of {one.hold.repository} has it.")
        return ExitCode.OK
    say.line(f"The upstream did not take it: {said}.")
    return ExitCode.FAILED


@pushes.command("reject", short_help="Drop a held push.")
@click.argument("push", metavar="ID")
@click.option("-r", "--reason", default="", help="What the agent is told at its next push.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask back when the ID has no token.")
def reject(push: str, *, reason: str, yes: bool) -> None:
    """Drop it. The agent reads the reason when it pushes again."""
    one = _named(push, yes=yes)
    held.decide(one, approves=False, said=reason)
    make_say(quiet=False).line(f"The push {one.id} is dropped.")


def _named(text: str, *, yes: bool) -> HeldPush:
    """The push. Without a token in the id it is shown first and asked back: what is decided is what was seen."""
    one = held.find(text)
    if "-" in text.rpartition("/")[2] or yes:
        return one
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise BadUsage("The id names no particular commits.", next=f"Use the whole id, {one.id}, or --yes.")
    for line in held.shown(one):
        click.echo(line, err=True)
    if not click.confirm("Decide this one?", err=True):
        raise Declined("Nothing was decided.")
    return one
