"""A door for the dashboard that opens on records: what it shows is given, what it is asked for is kept."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bot_bottle.bottles.always import Edit
from bot_bottle.bottles.asks import AskView, GrantView, Inbox
from bot_bottle.bottles.snapshot import BottleView, Cost, Decision, Snapshot, Traffic
from bot_bottle.bottles.starting import News, Wanted
from bot_bottle.dashboard.door import Door, Rows
from bot_bottle.errors import BottleError

NOW = 1_700_000_000.0
HOSTILE = "[red]\\x1b[2J[/] [link=https://evil.example]x[/link] \u202eabc"
"""As a bottle may name a host or a reason: markup, an escape sequence, a bidi override. Snapshots hold it made plain."""


def bottle(slug: str, **changed: Any) -> BottleView:  # Any: fields of a record
    """A running bottle."""
    fields: dict[str, Any] = {
        "slug": slug,
        "state": "running",
        "agent": "claude",
        "backend": "namespaces",
        "workspace": "/home/me/shop",
        "mode": "copy",
        "created": NOW - 300,
        "ended": None,
        "exit_code": None,
        "why": "",
        "has_terminal": True,
        "has_unlanded_work": False,
        "answers": True,
        "traffic": Traffic(allowed=12, denied=3, bytes_out=40_000, bytes_in=2_500_000, connections=1),
        "cost": Cost(usd=0.42, tokens=12_000, usd_limit=5.0),
        "latest": (decision("allow"), decision("deny", host="forum.example.com", why="no rule allows forum.example.com")),
    }
    return BottleView(**fields | changed)


def decision(verdict: str, **changed: Any) -> Decision:  # Any: fields of a record
    """One decision."""
    fields: dict[str, Any] = {
        "ts": NOW,
        "verdict": verdict,
        "method": "POST",
        "host": "api.anthropic.com",
        "port": 443,
        "path": "/v1/messages",
        "rule": "agent claude",
        "why": "",
    }
    return Decision(**fields | changed)


def ask(number: int = 1, **changed: Any) -> AskView:  # Any: fields of a record
    """A pending ask."""
    fields: dict[str, Any] = {
        "id": f"claude-shop/{number}-abcd",
        "slug": "claude-shop",
        "number": number,
        "kind": "network",
        "state": "pending",
        "title": "reach GET forum.example.com/splitting-bills",
        "reason": "I want to read how others round.",
        "at": NOW - 20,
        "risks": (("new host", "medium", "No rule names forum.example.com."),),
        "evidence": ("GET https://forum.example.com/splitting-bills, twice",),
    }
    return AskView(**fields | changed)


def grant(name: str = "g1", slug: str = "claude-shop") -> GrantView:
    """One in force."""
    return GrantView(
        name=name,
        slug=slug,
        title="reach docs.example.com",
        scope="for",
        by="me",
        at=NOW - 60,
        expires=NOW + 600,
        used=2,
        ended="",
    )


def snapshot(*bottles: BottleView, asks: tuple[AskView, ...] = (), grants: tuple[GrantView, ...] = ()) -> Snapshot:
    """One moment."""
    return Snapshot(taken=NOW, bottles=bottles, inbox=Inbox(asks=asks, grants=grants))


class Told:
    """A start that tells what it is given; after `Asking` it waits for the answer."""

    def __init__(self, before: list[News], after: list[News]) -> None:
        import threading

        self._before, self._after = before, after
        self.answered: list[bool] = []
        self._ready = threading.Event()

    def news(self) -> Iterator[News]:
        """The news, with a wait between."""
        yield from self._before
        self._ready.wait(10)
        if self.answered == [True]:
            yield from self._after

    def answer(self, *, yes: bool) -> None:
        """Keep it."""
        self.answered.append(yes)
        self._ready.set()

    def give_up(self) -> None:
        """No."""
        self.answer(yes=False)


@dataclass
class FakeDoor(Door):
    """Keeps what it is asked for in `done`; `fails` makes the next deed fail."""

    now: Snapshot
    printed: tuple[str, ...] = ()
    preflight: Rows = ()
    diff: tuple[str, ...] = ()
    start: Told | None = None
    fails: BottleError | None = None
    done: list[tuple[Any, ...]] = field(default_factory=list)
    on_deed: Callable[[], None] = lambda: None

    def look(self) -> Snapshot:
        return self.now

    def log(self, slug: str) -> tuple[str, ...]:
        return self.printed

    def plan(self, slug: str) -> Rows:
        return self.preflight

    def past(self, slug: str) -> tuple[Decision, ...]:
        return (decision("allow"),)

    def _do(self, *deed: Any) -> None:  # Any: what was asked
        if self.fails:
            raise self.fails
        self.done.append(deed)
        self.on_deed()

    def approve(self, ask: AskView, said: dict[str, Any]) -> None:  # Any: JSON
        self._do("approve", ask.id, said)

    def deny(self, ask: AskView, reason: str) -> None:
        self._do("deny", ask.id, reason)

    def plan_always(self, ask: AskView) -> Edit:
        if self.fails:
            raise self.fails
        return Edit(path=Path("/home/me/.config/bot-bottle/policy.yaml"), before="", after="", diff=self.diff)

    def approve_always(self, ask: AskView, planned: Edit) -> None:
        self._do("always", ask.id, planned.diff)

    def push(self, push_id: str) -> tuple[str, ...]:
        return self.diff

    def revoke(self, slug: str, name: str) -> None:
        self._do("revoke", slug, name)

    def stop(self, slug: str) -> None:
        self._do("stop", slug)

    def remove(self, slug: str) -> None:
        self._do("remove", slug)

    def begin(self, wanted: Wanted) -> Any:  # Any: a Told, which keeps the contract of Starting
        self._do("begin", wanted)
        return self.start

    def attach(self, slug: str) -> None:
        self._do("attach", slug)
