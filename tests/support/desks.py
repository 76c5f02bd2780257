"""A desk with gates that keep what they are told: for tests of the queue without sockets."""

from collections.abc import Sequence
from typing import Any

from bot_bottle.errors import Refused
from bot_bottle.gates.base import Adjustable, Event, Granted, Standing
from bot_bottle.gates.supervise.asks import Ask, Queue
from bot_bottle.gates.supervise.desk import Desk, Envelope
from bot_bottle.gates.supervise.state import State

NOW = 1_700_000_000.0


class Carrier(Adjustable):
    """Keeps the contract of a gate that carries out grants."""

    def __init__(self, standing: Standing | None = None, *, refuses: str = "", without: frozenset[str] = frozenset()) -> None:
        self.adjusts = frozenset({"egress", "preset", "credential", "budget", "dlp"})
        self.held: tuple[Granted, ...] = ()
        self.calls = 0
        self.refused: list[Event] = []
        self._standing = standing or Standing()
        self._refuses = refuses
        self._without = without

    def adjust(self, granted: Sequence[Granted]) -> None:
        if self._refuses or any(one.kind in self._without for one in granted):
            raise Refused(self._refuses or "This gate cannot do that any more.")
        self.held = tuple(granted)
        self.calls += 1

    def standing(self) -> Standing:
        return self._standing

    def denials(self) -> list[Event]:
        return self.refused


class Scene:
    """One desk, its carrier, and all that it recorded and saved."""

    def __init__(
        self,
        *,
        standing: Standing | None = None,
        envelope: Envelope | None = None,
        refuses: str = "",
        slug: str = "b1",
        state: State | None = None,
        without: frozenset[str] = frozenset(),
    ) -> None:
        self.carrier = Carrier(standing, refuses=refuses, without=without)
        self.events: list[Event] = []
        self.saved: list[State] = []
        self.told = 0
        state = state or State(queue=Queue(), key=slug.encode().ljust(32, b"."))
        self.desk = Desk(
            slug, state, gates=(self.carrier,), record=self.events.append, save=self.saved.append, envelope=envelope or Envelope()
        )
        self.desk.told = self._tell

    def _tell(self) -> None:
        self.told += 1

    def ask(self, *, reason: str = "for the build", now: float = NOW, **arguments: Any) -> Ask:
        """File a request that must end in the queue."""
        filed = self.desk.request({"host": "api.example.com", "reason": reason} | arguments, now)
        assert isinstance(filed, Ask), filed
        return filed

    def id_of(self, number: int) -> str:
        """The id under which the operator is shown it now."""
        return next(str(row["id"]) for row in self.desk.rows()["asks"] if row["number"] == number)

    def kinds(self) -> list[str]:
        """The events so far."""
        return [str(event["event"]) for event in self.events]
