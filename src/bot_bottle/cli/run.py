"""`bot-bottle run`: parse, start, attach or relay, and end with the agent's own exit code."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from bot_bottle.backends.base import TtySize
from bot_bottle.bottles.attach import terminal_size
from bot_bottle.bottles.start import Asked, Started, start
from bot_bottle.cli.say import Say, make_say
from bot_bottle.errors import BadManifest, BadUsage, BottleError, Declined
from bot_bottle.manifest.overrides import Overrides
from bot_bottle.manifest.read import Sources
from bot_bottle.plans.bottle import BottlePlan
from bot_bottle.plans.show import plan_json, preflight_lines, to_json


def run_bottle(
    *,
    agent: str | None,
    args: tuple[str, ...],
    manifest: Path | None,
    no_manifest: bool,
    backend: str | None,
    slug: str | None,
    workspace: Path | None,
    mode: str | None,
    allow: tuple[str, ...],
    preset: tuple[str, ...],
    image: str | None,
    prompt: str | None,
    prompt_file: Path | None,
    detach: bool,
    dry_run: bool,
    as_json: bool,
    confirm: bool,
    quiet: bool,
) -> int:
    """The verb itself; its arguments are those of `run_options.OPTIONS`."""
    from_input = manifest is not None and str(manifest) == "-"
    check_together(
        as_json=as_json,
        dry_run=dry_run,
        detach=detach,
        confirm=confirm,
        named=manifest is not None and no_manifest,
        piped=from_input,
    )
    overrides = Overrides(
        agent=agent,
        backend=backend,
        workspace=workspace,
        mode=mode,
        allow=allow,
        presets=preset,
        prompt=prompt,
        prompt_file=prompt_file,
        args=args,
        image=image,
    )
    asked = Asked(
        sources=Sources(
            cwd=Path.cwd(),
            manifest=None if from_input else manifest,
            overrides=overrides,
            search=not no_manifest,
            text=read_manifest(sys.stdin) if from_input else None,
        ),
        slug=slug,
        dry_run=dry_run,
        detach=detach,
        terminal=terminal_wanted(detach=detach),
    )
    return carry_out(asked, as_json=as_json, confirm=confirm, quiet=quiet)


def carry_out(asked: Asked, *, as_json: bool, confirm: bool, quiet: bool) -> int:
    """Start it, and stay with it as asked."""
    say = make_say(quiet=quiet)

    def preflight(plan: BottlePlan) -> None:
        show_preflight(plan, say, quiet=(quiet and not confirm) or as_json or asked.dry_run)
        if confirm:
            ask_first(plan, as_json=as_json)

    with telling_errors(as_json):
        outcome = start(asked, host=os.environ, say=say.line, preflight=preflight)
        if isinstance(outcome, Started):
            return follow(outcome, detach=asked.detach, as_json=as_json, say=say)
        show_plan(outcome.plan, as_json=as_json)
        return 0


def terminal_wanted(*, detach: bool) -> TtySize | None:
    """The size of the agent's terminal, where it gets one."""
    if sys.stdin.isatty() and sys.stdout.isatty():
        return terminal_size(sys.stdout.fileno())
    return TtySize(rows=24, cols=80) if detach else None


def check_together(*, as_json: bool, dry_run: bool, detach: bool, confirm: bool, named: bool, piped: bool) -> None:
    """BadUsage for options that do not go together."""
    if as_json and not (dry_run or detach):
        raise BadUsage("--json goes with --dry-run or --detach; otherwise standard output is the agent's own.")
    if confirm and dry_run:
        raise BadUsage("--confirm asks before a start; --dry-run starts nothing.")
    if named:
        raise BadUsage("-f and --no-manifest do not go together.")
    if piped and not (detach or dry_run):
        raise BadUsage("-f - reads standard input, which is the agent's own.", next="Add --detach or --dry-run, or name a file.")


def read_manifest(file: TextIO) -> str:
    """A manifest from standard input: to its end, or to YAML's own mark for the end of a document, a line of three dots."""
    from bot_bottle.manifest.find import SIZE_LIMIT

    lines: list[str] = []
    size = 0
    while (line := file.readline(SIZE_LIMIT + 1)) and line.rstrip() != "...":
        lines.append(line)
        size += len(line)
        if size > SIZE_LIMIT:
            raise BadManifest("The manifest is too long.", facts=(f"it is larger than {SIZE_LIMIT // 1024} KiB",))
    return "".join(lines)


@contextmanager
def telling_errors(as_json: bool) -> Iterator[None]:
    """With --json a program reads standard output: what went wrong is one object there, besides the lines for people."""
    try:
        yield
    except BottleError as error:
        if as_json:
            told = {"what": error.what, "facts": error.facts, "next": error.next, "code": int(error.exit_code)}
            print(json.dumps({"error": told}), flush=True)
        raise


def show_preflight(plan: BottlePlan, say: Say, *, quiet: bool) -> None:
    """The preflight on standard error."""
    if not quiet:
        for line in preflight_lines(plan):
            say.labelled(line.label, line.text, line.why)


def ask_first(plan: BottlePlan, *, as_json: bool) -> None:
    """Go on only after a line that says yes. With --json the preflight is one object on a line of standard output."""
    if as_json:
        print(json.dumps({"slug": plan.slug, "preflight": [to_json(line) for line in preflight_lines(plan)]}), flush=True)
    elif sys.stdin.isatty() and sys.stderr.isatty():
        sys.stderr.write("Start it? Type yes: ")
        sys.stderr.flush()
    else:
        raise BadUsage("--confirm needs a terminal, or --detach --json.")
    if sys.stdin.readline(8).strip() != "yes":
        raise Declined("Nothing was started.")


def show_plan(plan: BottlePlan, *, as_json: bool) -> None:
    """What `--dry-run` prints, on standard output."""
    if as_json:
        print(json.dumps(plan_json(plan), indent=2))
        return
    out = make_say(quiet=False, to_stdout=True)
    for line in preflight_lines(plan):
        out.labelled(line.label, line.text, line.why)


def follow(started: Started, *, detach: bool, as_json: bool, say: Say) -> int:
    """Stay with the bottle as asked, and return its exit code."""
    from bot_bottle.cli import following

    with following.reclaiming(started.plan.slug):
        if detach:
            return following.leave(started, as_json=as_json, say=say)
        if started.kept.streams is None:
            return following.on_terminal(started, say=say)
        return following.on_streams(started, say=say)
