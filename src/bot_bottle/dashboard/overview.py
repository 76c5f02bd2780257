"""The first screen: the bottles, and below them what they ask for."""

from typing import TYPE_CHECKING

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding
from textual.screen import Screen
from textual.widgets import DataTable, Footer, Static

from bot_bottle.bottles.snapshot import Snapshot
from bot_bottle.dashboard.draw import ASK_COLUMNS, BOTTLE_COLUMNS, ask_row, bottle_row, summary
from bot_bottle.dashboard.table import Rows

if TYPE_CHECKING:
    from bot_bottle.dashboard.app import Dashboard


class Overview(Screen[None]):
    """Two tables; Tab goes from one to the other, Enter opens what is under the cursor."""

    app: "Dashboard"
    BINDINGS = [  # noqa: RUF012  # Textual's own form
        Binding("tab", "app.focus_next", "asks/bottles", show=True),
        Binding("n", "begin", "new"),
        Binding("a", "attach", "attach"),
        Binding("s", "stop", "stop"),
        Binding("x", "remove", "remove"),
        Binding("q", "app.quit", "quit"),
    ]

    def compose(self) -> ComposeResult:
        """Summary, bottles, asks, keys."""
        yield Static("", id="summary", markup=False)
        yield Rows(BOTTLE_COLUMNS, id="bottles")
        yield Static("What agents ask you", id="asks-title", markup=False)
        yield Rows(ASK_COLUMNS, id="asks")
        yield Footer()

    def on_mount(self) -> None:
        """What is known already."""
        self.query_one("#bottles", Rows).focus()
        self.draw(self.app.shown)

    def draw(self, snapshot: Snapshot) -> None:
        """Both tables."""
        text = summary(snapshot) if snapshot.taken else "looking…"
        if snapshot.taken and not snapshot.bottles:
            text = "There is no bottle yet. Press n to start one."
        self.query_one("#summary", Static).update(text)
        now = snapshot.taken
        self.query_one("#bottles", Rows).draw([(view.slug, bottle_row(view, now=now)) for view in snapshot.bottles])
        pending = snapshot.inbox.pending
        self.query_one("#asks", Rows).draw([(ask.id, ask_row(ask, now=now)) for ask in pending])
        self.query_one("#asks-title", Static).update("What agents ask you" if pending else "No agent asks you for anything.")

    @on(DataTable.RowSelected)
    def action_open(self) -> None:
        """The ask or the bottle under the cursor."""
        if self.query_one("#asks", Rows).has_focus:
            from bot_bottle.dashboard.asking import AskScreen
            from bot_bottle.dashboard.push import PushScreen

            chosen = self.query_one("#asks", Rows).chosen
            ask = next((one for one in self.app.shown.inbox.pending if one.id == chosen), None)
            if ask:
                self.app.push_screen(PushScreen(ask) if ask.kind == "push" else AskScreen(ask))
        elif slug := self._slug:
            from bot_bottle.dashboard.bottle import BottleScreen

            self.app.push_screen(BottleScreen(slug))

    @property
    def _slug(self) -> str | None:
        return self.query_one("#bottles", Rows).chosen

    def action_begin(self) -> None:
        """The form for a new bottle."""
        from bot_bottle.dashboard.begin import BeginScreen

        self.app.push_screen(BeginScreen())

    def action_attach(self) -> None:
        """The agent's terminal."""
        if slug := self._slug:
            self.app.attach(slug)

    def action_stop(self) -> None:
        """End the bottle, asked back."""
        from bot_bottle.dashboard.confirm import ask_stop

        if slug := self._slug:
            ask_stop(self.app, slug)

    def action_remove(self) -> None:
        """Remove an ended bottle's records, asked back."""
        from bot_bottle.dashboard.confirm import ask_remove

        if slug := self._slug:
            ask_remove(self.app, slug)
