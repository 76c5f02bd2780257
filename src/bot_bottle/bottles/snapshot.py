"""Everything the dashboard, the page and the command line draw, as one frozen snapshot: bottles, what they ask, what they may.

Taking one starts nothing and changes nothing. Texts that came from a bottle are plain already, but they are text: whoever draws
them must not read markup in them. A bottle that does not answer is shown by what the disk says of it.
"""

import json
import time
from collections import deque
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bot_bottle.bottles.asks import AskView, GrantView, Inbox, held_pushes, read_gate
from bot_bottle.bottles.events import Event, read_events
from bot_bottle.bottles.listing import has_unlanded_work, list_bottles
from bot_bottle.bottles.status import Status
from bot_bottle.errors import BottleError
from bot_bottle.gates.ask import ask as ask_gate
from bot_bottle.host import paths
from bot_bottle.host.plain import plain
from bot_bottle.record import dataclass, field, replace

ANSWER_S = 1.0
"""A bottle's gates answer in a millisecond; a view must not wait for one that hangs."""

LATEST = 100
"""Decisions of one bottle in a snapshot."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """One decision of the egress gate: what was asked, the verdict, and the rule or the reason."""

    ts: float
    verdict: str
    method: str
    host: str
    port: int
    path: str
    rule: str
    why: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Traffic:
    """Sums since the start: requests allowed and denied, bytes, and connections open now."""

    allowed: int = 0
    denied: int = 0
    bytes_out: int = 0
    bytes_in: int = 0
    connections: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Cost:
    """What the model has cost so far, and the bounds (None: no bound)."""

    usd: float = 0.0
    tokens: int = 0
    usd_limit: float | None = None
    tokens_limit: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class BottleView:
    """One bottle. `answers` is false when its gates did not answer in time; then traffic, cost and latest are empty.

    `waiting` counts the asks that wait for the operator; `has_unlanded_work` is about an ended bottle's copy.
    """

    slug: str
    state: str
    agent: str
    backend: str
    workspace: str
    mode: str
    created: float
    ended: float | None
    exit_code: int | None
    why: str
    has_terminal: bool
    has_unlanded_work: bool
    answers: bool
    waiting: int = 0
    traffic: Traffic = field(default_factory=Traffic)
    cost: Cost = field(default_factory=Cost)
    latest: tuple[Decision, ...] = ()

    @property
    def is_running(self) -> bool:
        """Whether it is there."""
        return self.state in ("starting", "running")


@dataclass(frozen=True, kw_only=True, slots=True)
class Snapshot:
    """The moment, the bottles (running ones first, then the newest), and the asks and grants of the running ones."""

    taken: float
    bottles: tuple[BottleView, ...] = ()
    inbox: Inbox = field(default_factory=Inbox)

    def bottle(self, slug: str) -> BottleView | None:
        """The bottle of this name."""
        return next((one for one in self.bottles if one.slug == slug), None)


def take(*, ended_too: bool = True, now: float | None = None) -> Snapshot:
    """Look at every bottle once. About a millisecond for each that runs."""
    asks: list[AskView] = []
    grants: list[GrantView] = []
    views = []
    for status in list_bottles(ended_too=ended_too):
        inbox = _inbox(status)
        asks += inbox.asks
        grants += inbox.grants
        views.append(replace(_view(status), waiting=len(inbox.pending)))
    views.sort(key=lambda view: (not view.is_running, -view.created))
    whole = Inbox(asks=tuple(sorted(asks, key=lambda one: one.at)), grants=tuple(sorted(grants, key=lambda one: one.at)))
    return Snapshot(taken=time.time() if now is None else now, bottles=tuple(views), inbox=whole)


def _inbox(status: Status) -> Inbox:
    pushes = tuple(held_pushes(status.slug))
    if status.state != "running" or not (paths.bottle_dir(status.slug) / "supervise.token").exists():
        return Inbox(asks=pushes)
    try:
        found = read_gate(status.slug, timeout_s=ANSWER_S)
    except BottleError:
        return Inbox(asks=pushes)
    return replace(found, asks=found.asks + pushes)


def _view(status: Status) -> BottleView:
    base = BottleView(
        slug=status.slug,
        state=status.state,
        agent=status.agent,
        backend=status.backend,
        workspace=plain(status.workspace),
        mode=status.mode,
        created=status.created,
        ended=status.ended,
        exit_code=status.exit_code,
        why=plain(status.why, limit=300),
        has_terminal=status.has_terminal,
        has_unlanded_work=status.state not in ("starting", "running") and has_unlanded_work(status.slug),
        answers=False,
    )
    if status.state != "running":
        return base
    control = paths.bottle_dir(status.slug) / "bundle.sock"
    try:
        traffic, usage = _ask(control, "traffic"), _ask(control, "usage")
    except BottleError:
        return base
    return replace(base, answers=True, traffic=traffic_of(traffic), cost=cost_of(usage), latest=decisions(traffic["latest"]))


def _ask(control: Path, operation: str) -> dict[str, Any]:  # Any: JSON
    return ask_gate(control, {"gate": "egress", "op": operation}, timeout_s=ANSWER_S)


def traffic_of(row: dict[str, Any]) -> Traffic:  # Any: JSON
    """The sums in the egress gate's answer to `traffic`."""
    return Traffic(
        allowed=int(row["allow"]),
        denied=int(row["deny"]),
        bytes_out=int(row["bytes_out"]),
        bytes_in=int(row["bytes_in"]),
        connections=int(row["connections"]),
    )


def cost_of(row: dict[str, Any]) -> Cost:  # Any: JSON
    """The sums in the egress gate's answer to `usage`."""
    budget = row["budget"]
    return Cost(usd=float(row["usd"]), tokens=int(row["tokens"]), usd_limit=budget["usd"], tokens_limit=budget["tokens"])


def decisions(events: Iterable[Event], *, most: int = LATEST) -> tuple[Decision, ...]:
    """The latest decisions, oldest first."""
    found = deque((event for event in events if event.get("event") == "decision"), maxlen=most)
    return tuple(_decision(event) for event in found)


def decisions_on_disk(slug: str, *, most: int = LATEST) -> tuple[Decision, ...]:
    """The same from a bottle's log, also of one that has ended. Reads all of it."""
    return decisions(read_events(paths.bottle_dir(slug) / "events.jsonl"), most=most)


def preflight_of(slug: str) -> tuple[tuple[str, str, str], ...]:
    """What the plan said: label, text and who decided it; empty when there is no plan to read."""
    try:
        plan = json.loads((paths.bottle_dir(slug) / "plan.json").read_text())
        lines = plan["preflight"]
        return tuple((plain(str(one["label"])), plain(str(one["text"])), plain(str(one.get("why", "")))) for one in lines)
    except (OSError, ValueError, KeyError, TypeError):
        return ()


def _decision(event: Event) -> Decision:
    port = event.get("port")
    return Decision(
        ts=float(event.get("ts") or 0.0),
        verdict=str(event.get("verdict", "")),
        method=plain(str(event.get("method") or "?"), limit=32),
        host=plain(str(event.get("host") or "?"), limit=260),
        port=port if isinstance(port, int) else 0,
        path=plain(str(event.get("path") or ""), limit=400),
        rule=plain(str(event.get("rule") or ""), limit=200),
        why=plain(str(event.get("why") or ""), limit=400),
    )
