"""`bot-bottle traffic` and `usage`: what went through a bottle's gate, and what its model cost. Both read the event log."""

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import click

from bot_bottle import __version__
from bot_bottle.bottles.events import Event, read_events
from bot_bottle.bottles.status import read_status, slugs
from bot_bottle.bottles.traffic import Row, har, rows
from bot_bottle.bottles.usage import ModelSum, sum_usage
from bot_bottle.errors import BadUsage
from bot_bottle.host import paths
from bot_bottle.host.files import write_file
from bot_bottle.host.plain import plain
from bot_bottle.record import asdict

POLL_S = 0.2


@click.command("traffic", short_help="Show what went through a bottle's egress gate.")
@click.argument("slug")
@click.option("-f", "--follow", is_flag=True, help="Go on until the bottle ends.")
@click.option("--denied", is_flag=True, help="Only what was refused.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.option("--har", "har_file", type=click.Path(path_type=Path), help="Write an HTTP archive to this file (0600) instead.")
def traffic(slug: str, *, follow: bool, denied: bool, as_json: bool, har_file: Path | None) -> None:
    """One line for each request: time, verdict, status, method, address, bytes out and in, and the rule or the reason."""
    if follow and har_file is not None:
        raise BadUsage("-f and --har do not go together: an archive is written once.")
    read_status(slug)
    events = followed(slug) if follow else read_events(event_log(slug))
    found = (row for row in rows(events) if not denied or row.verdict != "allow")
    if har_file is not None:
        write_file(har_file.absolute(), json.dumps(har(found, version=__version__), indent=1))
        return
    for row in found:
        click.echo(json.dumps(asdict(row)) if as_json else line(row))


def line(row: Row) -> str:
    """One request for a person. What the bottle wrote is made plain."""
    clock = time.strftime("%H:%M:%S", time.localtime(row.ts))
    verdict = "allow" if row.verdict == "allow" else "DENY "
    sizes = f"{_size(row.bytes_out)} out, {_size(row.bytes_in)} in, {row.ms:.0f} ms" if row.verdict == "allow" else row.why
    status = str(row.status) if row.status else "-"
    tail = f"  ({row.rule})" if row.rule else ""
    return plain(f"{clock}  {verdict}  {status:<3}  {row.method:<6} {row.url}  {sizes}{tail}", limit=600)


def _size(number: int) -> str:
    for unit, size in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if number >= size:
            return f"{number / size:.1f} {unit}"
    return f"{number} B"


def event_log(slug: str) -> Path:
    """Where the bottle's events are."""
    return paths.bottle_dir(slug) / "events.jsonl"


def followed(slug: str) -> Iterator[Event]:
    """The events from the first on, until the bottle ends. Lines still being written are waited for."""
    offset, held = 0, b""
    while True:
        running = read_status(slug).state in ("starting", "running")
        part = _from(event_log(slug), offset)
        offset += len(part)
        *lines, held = (held + part).split(b"\n")
        for text in lines:
            try:
                event = json.loads(text)
            except ValueError:
                continue
            if isinstance(event, dict):
                yield event
        if not part:
            if not running:
                return
            time.sleep(POLL_S)


def _from(path: os.PathLike[str], offset: int) -> bytes:
    try:
        with open(path, "rb") as file:
            file.seek(offset)
            return file.read(1 << 20)
    except FileNotFoundError:
        return b""


@click.command("usage", short_help="Show what the model of one bottle, or of all, has cost.")
@click.argument("slug", required=False)
@click.option("--json", "as_json", is_flag=True, help="As JSON on standard output.")
def usage(slug: str | None, *, as_json: bool) -> None:
    """Tokens and US dollars per bottle and model, from what the model's answers reported."""
    if slug is not None:
        read_status(slug)
    named = [slug] if slug is not None else [one for one in slugs() if event_log(one).exists()]
    found = {one: sum_usage(read_events(event_log(one))) for one in named}
    if as_json:
        click.echo(json.dumps({one: [asdict(row) for row in sums] for one, sums in found.items()}, indent=2))
        return
    click.echo(f"{'BOTTLE':<24} {'MODEL':<28} {'CALLS':>6} {'READ':>12} {'WRITTEN':>10} {'USD':>10}")
    for one, sums in found.items():
        for row in sums:
            click.echo(plain(_usage_line(one, row)))
    total = sum(row.usd for sums in found.values() for row in sums)
    click.echo(f"{'':<24} {'all':<28} {'':>6} {'':>12} {'':>10} {total:>10.4f}")
    _notes(row for sums in found.values() for row in sums)


def _usage_line(slug: str, row: ModelSum) -> str:
    mark = "~" if row.estimated or not row.is_priced else " "
    return f"{slug:<24} {row.model:<28} {row.calls:>6} {row.input:>12} {row.output:>10} {row.usd:>10.4f}{mark}"


def _notes(found: Iterator[ModelSum]) -> None:
    from bot_bottle.gates.egress.prices import read_prices

    every = list(found)
    prices = read_prices()
    if every:
        click.echo(f"Prices of {prices.as_of}, {' and '.join(prices.sources)}. The vendor's bill is the one that counts.")
    if any(row.estimated for row in every):
        click.echo(
            f"~ {sum(row.estimated for row in every)} calls are estimated: their answers were left early or reported nothing."
        )
    unknown = sorted({row.model for row in every if not row.is_priced})
    if unknown:
        click.echo(plain(f"~ no price is known for {', '.join(unknown)}: counted as the dearest model."))
