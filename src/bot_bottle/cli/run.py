"""`bot-bottle run`: parse, start, attach or relay, and end with the agent's own exit code."""

import json
import os
import sys
from pathlib import Path

from bot_bottle.backends.base import TtySize
from bot_bottle.bottles.attach import terminal_size
from bot_bottle.bottles.start import Asked, Planned, Started, start
from bot_bottle.cli.say import Say, make_say
from bot_bottle.errors import BadUsage, Declined
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
    if as_json and not (dry_run or detach):
        raise BadUsage("--json goes with --dry-run or --detach; otherwise standard output is the agent's own.")
    if confirm and dry_run:
        raise BadUsage("--confirm asks before a start; --dry-run starts nothing.")
    if no_manifest and manifest is not None:
        raise BadUsage("-f and --no-manifest do not go together.")
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
    on_terminal = sys.stdin.isatty() and sys.stdout.isatty()
    terminal = terminal_size(sys.stdout.fileno()) if on_terminal else TtySize(rows=24, cols=80) if detach else None
    asked = Asked(
        sources=Sources(cwd=Path.cwd(), manifest=manifest, overrides=overrides, search=not no_manifest),
        slug=slug,
        dry_run=dry_run,
        detach=detach,
        terminal=terminal,
    )
    say = make_say(quiet=quiet)

    def preflight(plan: BottlePlan) -> None:
        show_preflight(plan, say, quiet=(quiet and not confirm) or as_json or dry_run)
        if confirm:
            ask_first(plan, as_json=as_json)

    outcome = start(asked, host=os.environ, say=say.line, preflight=preflight)
    if isinstance(outcome, Planned):
        show_plan(outcome.plan, as_json=as_json)
        return 0
    return follow(outcome, detach=detach, as_json=as_json, say=say)


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
