"""Has the sources of credentials read again while the bottle runs, when a server refused one of them."""

import threading
from collections import deque
from collections.abc import Callable, Mapping

from bot_bottle.plans.bottle import BottlePlan

EVENT = "secrets-read"


class Again:
    """Of one bottle, owned by its keeper. The work is done aside: a password manager may wait for its user."""

    def __init__(self, plan: BottlePlan, values: Mapping[str, str]) -> None:
        self._plan = plan
        self._values = dict(values)
        self._notes: deque[dict[str, object]] = deque()
        self._thread: threading.Thread | None = None

    def wake(self) -> None:
        """Read them, unless that is under way."""
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._read, daemon=True)
            self._thread.start()

    def tell(self, note: Callable[[str, dict[str, object]], None]) -> None:
        """Write what came of it. The log is the keeper's alone, so the keeper calls this now and then."""
        while self._notes:
            note(EVENT, self._notes.popleft())

    def _read(self) -> None:
        from bot_bottle.bottles.reread import reread

        self._values |= reread(self._plan, self._values, self._notes.append)
