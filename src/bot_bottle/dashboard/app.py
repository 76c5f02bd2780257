"""The dashboard: draws a snapshot twice a second, and sends what the operator decides to `bottles/`. It holds no logic.

What it shows may come from a bottle. It is drawn as text, without markup and without control characters; see draw.py.
"""

from collections.abc import Callable
from typing import Protocol, runtime_checkable

from textual import work
from textual.app import App, SuspendNotSupported
from textual.binding import Binding

from bot_bottle.bottles.snapshot import Snapshot
from bot_bottle.dashboard.door import Bottles, Door
from bot_bottle.errors import BottleError

EVERY_S = 0.5


@runtime_checkable
class Drawn(Protocol):
    """A screen that shows a snapshot."""

    def draw(self, snapshot: Snapshot) -> None:
        """Show it."""


class Dashboard(App[None]):
    """All bottles, what they ask, and what went through their gates."""

    CSS_PATH = "style.tcss"
    TITLE = "bot-bottle"
    ENABLE_COMMAND_PALETTE = False
    BINDINGS = [Binding("ctrl+c", "quit", show=False, priority=True)]  # noqa: RUF012  # Textual's own form

    def __init__(self, door: Door | None = None, *, every_s: float = EVERY_S) -> None:
        super().__init__()
        self.door = door or Bottles()
        self.shown = Snapshot(taken=0.0)
        self._every_s = every_s
        self._is_looking = False

    def on_mount(self) -> None:
        """The first screen, and the clock."""
        from bot_bottle.dashboard.overview import Overview

        self.push_screen(Overview())
        self.set_interval(self._every_s, self.look)
        self.look()

    def look(self) -> None:
        """Take a snapshot, unless one is being taken."""
        if not self._is_looking:
            self._is_looking = True
            self._take()

    @work(thread=True, exit_on_error=True)
    def _take(self) -> None:
        try:
            snapshot = self.door.look()
        except BottleError as error:
            self.call_from_thread(self.complain, error)
            return
        finally:
            self._is_looking = False
        self.call_from_thread(self.show, snapshot)

    def show(self, snapshot: Snapshot) -> None:
        """Draw it on every screen, the covered ones too: they are seen again without waiting."""
        new = {one.id for one in snapshot.inbox.pending} - {one.id for one in self.shown.inbox.pending}
        if new and self.shown.taken:
            self.bell()
        self.shown = snapshot
        for screen in list(self.screen_stack):
            if isinstance(screen, Drawn) and screen.is_mounted:
                screen.draw(snapshot)

    @work(thread=True, exit_on_error=True)
    def act(self, deed: Callable[[Door], object], done: str) -> None:
        """Do something that takes a while, then say so, or why not. The screen that wanted it may be gone by then."""
        try:
            deed(self.door)
        except BottleError as error:
            self.call_from_thread(self.complain, error)
        else:
            self.call_from_thread(self.tell, done)
        self.call_from_thread(self.look)

    def tell(self, text: str) -> None:
        """A short notice."""
        self.notify(text, markup=False, timeout=4)

    def complain(self, error: BottleError) -> None:
        """What happened, the facts, what to do next."""
        self.notify("\n".join(part for part in (error.what, *error.facts, error.next) if part), severity="error", markup=False)

    def attach(self, slug: str) -> None:
        """The agent's own screen, until the operator leaves it with Ctrl-P Ctrl-Q."""
        try:
            with self.suspend():
                self.door.attach(slug)
        except SuspendNotSupported:
            self.tell("This terminal cannot be given away.")
        except BottleError as error:
            self.complain(error)
        self.refresh()
        self.look()
