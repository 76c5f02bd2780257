"""The verbs that answer agents: asks, approve, deny, grants."""

import json
import os
import sys
import time
from typing import TYPE_CHECKING, Any

import click

from bot_bottle.bottles import asks as inbox
from bot_bottle.bottles.asks import AskView, GrantView
from bot_bottle.cli.say import Say, make_say
from bot_bottle.errors import BadUsage, Declined
from bot_bottle.host.plain import plain
from bot_bottle.manifest.units import seconds as read_seconds
from bot_bottle.record import asdict

if TYPE_CHECKING:
    from bot_bottle.bottles.always import Edit

WATCH_S = 0.3


@click.command("asks", short_help="List what agents ask you for.")
@click.argument("slug", required=False, metavar="[NAME]")
@click.option("-a", "--all", "settled_too", is_flag=True, help="List the answered ones too.")
@click.option("-w", "--watch", is_flag=True, help="Go on, and ring the bell for each new one.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON; with --watch one object a line.")
def asks(slug: str | None, *, settled_too: bool, watch: bool, as_json: bool) -> None:
    """List what the agents of running bottles ask for. The id names the request exactly as it is shown here."""
    if watch:
        _watch(slug, as_json=as_json)
        return
    found = inbox.read_inbox(slug)
    listed = found.asks if settled_too else found.pending
    if as_json:
        click.echo(json.dumps([asdict(one) for one in listed], indent=2))
        return
    out = make_say(quiet=False, to_stdout=True)
    for one in listed:
        show(one, out)
    if not listed:
        make_say(quiet=False).line("Nobody asks for anything.")


def _watch(slug: str | None, *, as_json: bool) -> None:
    """Each ask once, and again when it has changed."""
    told: set[str] = set()
    out = make_say(quiet=False, to_stdout=True)
    while True:
        for one in inbox.read_inbox(slug).pending:
            if one.id in told:
                continue
            told.add(one.id)
            if as_json:
                click.echo(json.dumps(asdict(one)))
            else:
                show(one, out)
                if sys.stdout.isatty():
                    click.echo("\a", nl=False)
        sys.stdout.flush()
        time.sleep(WATCH_S)


def show(one: AskView, out: Say) -> None:
    """One request, whole: everything that its id stands for."""
    out.labelled("ask", one.id, "" if one.state == "pending" else f"{one.state} by {one.answered_by}")
    out.labelled("wants to", one.title)
    if one.reason:
        out.labelled("because", one.reason, "the agent's words")
    for choice in one.choices:
        out.labelled("choice", choice)
    for label, level, text in one.risks:
        out.labelled("risk", f"{label} ({level}): {text}")
    for line in one.evidence:
        out.labelled("refused", line)
    if one.blocked:
        out.labelled("closed", one.blocked, "a deny beats every allow")
    if one.answer:
        out.labelled("answer", one.answer)


@click.command(short_help="Give an agent what it asks for.")
@click.argument("ask_id", metavar="ID")
@click.option("--once", "scope", flag_value="once", help="For one request.")
@click.option("--for", "minutes", metavar="TIME", help="For a time, as 30m or 2h.")
@click.option("--session", "scope", flag_value="session", help="For as long as the bottle runs. The default.")
@click.option("--always", "scope", flag_value="always", help="For all bottles from now on: a line in your policy.yaml.")
@click.option("--narrow", multiple=True, metavar="KEY=VALUE", help="Give less: host, ports, methods or paths, as paths=/v1/**.")
@click.option("--answer", metavar="TEXT", help="The answer to a question.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask back when the ID has no token.")
def approve(
    ask_id: str, *, scope: str | None, minutes: str | None, narrow: tuple[str, ...], answer: str | None, yes: bool
) -> None:
    """Give what was asked, or less; it takes effect at once. ID is what `asks` shows; it names exactly what was shown there."""
    if scope is not None and minutes is not None:
        raise BadUsage("Choose one of --once, --for, --session and --always.")
    one = _named(ask_id, yes=yes)
    said: dict[str, Any] = {"scope": scope or "session", "narrow": inbox.read_narrow(narrow)}  # Any: JSON
    if minutes is not None:
        said |= {"scope": "for", "seconds": _time(minutes)}
    if answer is not None:
        said["answer"] = answer
    say = make_say(quiet=False)
    given = _always(one, said, say, yes=yes) if scope == "always" else inbox.approve(one, said, host=os.environ)
    if given.get("grant"):
        click.echo(f"{one.slug}/{given['grant']}")
        say.line(f"{one.slug} may {given['title']}. `bot-bottle grants revoke {one.slug}/{given['grant']}` takes it back.")
    else:
        say.line(f"{one.slug} got its answer.")


def _always(one: AskView, said: dict[str, Any], say: Say, *, yes: bool) -> dict[str, Any]:  # Any: JSON
    """Show what would be written, give it, then write it: a request that is no longer open must not change the policy."""
    from bot_bottle.bottles.always import give_always, plan_always

    planned = plan_always(one, said["narrow"])
    _show_diff(planned, say)
    if sys.stdin.isatty() and sys.stderr.isatty() and not yes and not click.confirm("Write this?", err=True):
        raise Declined("Nothing was given.")
    given, written = give_always(one, said, planned, host=os.environ)
    if written is not planned:
        say.line("The file has changed meanwhile; this was written:")
        _show_diff(written, say)
    return given


def _show_diff(edit: "Edit", say: Say) -> None:
    say.line(f"{edit.path}:")
    for line in edit.diff:
        click.echo(plain(line), err=True)


def _named(text: str, *, yes: bool) -> AskView:
    """The ask. Without a token in the id it is shown first and asked back: what is approved is what was seen."""
    one = inbox.find_ask(text)
    if "-" in text.rpartition("/")[2] or yes:
        return one
    show(one, make_say(quiet=False))
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise BadUsage("The id names no particular content.", next=f"Use the whole id, {one.id}, or --yes.")
    if not click.confirm("Answer this one?", err=True):
        raise Declined("Nothing was answered.")
    return one


def _time(text: str) -> float:
    try:
        return read_seconds(text)
    except ValueError as error:
        raise BadUsage(f"{plain(text, limit=40)} is not a time.", facts=(str(error),), next="As 30m, 2h or 90s.") from None


@click.command(short_help="Refuse what an agent asks for.")
@click.argument("ask_id", metavar="ID")
@click.option("-r", "--reason", required=True, help="What the agent is told.")
@click.option("--alternative", default="", help="What it can do instead.")
@click.option("-y", "--yes", is_flag=True, help="Do not ask back when the ID has no token.")
def deny(ask_id: str, *, reason: str, alternative: str, yes: bool) -> None:
    """Refuse it. The agent reads the reason; the same request gets the same answer for a quarter of an hour."""
    one = _named(ask_id, yes=yes)
    inbox.deny(one, reason=reason, alternative=alternative)
    make_say(quiet=False).line(f"{one.slug} may not {one.title}.")


@click.group("grants", short_help="List and revoke what you gave.")
def grants() -> None:
    """List and revoke what you gave to running bottles."""


@grants.command("ls", short_help="List the grants in force.")
@click.argument("slug", required=False, metavar="[NAME]")
@click.option("-a", "--all", "ended_too", is_flag=True, help="List those that are over too.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
def ls(slug: str | None, *, ended_too: bool, as_json: bool) -> None:
    """List the grants in force, oldest first."""
    found = [one for one in inbox.read_inbox(slug).grants if ended_too or not one.ended]
    if as_json:
        click.echo(json.dumps([asdict(one) for one in found], indent=2))
        return
    out = make_say(quiet=False, to_stdout=True)
    for one in found:
        out.labelled(f"{one.slug}/{one.name}", f"may {one.title}", f"{_until(one)}, used {one.used} times, by {one.by}")


def _until(one: GrantView) -> str:
    if one.ended:
        return f"over: {one.ended}"
    if one.expires is None:
        return one.scope
    return f"{one.scope}, {max(0, one.expires - time.time()):.0f} s left"


@grants.command("revoke", short_help="End a grant now.")
@click.argument("names", metavar="NAME/GRANT...", nargs=-1, required=True)
def revoke(names: tuple[str, ...]) -> None:
    """End a grant now, and the connections that live by it."""
    for text in names:
        slug, slash, name = text.partition("/")
        if not slash:
            raise BadUsage("A grant is named BOTTLE/GRANT.", next="`bot-bottle grants ls` lists them.")
        inbox.revoke(slug, name)
        click.echo(text)
