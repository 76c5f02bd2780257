"""One bottle: its traffic with verdicts, what its agent printed, what its plan said, and what you gave it."""

from typing import TYPE_CHECKING

from rich.text import Text
from textual import work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import VerticalScroll
from textual.screen import Screen
from textual.widgets import Footer, RichLog, Static, TabbedContent, TabPane

from bot_bottle.bottles.snapshot import BottleView, Decision, Snapshot
from bot_bottle.dashboard.draw import (
    DECISION_COLUMNS,
    Piece,
    age,
    cost_of,
    decision_row,
    grant_line,
    size_of,
    state_of,
    traffic_of,
)
from bot_bottle.dashboard.table import Rows
from bot_bottle.dashboard.text import block, line
from bot_bottle.errors import BottleError

if TYPE_CHECKING:
    from bot_bottle.dashboard.app import Dashboard

TABS = ("traffic", "log", "plan", "grants")


class BottleScreen(Screen[None]):
    """Four tabs under one line of facts."""

    app: "Dashboard"
    BINDINGS = [  # noqa: RUF012  # Textual's own form
        *(Binding(str(at), f"tab('{name}')", name) for at, name in enumerate(TABS, 1)),
        Binding("a", "attach", "attach"),
        Binding("s", "stop", "stop"),
        Binding("r", "revoke", "revoke"),
        Binding("escape,q", "app.pop_screen", "back"),
    ]

    def __init__(self, slug: str) -> None:
        super().__init__()
        self.slug = slug
        self._printed: tuple[str, ...] = ()
        self._is_reading = False

    def compose(self) -> ComposeResult:
        """Facts and tabs."""
        yield Static("", id="facts", markup=False)
        with TabbedContent(id="tabs"):
            with TabPane("1 traffic", id="traffic"):
                yield Rows(DECISION_COLUMNS, id="decisions")
            with TabPane("2 log", id="log"):
                yield RichLog(id="printed", markup=False, highlight=False, wrap=True, max_lines=2000)
            with TabPane("3 plan", id="plan"), VerticalScroll():
                yield Static("", id="preflight", markup=False)
            with TabPane("4 grants", id="grants"):
                yield Rows(("grant", "what", "until"), id="given")
        yield Footer()

    def on_mount(self) -> None:
        """What is known already."""
        self.query_one("#decisions", Rows).focus()
        self.draw(self.app.shown)
        self.read_plan()

    def draw(self, snapshot: Snapshot) -> None:
        """Facts, traffic, grants; the log is read aside."""
        view = snapshot.bottle(self.slug)
        if view is None:
            self.query_one("#facts", Static).update(f"{self.slug} is removed.")
            return
        self.query_one("#facts", Static).update(facts(view, now=snapshot.taken))
        if view.is_running:
            self.draw_traffic(view.latest)
        grants = [one for one in snapshot.inbox.grants if one.slug == self.slug]
        self.query_one("#given", Rows).draw([(one.name, grant_line(one, now=snapshot.taken)) for one in grants])
        if not self._is_reading:
            self._is_reading = True
            self.read_log(is_running=view.is_running)

    def draw_traffic(self, decisions: tuple[Decision, ...]) -> None:
        """The newest first."""
        rows = [(f"{at}", decision_row(one)) for at, one in reversed(list(enumerate(decisions)))]
        self.query_one("#decisions", Rows).draw(rows)

    @work(thread=True)
    def read_plan(self) -> None:
        """The preflight as it was shown."""
        lines = [
            (Piece(f"{label:<10}", "faint"), Piece(text), Piece(f"  {why}", "faint"))
            for label, text, why in self.app.door.plan(self.slug)
        ]
        self.app.call_from_thread(self.query_one("#preflight", Static).update, block(lines))

    @work(thread=True)
    def read_log(self, *, is_running: bool) -> None:
        """What came since the last look; of an ended bottle also its decisions."""
        try:
            printed = self.app.door.log(self.slug)
            past = () if is_running else self.app.door.past(self.slug)
        except BottleError:
            return
        finally:
            self._is_reading = False
        self.app.call_from_thread(self._show_log, printed, past)

    def _show_log(self, printed: tuple[str, ...], past: tuple[Decision, ...]) -> None:
        if past:
            self.draw_traffic(past)
        if printed == self._printed:
            return
        self._printed = printed
        log = self.query_one("#printed", RichLog)
        log.clear()
        for each in printed:
            log.write(line((Piece(each),)))

    def action_tab(self, name: str) -> None:
        """Go to a tab."""
        self.query_one("#tabs", TabbedContent).active = name

    def action_attach(self) -> None:
        """The agent's terminal."""
        self.app.attach(self.slug)

    def action_stop(self) -> None:
        """End it, asked back."""
        from bot_bottle.dashboard.confirm import ask_stop

        ask_stop(self.app, self.slug)

    def action_revoke(self) -> None:
        """Take back the grant under the cursor."""
        name = self.query_one("#given", Rows).chosen
        if name and self.query_one("#tabs", TabbedContent).active == "grants":
            slug = self.slug
            self.app.act(lambda door: door.revoke(slug, name), f"{name} is revoked.")


def facts(view: BottleView, *, now: float) -> Text:
    """Two lines on one bottle."""
    first = (
        Piece(view.slug, "strong"),
        Piece("  "),
        state_of(view),
        Piece(f"  {view.agent} on {view.backend}, {age(now - view.created)}, {view.mode} of {view.workspace}"),
    )
    sums = f"  {size_of(view.traffic.bytes_out)} out, {size_of(view.traffic.bytes_in)} in, {view.traffic.connections} open"
    second = (
        Piece("requests "),
        traffic_of(view),
        Piece(sums, "faint"),
        Piece("  model "),
        cost_of(view.cost),
        Piece(f"  {view.why}"),
    )
    return block((first, second))
