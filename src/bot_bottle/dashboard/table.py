"""A table of rows with keys that can be drawn again and again: the cursor stays on its row, and only what changed is touched."""

from collections.abc import Sequence

from textual.binding import Binding
from textual.widgets import DataTable

from bot_bottle.dashboard.draw import Line
from bot_bottle.dashboard.text import cell

Row = tuple[str, Line]


class Rows(DataTable[object]):
    """Rows of pieces."""

    BINDINGS = [Binding("enter", "select_cursor", "open")]  # noqa: RUF012  # Textual's own form

    def __init__(self, columns: Sequence[str], *, id: str) -> None:
        super().__init__(id=id, cursor_type="row", zebra_stripes=False)
        self._names = tuple(columns)
        self._rows: tuple[Row, ...] = ()

    def on_mount(self) -> None:
        """The columns, once."""
        for name in self._names:
            self.add_column(name)

    @property
    def chosen(self) -> str | None:
        """The key of the row under the cursor."""
        return self._rows[self.cursor_row][0] if 0 <= self.cursor_row < len(self._rows) else None

    def draw(self, rows: Sequence[Row]) -> None:
        """Show these rows."""
        new = tuple(rows)
        if new == self._rows:
            return
        if [key for key, _ in new] == [key for key, _ in self._rows]:
            for at, ((_, before), (_, after)) in enumerate(zip(self._rows, new, strict=True)):
                for column, (old, now) in enumerate(zip(before, after, strict=True)):
                    if old != now:
                        self.update_cell_at((at, column), cell(now), update_width=True)  # type: ignore[arg-type]  # (row, column)
            self._rows = new
            return
        kept = self.chosen
        self.clear()
        self._rows = new
        for key, pieces in new:
            self.add_row(*(cell(piece) for piece in pieces), key=key)
        keys = [key for key, _ in new]
        if kept in keys:
            self.move_cursor(row=keys.index(kept))
