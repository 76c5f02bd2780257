"""A question with yes and no, for what cannot be taken back."""

from typing import TYPE_CHECKING

from textual.app import ComposeResult
from textual.binding import Binding
from textual.containers import Vertical, VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

from bot_bottle.dashboard.draw import diff_line
from bot_bottle.dashboard.text import block

if TYPE_CHECKING:
    from bot_bottle.dashboard.app import Dashboard


class Confirm(ModalScreen[bool]):
    """Yes only by the letter y; everything else that closes it is no."""

    BINDINGS = [  # noqa: RUF012  # Textual's own form
        Binding("y", "dismiss(True)", "yes"),
        Binding("n,escape,enter", "dismiss(False)", "no"),
    ]

    def __init__(self, question: str, *, lines: tuple[str, ...] = ()) -> None:
        super().__init__()
        self._question = question
        self._lines = lines

    def compose(self) -> ComposeResult:
        """The question and its keys."""
        with Vertical(classes="box" if self._lines else "box small"):
            yield Static(self._question, markup=False)
            if self._lines:
                with VerticalScroll(classes="whole"):
                    yield Static(block(diff_line(each) for each in self._lines))
            yield Static("y yes   n no", classes="keys", markup=False)


def ask_stop(app: "Dashboard", slug: str) -> None:
    """End a bottle if the operator says yes."""

    def answered(yes: bool | None) -> None:
        if yes:
            app.act(lambda door: door.stop(slug), f"{slug} has ended.")

    app.push_screen(Confirm(f"End {slug}? Its agent is asked to stop, then ended."), answered)


def ask_remove(app: "Dashboard", slug: str) -> None:
    """Remove an ended bottle if the operator says yes."""

    def answered(yes: bool | None) -> None:
        if yes:
            app.act(lambda door: door.remove(slug), f"{slug} is removed.")

    app.push_screen(Confirm(f"Remove the records of {slug}?"), answered)
