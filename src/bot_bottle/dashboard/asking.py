"""One ask, whole, and its answer. What is approved is what stands here: when the ask changes, the screen closes and says so."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from bot_bottle.bottles.always import Edit
from bot_bottle.bottles.asks import AskView, read_narrow
from bot_bottle.bottles.snapshot import Snapshot
from bot_bottle.dashboard.confirm import Confirm
from bot_bottle.dashboard.door import Door
from bot_bottle.dashboard.draw import ask_lines
from bot_bottle.dashboard.text import block
from bot_bottle.errors import BottleError
from bot_bottle.host.plain import plain

if TYPE_CHECKING:
    from bot_bottle.dashboard.app import Dashboard

HALF_HOUR_S = 1800.0
KEYS = "y while it runs  o once  t 30 min  f always  w less  d deny  Esc back"
CHOICE_KEYS = "1-9 choose   w answer in words   d deny   Esc back"


class AskScreen(ModalScreen[None]):
    """Approve, narrow or deny."""

    app: "Dashboard"
    BINDINGS = [  # noqa: RUF012  # Textual's own form
        Binding("y", "give('session')", "approve"),
        Binding("o", "give('once')", "once"),
        Binding("t", "give('for')", "30 minutes"),
        Binding("f", "always", "always"),
        Binding("w", "write('narrow')", "narrow"),
        Binding("d", "write('deny')", "deny"),
        Binding("escape", "back", "back"),
        *(Binding(str(number), f"choose({number})", show=False) for number in range(1, 10)),
    ]

    def __init__(self, ask: AskView) -> None:
        super().__init__()
        self.ask = ask
        self._writes = ""

    def compose(self) -> ComposeResult:
        """The ask, a line to write in, the keys."""
        with Vertical(classes="box"):
            with VerticalScroll(classes="whole"):
                yield Static(block(ask_lines(self.ask)), id="ask")
            yield Input(id="said", disabled=True)
            yield Static(CHOICE_KEYS if self.ask.choices else KEYS, classes="keys", markup=False)

    def draw(self, snapshot: Snapshot) -> None:
        """Close when it is not what it was."""
        now = next((one for one in snapshot.inbox.asks if (one.slug, one.number) == (self.ask.slug, self.ask.number)), None)
        if now is None:
            self._close("The bottle that asked has ended.")
        elif now.state != "pending":
            self._close(f"It is {now.state}" + (f" by {now.answered_by}." if now.answered_by else "."))
        elif now.id != self.ask.id:
            self._close("It has changed while you looked. Open it again.")

    def _close(self, why: str) -> None:
        self.app.tell(why)
        if self.is_current:
            self.dismiss()

    def action_give(self, scope: str) -> None:
        """Approve exactly this."""
        if self.ask.choices:
            self.app.tell("It is a question: choose one of the answers.")
            return
        self._approve({"scope": scope, "narrow": {}} | ({"seconds": HALF_HOUR_S} if scope == "for" else {}))

    @work(thread=True)
    def action_always(self) -> None:
        """Show what would be written into the policy, then ask."""
        try:
            planned = self.app.door.plan_always(self.ask)
        except BottleError as error:
            self.app.call_from_thread(self.app.complain, error)
            return
        self.app.call_from_thread(self._ask_always, planned)

    def _ask_always(self, planned: Edit) -> None:
        def answered(yes: bool | None) -> None:
            if yes and self.is_current:
                ask = self.ask
                self._do(lambda door: door.approve_always(ask, planned), "approved for all bottles")

        lines = tuple(plain(each) for each in planned.diff)
        self.app.push_screen(Confirm(f"Write this into {planned.path}?", lines=lines), answered)

    def action_choose(self, number: int) -> None:
        """Answer a question with one of its choices."""
        if number <= len(self.ask.choices):
            self._approve({"scope": "once", "narrow": {}, "answer": self.ask.choices[number - 1]})

    def action_write(self, what: str) -> None:
        """Ask for a line: what to give, or why not."""
        field = self.query_one("#said", Input)
        hints = {"deny": "why not; the agent reads it", "narrow": "methods=GET paths=/v1/**,/b host=… ports=443"}
        self._writes = "answer" if what == "narrow" and self.ask.choices else what
        field.placeholder = hints.get(self._writes, "your answer")
        field.disabled = False
        field.focus()

    @on(Input.Submitted)
    def submitted(self, event: Input.Submitted) -> None:
        """The line is written."""
        text = event.value.strip()
        if self._writes == "deny":
            ask, reason = self.ask, text or "No."
            self._do(lambda door: door.deny(ask, reason), "denied")
        elif self._writes == "answer":
            self._approve({"scope": "once", "narrow": {}, "answer": text})
        else:
            try:
                self._approve({"scope": "session", "narrow": read_narrow(tuple(text.split()))})
            except BottleError as error:
                self.app.complain(error)

    def _approve(self, said: dict[str, Any]) -> None:  # Any: JSON
        ask = self.ask
        self._do(lambda door: door.approve(ask, said), "approved")

    def _do(self, deed: Callable[[Door], object], done: str) -> None:
        app = self.app
        self.dismiss()
        app.act(deed, f"{done}: {self.ask.title}")

    def action_back(self) -> None:
        """Leave the line, then the screen."""
        field = self.query_one("#said", Input)
        if field.has_focus:
            field.value, field.disabled = "", True
            self.set_focus(None)
        else:
            self.dismiss()
