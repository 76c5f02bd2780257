"""After the start: attach, relay or leave; then say in a few lines what came of it."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from bot_bottle.backends.base import Streams
from bot_bottle.bottles.attach import Attachment, Detached
from bot_bottle.bottles.events import read_events, tally
from bot_bottle.bottles.relay import SILENCE, KeeperFailed, Relay, wait_started
from bot_bottle.bottles.start import Started
from bot_bottle.cli.say import Say
from bot_bottle.errors import ExitCode
from bot_bottle.guest.frames import Message
from bot_bottle.host import paths
from bot_bottle.plans.bottle import BottlePlan


@contextmanager
def reclaiming(slug: str) -> Iterator[None]:
    """When the keeper is gone without a word, bring in order what it could not."""
    try:
        yield
    except KeeperFailed as error:
        from bot_bottle.bottles.reclaim import reclaim

        reclaim(slug)
        if error.what == SILENCE["what"]:
            error.facts = (f"{paths.bottle_dir(slug) / 'keeper.log'} may say why",)
        raise


def leave(started: Started, *, as_json: bool, say: Say) -> int:
    """Wait until the agent runs, say how to come back, and go."""
    wait_started(started.kept.report)
    slug = started.plan.slug
    if as_json:
        print(json.dumps({"slug": slug, "stage_dir": str(started.plan.stage_dir)}))
    else:
        print(slug)
        say.line(f"{slug} runs. `bot-bottle attach {slug}` to see it, `bot-bottle stop {slug}` to end it.")
    return 0


def on_terminal(started: Started, *, say: Say) -> int:
    """The agent's own screen on ours, until it ends or the operator detaches."""
    wait_started(started.kept.report)
    slug = started.plan.slug
    attachment = Attachment(started.kept.report)
    ended = attachment.run()
    if isinstance(ended, Detached):
        say.line(f"{slug} goes on. `bot-bottle attach {slug}` to come back, `bot-bottle stop {slug}` to end it.")
        return 0
    final = attachment.last_words() or SILENCE
    os.waitpid(started.kept.pid, 0)
    return conclude(started.plan, final, say=say)


def on_streams(started: Started, *, say: Say) -> int:
    """The agent's streams on ours; nothing else is written to them."""
    assert started.kept.streams is not None
    own = Streams(stdin=sys.stdin.fileno(), stdout=sys.stdout.fileno(), stderr=sys.stderr.fileno())
    final = Relay(started.kept.report, started.kept.streams, own=own).run()
    os.waitpid(started.kept.pid, 0)
    return conclude(started.plan, final, say=say)


def conclude(plan: BottlePlan, final: Message, *, say: Say) -> int:
    """Say why it ended if that was not the agent's choice, what was refused, what changed; return the exit code."""
    if final.get("type") == "failed":
        raise KeeperFailed(final)
    if final.get("why"):
        say.line(f"{plan.slug} ended: {final['why']}.")
    seen = tally(read_events(plan.stage_dir / "events.jsonl"))
    for host, count, why in seen.refused[:8]:
        say.labelled("refused", f"{host} ×{count}", why)
    for title, state in seen.asked[-8:]:
        say.labelled("asked", title, state)
    changed = int(final.get("changed", 0))
    if plan.spec.workspace.mode == "clone":
        show_pushed(plan, say)
    if changed:
        place = "the clone, not pushed" if plan.spec.workspace.mode == "clone" else "the copy"
        what = f"{changed} file{'s' if changed > 1 else ''} in {place}"
        say.labelled("changed", f"{what}: `bot-bottle diff {plan.slug}` shows them, `bot-bottle land {plan.slug}` takes them")
    code = final.get("code")
    return code if isinstance(code, int) else int(ExitCode.FAILED)


def show_pushed(plan: BottlePlan, say: Say) -> None:
    """The branches that are in the operator's repository now."""
    from bot_bottle.bottles.branches import Repository

    branches = Repository(plan.spec.workspace.path, plan.slug).branches()
    for branch in branches[:8]:
        say.labelled("pushed", branch.name)
    if branches:
        say.labelled("pushed", f"`bot-bottle log {plan.slug}` shows the commits, `bot-bottle land {plan.slug}` takes them")
