"""`bot-bottle audit`: what a bottle did, whether its log is what was written, and the log in other programs' forms."""

import json
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import click

from bot_bottle import __version__
from bot_bottle.bottles.audit import export as forms
from bot_bottle.bottles.audit import key as keys
from bot_bottle.bottles.audit import places, words
from bot_bottle.bottles.audit.read import Checked, Event, check, events, find, settled
from bot_bottle.bottles.audit.verify import Keys
from bot_bottle.bottles.traffic import har, rows
from bot_bottle.errors import BottleError
from bot_bottle.host.files import write_file
from bot_bottle.host.plain import plain
from bot_bottle.record import asdict

ALTERED = 1
UNENDED = 3
"""Exit codes of `verify`: a log that is not what was written, and one that has no end mark."""

FORMATS = ("otel", "har", "csv", "jsonl")

LOG = click.argument("named", metavar="NAME|FILE")


@click.group("audit", short_help="Show, verify and export what bottles did.")
def audit() -> None:
    """Show, verify and export what bottles did. Logs outlive their bottles; NAME is a bottle's, or the id of one of its logs."""


@audit.command("ls", short_help="List the logs.")
@click.argument("slug", metavar="[NAME]", required=False)
def ls(slug: str | None) -> None:
    """List the logs, of one bottle's name or all, oldest first, with what verification says of each."""
    click.echo(f"{'BEGAN':<20} {'BOTTLE':<32} {'ID':<12} {'LOG':<8} {'EVENTS':>7}")
    for place in places.logs(slug):
        found = check(place.path)
        began = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(place.began))
        click.echo(f"{began:<20} {place.slug:<32} {place.id:<12} {found.standing:<8} {found.report.events:>7}")


@audit.command("show", short_help="Show what a bottle did.")
@LOG
@click.option("--gate", metavar="NAME", help="Only events of this gate (egress, dlp, git-gate, supervise, keeper, operator).")
@click.option("--denied", is_flag=True, help="Only what was refused or held.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, as in the log.")
def show(named: str, *, gate: str | None, denied: bool, as_json: bool) -> int:
    """One line for each event: time, who wrote it, what, the verdict, what it is about, why, and by whom.

    Says first whether the log verifies; the exit code is that of `verify`.
    """
    path = find(named)
    found = check(path)
    click.echo(sentence(found), err=True)
    with settled(path) as log:
        for event in events(log):
            if (gate and event.get("gate") != gate) or (denied and words.verdict(event) not in ("deny", "hold")):
                continue
            click.echo(json.dumps(event) if as_json else line(event))
    return code_of(found)


def line(event: Event) -> str:
    """One event for a person. What the bottle wrote is made plain."""
    clock = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(words.moment(event)))
    return plain(f"{event.get('seq')!s:>5}  {clock}  {words.line(event)}", limit=600)


@audit.command("verify", short_help="Say whether logs are what was written.")
@click.argument("named", metavar="[NAME|FILE]...", nargs=-1)
@click.option(
    "--key",
    "key_files",
    multiple=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Trust this public key (PEM) instead of your own.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object for each log.")
def verify(named: tuple[str, ...], *, key_files: tuple[Path, ...], as_json: bool) -> int:
    """Verify these logs, or all. Needs no network and changes nothing.

    Exit code 0: whole, up to a signed end mark (or the bottle runs, and the log holds so far). 1: altered: a line was edited,
    taken out, put in, moved or comes from another log, or a signature is not yours. 3: no end mark: what is there is what was
    written, but the keeper was killed, or the end was cut off.
    """
    trusted = _read_keys(key_files) if key_files else None
    found = [check(path, trusted) for path in (map(find, named) if named else (one.path for one in places.logs()))]
    for one in found:
        click.echo(_as_json(one) if as_json else sentence(one))
    codes = {code_of(one) for one in found}
    return ALTERED if ALTERED in codes else UNENDED if UNENDED in codes else 0


@audit.command("export", short_help="Write a log in another form.")
@LOG
@click.option("--format", "form", type=click.Choice(FORMATS), required=True, help="What to write.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="The file to write (0600); standard output when left out.")
def export(named: str, *, form: str, output: Path | None) -> int:
    """Write the log as OpenTelemetry logs (otel), its HTTP requests (har), a table (csv), or as it is, to be verified elsewhere.

    The exit code is that of `verify`; the file is written all the same.
    """
    path = find(named)
    found = check(path)
    with settled(path) as log:
        parts = exported(log, form, found)
        if output is None:
            for part in parts:
                click.echo(part, nl=False)
        else:
            write_file(output.absolute(), "".join(parts))
    if code_of(found):
        click.echo(sentence(found), err=True)
    return code_of(found)


@audit.command("key", short_help="Print your public key.")
def key() -> None:
    """Print the public key that your logs are signed with, for whoever is to verify them. Made now if there is none yet."""
    from bot_bottle.bottles.secrets import system_keyring

    own = keys.load_or_make(system_keyring)
    click.echo(f"# bot-bottle audit key {own.id}")
    click.echo(keys.public_pem(own.public), nl=False)


def exported(log: Iterable[bytes], form: str, found: Checked) -> Iterator[str]:
    """The log in this form, in parts."""
    if form == "jsonl":
        yield from (one.decode("utf-8", "backslashreplace") for one in log)
    elif form == "har":
        yield json.dumps(har(rows(events(log)), version=__version__), indent=1) + "\n"
    elif form == "csv":
        yield from forms.table(events(log))
    else:
        about = found.report
        yield from (f"{one}\n" for one in forms.otel(events(log), slug=about.slug, id=about.id, version=__version__))


def sentence(found: Checked) -> str:
    """What verification says of one log, for a person."""
    report = found.report
    name = plain(f"{report.slug or found.path.name} ({report.id[:12] or 'no id'})", limit=120)
    covered = f"signed up to {report.signed}" if report.signed else "none of them signed yet"
    if found.standing == "whole":
        return (
            f"{name}: whole. {report.events} events up to the signed end mark, key {', '.join(report.keys)}, head {report.head}"
        )
    if found.standing == "runs":
        return f"{name}: runs. {report.events} events hold together so far, {covered}."
    if found.standing == "unended":
        torn = f" {report.torn} bytes of a line were cut off by a crash." if report.torn else ""
        closed = f" Closed later: {plain(report.closed, limit=200)}." if report.closed else ""
        return f"{name}: ended without an end mark, up to event {report.events} ({covered}).{torn}{closed}"
    return (
        f"{name}: ALTERED at line {report.line}: {plain(report.why, limit=200)}. {report.events} events before it hold together."
    )


def code_of(found: Checked) -> int:
    """The exit code of one log."""
    return {"whole": 0, "runs": 0, "unended": UNENDED, "altered": ALTERED}[found.standing]


def _as_json(found: Checked) -> str:
    return json.dumps({"log": str(found.path), **asdict(found.report), "state": found.standing})


def _read_keys(files: tuple[Path, ...]) -> Keys:
    known = {}
    for file in files:
        try:
            public = keys.public_from(file.read_text("ascii", "replace"), str(file))
        except OSError as error:
            raise BottleError("The public key cannot be read.", facts=(f"{file}: {error.strerror}",)) from None
        known[keys.key_id(public)] = public
    return known
