"""Starting a bottle: a form, then the very plan that will be launched, with what is built meanwhile below it."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Label, RichLog, Select, Static

from bot_bottle.agents.registry import PROVIDERS
from bot_bottle.bottles.starting import Asking, Began, Failed, News, Progress, Starting, Wanted
from bot_bottle.dashboard.draw import Line, Piece
from bot_bottle.dashboard.text import block, line
from bot_bottle.errors import BottleError
from bot_bottle.manifest.available import AVAILABLE

if TYPE_CHECKING:
    from bot_bottle.dashboard.app import Dashboard

MANIFESTS = "as the manifest says"


class BeginScreen(ModalScreen[None]):
    """What to start, and where."""

    app: "Dashboard"
    BINDINGS = [Binding("escape", "app.pop_screen", "back")]  # noqa: RUF012  # Textual's own form

    def compose(self) -> ComposeResult:
        """The form."""
        with Vertical(classes="box"):
            yield Label("Folder (its bottle.yaml is read)", markup=False)
            yield Input(value=str(Path.cwd()), id="folder")
            yield Label("Agent and workspace", markup=False)
            with Horizontal(classes="pair"):
                yield Select([(name, name) for name in PROVIDERS], prompt=MANIFESTS, id="agent")
                yield Select([(name, name) for name in AVAILABLE.modes], prompt=MANIFESTS, id="mode")
            yield Label("Arguments for the agent", markup=False)
            yield Input(placeholder='-p "Fix the tests"', id="args")
            with Horizontal(classes="buttons"):
                yield Button("Show the plan", id="go", variant="primary")
                yield Button("Back", id="back")

    @on(Button.Pressed, "#back")
    def leave(self) -> None:
        """Not now."""
        self.dismiss()

    @on(Button.Pressed, "#go")
    @on(Input.Submitted)
    def go(self) -> None:
        """Plan it."""
        try:
            args = tuple(shlex.split(self.query_one("#args", Input).value))
        except ValueError as error:
            self.app.tell(f"The arguments cannot be read: {error}")
            return
        folder = Path(self.query_one("#folder", Input).value).expanduser()
        if not folder.is_dir():
            self.app.tell(f"{folder} is no folder.")
            return
        wanted = Wanted(folder=folder, workspace=folder, agent=self._chosen("#agent"), mode=self._chosen("#mode"), args=args)
        self.app.switch_screen(PreflightScreen(wanted))

    def _chosen(self, selector: str) -> str:
        value = self.query_one(selector, Select).value
        return value if isinstance(value, str) else ""


class PreflightScreen(ModalScreen[None]):
    """The plan, above what is done meanwhile. It is started by the letter y and by nothing else."""

    app: "Dashboard"
    BINDINGS = [  # noqa: RUF012  # Textual's own form
        Binding("y", "start", "start"),
        Binding("n,escape", "leave", "do not"),
    ]

    def __init__(self, wanted: Wanted) -> None:
        super().__init__()
        self.wanted = wanted
        self._starting: Starting | None = None
        self._state = "planning"

    def compose(self) -> ComposeResult:
        """The plan, the progress, the keys."""
        with Vertical(classes="box tall"):
            with VerticalScroll(classes="whole"):
                yield Static("Planning…", id="preflight", markup=False)
            yield RichLog(id="progress", markup=False, highlight=False, wrap=True, max_lines=500)
            yield Static("Esc back", id="keys", classes="keys", markup=False)

    def on_mount(self) -> None:
        """Begin."""
        self.begin()

    @work(thread=True)
    def begin(self) -> None:
        """Hear what the child says, to its end."""
        try:
            starting = self._starting = self.app.door.begin(self.wanted)
        except BottleError as error:
            self.app.call_from_thread(self.app.complain, error)
            return
        for news in starting.news():
            self.app.call_from_thread(self.hear, news)

    def hear(self, news: News) -> None:
        """One piece of news on the screen; after the operator left, only the end is told."""
        match news:
            case Began():
                self.app.tell(f"{news.slug} runs.")
                self.app.look()
                self._leave()
            case _ if not self.is_mounted:
                return
            case Progress():
                self.query_one("#progress", RichLog).write(line((Piece(news.text, "faint"),)))
            case Asking():
                self._state = "asking"
                self.query_one("#preflight", Static).update(block(plan_lines(news)))
                self.query_one("#keys", Static).update(f"y start {news.slug}   n do not")
            case Failed():
                self._state = "failed"
                words = news.words or (f"It ended with code {news.code}.",)
                self.query_one("#preflight", Static).update(block([(Piece(each, "bad"),) for each in words]))
                self.query_one("#keys", Static).update("Esc back")

    def action_start(self) -> None:
        """Yes to the plan on the screen."""
        if self._state == "asking" and self._starting:
            self._state = "starting"
            self._starting.answer(yes=True)
            self.query_one("#keys", Static).update("starting…")

    def action_leave(self) -> None:
        """No. Once it starts, the start goes on in the background."""
        if self._starting and self._state in ("planning", "asking"):
            self._starting.give_up()
        self._leave()

    def _leave(self) -> None:
        if self.is_mounted and self.is_current:
            self.dismiss()


def plan_lines(plan: Asking) -> list[Line]:
    """Label, text, and who decided it."""
    return [
        (Piece(f"{label:<10} ", "faint"), Piece(text), Piece(f"  ({why})" if why else "", "faint"))
        for label, text, why in plan.preflight
    ]
