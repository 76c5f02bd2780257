"""`dlp scan`, `dlp explain`, `dlp score`: the scanner of the DLP gate on files, on itself, and on a corpus of cases."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bot_bottle.errors import BadUsage

if TYPE_CHECKING:
    from bot_bottle.gates.dlp.records import Finding

FOUND = 1
"""Exit code of `scan` when something would be stopped, and of `score` below the bars."""

MOST = 256 * 1024 * 1024


@click.group()
def dlp() -> None:
    """Try the scan for secrets and injected orders."""


@dlp.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path, allow_dash=True))
@click.option("--response", is_flag=True, help="Scan as text that arrives: for orders to the model.")
@click.option(
    "--surface",
    type=click.Choice(("body", "url", "host", "header", "command")),
    default="body",
    show_default=True,
    help="Where it would stand in a request.",
)
@click.option(
    "--patterns",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    multiple=True,
    help="A TOML file of rules in gitleaks' format.",
)
@click.option(
    "--engine",
    type=click.Choice(("hyperscan", "aho-corasick")),
    help="Which engine to use; the default is the faster that is installed.",
)
@click.pass_context
def scan(ctx: click.Context, file: Path, *, response: bool, surface: str, patterns: tuple[Path, ...], engine: str | None) -> None:
    """Scan FILE (- is standard input) as if a bottle sent it. Exit 1 when something would be stopped."""
    from bot_bottle.gates.dlp.score import STOPPING

    content = _read(file)
    found = _arriving(content, engine or "") if response else _leaving(content, surface, patterns, engine or "")
    for one in found:
        click.echo(f"{'stop' if one.kind in STOPPING else 'warn'}  {one.describe()}")
    if not found:
        click.echo("Nothing found.", err=True)
    ctx.exit(FOUND if any(one.kind in STOPPING for one in found) else 0)


def _read(file: Path) -> bytes:
    try:
        content = sys.stdin.buffer.read(MOST + 1) if str(file) == "-" else file.read_bytes()
    except OSError as error:
        raise BadUsage(f"The file {file} cannot be read.", facts=(str(error),)) from error
    if len(content) > MOST:
        raise BadUsage(f"The text is larger than {MOST} bytes.", next="Scan it in parts.")
    return content


def _leaving(content: bytes, surface: str, patterns: tuple[Path, ...], engine: str) -> "list[Finding]":
    from bot_bottle.gates.dlp import views
    from bot_bottle.gates.dlp.detectors.catalogue import OUTGOING
    from bot_bottle.gates.dlp.detectors.operator import read_rules
    from bot_bottle.gates.dlp.records import View
    from bot_bottle.gates.dlp.scan import Scanner

    scanner = Scanner((*OUTGOING, *read_rules(patterns)), key=b"dlp scan", engine=engine)
    if surface == "body":
        return scanner.scan(views.body_views(content, "application/x-www-form-urlencoded" if b"=" in content[:200] else ""))
    return scanner.scan((View(surface, "the input", content.strip()),))  # type: ignore[arg-type]  # one of the choices above


def _arriving(content: bytes, engine: str) -> "list[Finding]":
    from bot_bottle.gates.dlp.incoming import Reader
    from bot_bottle.gates.dlp.records import View

    return Reader(key=b"dlp scan", engine=engine).read((View("response", "the input", content),))


@dlp.command(short_help="List the rules, or say where one comes from.")
@click.argument("rule", required=False)
def explain(rule: str | None) -> None:
    """List the detectors and rules, or say where RULE comes from."""
    from bot_bottle.gates.dlp.explain import explain_all, explain_rule

    click.echo(explain_all() if rule is None else explain_rule(rule))


def _refuses(url: str) -> str | None:
    """Why the egress gate would not dial the URL's host although a rule allows it: names and addresses decide, not content."""
    from urllib.parse import urlsplit

    from bot_bottle.errors import Refused
    from bot_bottle.gates.addresses import check
    from bot_bottle.gates.dlp.score import known_address
    from bot_bottle.gates.egress.names import canonical_host, is_address

    try:
        authority = urlsplit(url).netloc.rpartition("@")[2]
        host = canonical_host(authority if authority.endswith("]") else authority.partition(":")[0] or authority)
        address = host.strip("[]") if is_address(host) else known_address(host)
        if address:
            check(address, permitted=())
    except (Refused, ValueError) as error:
        return str(error)
    return None


@dlp.command(short_help="Score the scan on a folder of cases.")
@click.argument("corpus", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option(
    "--engine",
    type=click.Choice(("hyperscan", "aho-corasick")),
    help="Which engine to use; the default is the faster that is installed.",
)
@click.option("--all", "show_all", is_flag=True, help="Show every case, not only the wrong ones.")
@click.pass_context
def score(ctx: click.Context, corpus: Path, *, engine: str | None, show_all: bool) -> None:
    """Score on the cases below CORPUS: every host allowed, formats and injection blocking. Exit 1 below the bars."""
    from bot_bottle.gates.dlp.score import Judge, meets_bars, read_cases, table

    judge = Judge(engine=engine or "", refuses=_refuses)
    scored = [judge.score(case) for case in read_cases(corpus)]
    click.echo(f"{'category':<22}{'malicious':>10}{'caught':>8}{'benign':>8}{'stopped':>9}{'apart':>7}")
    for row in table(scored):
        click.echo(f"{row.category:<22}{row.malicious:>10}{row.caught:>8}{row.benign:>8}{row.stopped:>9}{row.apart:>7}")
    for one in scored:
        if one.out_of_scope:
            click.echo(f"apart   {one.case.name}: {one.out_of_scope}")
        elif not one.is_right:
            click.echo(f"WRONG   {one.case.name}: {', '.join(one.stopped_by) or 'not caught'}")
        elif show_all:
            click.echo(f"right   {one.case.name}: {', '.join(one.stopped_by) or 'let through'}")
    ctx.exit(0 if meets_bars(scored) else FOUND)
