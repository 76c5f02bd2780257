"""Runs a stopped bottle again: in its own home and workspace, planned anew from what it was started from, and proved again.

Planned anew, because keys, rules and programs may have changed since; what changed in the plan is told before it starts.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path

from bot_bottle.backends.base import TtySize
from bot_bottle.bottles.listing import UNCHANGED
from bot_bottle.bottles.start import Asked, Started, start
from bot_bottle.bottles.status import read_status
from bot_bottle.errors import BottleError
from bot_bottle.host import paths
from bot_bottle.plans.bottle import BottlePlan
from bot_bottle.plans.show import preflight_lines

Say = Callable[[str], None]


def start_again(
    slug: str,
    *,
    detach: bool,
    terminal: TtySize | None,
    host: Mapping[str, str],
    say: Say,
    preflight: Callable[[BottlePlan], None],
) -> Started:
    """Start it. NoSuchBottle; BadUsage when it runs or nothing of it was kept; and whatever `start` raises."""
    from bot_bottle.bottles.reload import SOURCES, sources_from

    read_status(slug)
    stage_dir = paths.bottle_dir(slug)
    try:
        sources = sources_from(json.loads((stage_dir / SOURCES).read_text()))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BottleError("How this bottle was started cannot be read.", facts=(str(error),)) from None
    asked = Asked(sources=sources, slug=slug, detach=detach, terminal=terminal, again=True)

    def shown(plan: BottlePlan) -> None:
        for line in changed_lines(stage_dir, plan):
            say(line)
        preflight(plan)
        (stage_dir / UNCHANGED).unlink(missing_ok=True)  # from here on it may change

    started = start(asked, host=host, say=say, preflight=shown)
    assert isinstance(started, Started)  # nobody asked for a dry run
    return started


def changed_lines(stage_dir: Path, plan: BottlePlan) -> tuple[str, ...]:
    """The preflight's lines that are new since the bottle ran last, and those that are gone."""
    try:
        rows = json.loads((stage_dir / "plan.json").read_text())["preflight"]
        before = [(str(row["label"]), str(row["text"])) for row in rows]
    except (OSError, ValueError, KeyError, TypeError):
        return ("What its plan was when it ran last cannot be read, so nobody can say what has changed since.",)
    now = [(line.label, line.text) for line in preflight_lines(plan)]
    new = [f"new since it ran last: {label} {text}" for label, text in now if (label, text) not in before]
    gone = [f"gone since it ran last: {label} {text}" for label, text in before if (label, text) not in now]
    return (*gone, *new)
