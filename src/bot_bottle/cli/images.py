"""`bot-bottle images`: the images that bottles run from."""

import json
import os
import time
from pathlib import Path

import click

from bot_bottle.cli.say import make_say
from bot_bottle.host.plain import plain
from bot_bottle.manifest.overrides import Overrides
from bot_bottle.manifest.read import Sources
from bot_bottle.manifest.units import about_size
from bot_bottle.plans.show import described_image, short_digest, to_json


@click.group()
def images() -> None:
    """List, build and remove the images that bottles run from."""


@images.command(name="ls", short_help="Show every image of ours.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON array.")
def ls(*, as_json: bool) -> None:
    """Show the images that bot-bottle made: docker's (built, loaded, imported) and the roots unpacked in the cache."""
    from bot_bottle.bottles.images import age, list_images, row_json

    rows = list_images(os.environ, say=make_say(quiet=False).line)
    if as_json:
        click.echo(json.dumps([row_json(row) for row in rows], indent=1))
        return
    for row in rows:
        needed = f"needed by {', '.join(row.needed_by)}" if row.needed_by else f"used {age(row.used)} ago" if row.used else ""
        columns = (short_digest(row.identity), f"{row.place:6}", f"{row.kind:10}", f"{about_size(row.size):>9}")
        click.echo("  ".join((*columns, plain(row.origin, limit=60), needed)).rstrip())


@images.command(short_help="Build, fetch or unpack the image that a start would need.")
@click.option("-f", "--file", "manifest", type=click.Path(path_type=Path), metavar="FILE", help="The manifest.")
@click.option("--no-manifest", is_flag=True, help="Do not look for a manifest.")
@click.option("--backend", metavar="NAME", help="What would run the bottle.")
@click.option("--image", metavar="REF", help="The image, as for run.")
@click.option("--fresh", is_flag=True, help="Build and fetch anew, whatever is there.")
@click.option("--json", "as_json", is_flag=True, help="Print the image as JSON.")
@click.argument("agent", required=False)
def build(
    *,
    manifest: Path | None,
    no_manifest: bool,
    backend: str | None,
    image: str | None,
    fresh: bool,
    as_json: bool,
    agent: str | None,
) -> None:
    """Make the image that `bot-bottle run AGENT` would need here, so that the first start is quick."""
    from bot_bottle.bottles.images import build_image

    overrides = Overrides(agent=agent, backend=backend, image=image)
    sources = Sources(cwd=Path.cwd(), manifest=manifest, overrides=overrides, search=not no_manifest)
    ready = build_image(sources, fresh=fresh, say=make_say(quiet=False).line)
    click.echo(json.dumps(to_json(ready), indent=1) if as_json else plain(described_image(ready)))


@images.command(short_help="Remove images.")
@click.argument("names", nargs=-1, required=True, metavar="ID...")
@click.option("-f", "--force", is_flag=True, help="Also those that bottles need.")
@click.option("--json", "as_json", is_flag=True, help="Print what was removed as a JSON array.")
def rm(names: tuple[str, ...], *, force: bool, as_json: bool) -> None:
    """Remove images of ours by ID, or the beginning of it. One that a bottle needs stays, unless forced."""
    from bot_bottle.bottles.images import remove_image, row_json

    say = make_say(quiet=False).line
    rows = [remove_image(name, os.environ, force=force, say=say) for name in names]
    if as_json:
        click.echo(json.dumps([row_json(row) for row in rows], indent=1))
        return
    for row in rows:
        click.echo(short_digest(row.identity))


@images.command(short_help="Remove the images that no bottle needs.")
@click.option("--all", "every", is_flag=True, help="Also those that were used within a week.")
@click.option("--json", "as_json", is_flag=True, help="Print what was removed as a JSON array.")
def prune(*, every: bool, as_json: bool) -> None:
    """Remove the images of ours that no bottle needs and no start asked for within a week; never images of your own."""
    from bot_bottle.bottles.images import prune_images, row_json

    rows = prune_images(os.environ, every=every, now=time.time(), say=make_say(quiet=False).line)
    if as_json:
        click.echo(json.dumps([row_json(row) for row in rows], indent=1))
        return
    for row in rows:
        click.echo(f"{short_digest(row.identity)}  {row.place:6} {about_size(row.size):>9}  {plain(row.origin, limit=80)}")
    click.echo(f"{about_size(sum(row.size for row in rows))} freed")
