"""One held push: its commits, what the checks found, and its diff in colours; it goes on by the letter y and by nothing else."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.screen import Screen
from textual.widgets import Footer, Input, RichLog, Static

from bot_bottle.bottles.asks import AskView
from bot_bottle.bottles.snapshot import Snapshot
from bot_bottle.dashboard.door import Door
from bot_bottle.dashboard.draw import diff_line
from bot_bottle.dashboard.text import line
from bot_bottle.errors import BottleError

if TYPE_CHECKING:
    from bot_bottle.dashboard.app import Dashboard


class PushScreen(Screen[None]):
    """Approve or reject exactly these commits."""

    app: "Dashboard"
    BINDINGS = [  # noqa: RUF012  # Textual's own form
        Binding("y", "approve", "push it upstream"),
        Binding("d", "reject", "drop it"),
        Binding("escape,q", "back", "back"),
    ]

    def __init__(self, ask: AskView) -> None:
        super().__init__()
        self.ask = ask
        self._is_shown = False

    def compose(self) -> ComposeResult:
        """The push, a line for the reason, the keys."""
        yield Static(f"{self.ask.slug} wants to {self.ask.title}", id="facts", markup=False)
        yield RichLog(id="diff", markup=False, highlight=False, wrap=False, auto_scroll=False, max_lines=100_000)
        yield Input(id="said", disabled=True, placeholder="why not; the agent reads it at its next push")
        yield Footer()

    def on_mount(self) -> None:
        """Let git show it."""
        self.query_one("#diff", RichLog).focus()
        self.read()

    @work(thread=True)
    def read(self) -> None:
        """Everything that the id stands for."""
        try:
            lines = self.app.door.push(self.ask.id)
        except BottleError as error:
            self.app.call_from_thread(self.app.complain, error)
            return
        self.app.call_from_thread(self._show, lines)

    def _show(self, lines: tuple[str, ...]) -> None:
        log = self.query_one("#diff", RichLog)
        for each in lines:
            log.write(line(diff_line(each)))
        self._is_shown = True

    def draw(self, snapshot: Snapshot) -> None:
        """Close when it is decided, or is another push now."""
        if not any(ask.id == self.ask.id for ask in snapshot.inbox.pending) and self.is_current:
            self.app.tell("This push does not wait any more.")
            self.dismiss()

    def action_approve(self) -> None:
        """Only what is on the screen."""
        if self._is_shown:
            ask = self.ask
            self._do(lambda door: door.approve(ask, {}), "The upstream has it.")

    def action_reject(self) -> None:
        """Ask for the reason first."""
        field = self.query_one("#said", Input)
        field.disabled = False
        field.focus()

    @on(Input.Submitted)
    def rejected(self, event: Input.Submitted) -> None:
        """The reason is written."""
        ask, reason = self.ask, event.value.strip()
        self._do(lambda door: door.deny(ask, reason), "The push is dropped.")

    def _do(self, deed: Callable[[Door], object], done: str) -> None:
        app = self.app
        self.dismiss()
        app.act(deed, done)

    def action_back(self) -> None:
        """Leave the line, then the screen."""
        field = self.query_one("#said", Input)
        if field.has_focus:
            field.value, field.disabled = "", True
            self.query_one("#diff", RichLog).focus()
        else:
            self.dismiss()
