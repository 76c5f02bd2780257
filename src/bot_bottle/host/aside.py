"""One piece of work on a thread of its own, while the caller waits for something else."""

import threading
from collections.abc import Callable


class Side:
    """Starts the work; `finish` waits for it and raises what it raised."""

    def __init__(self, work: Callable[[], None]) -> None:
        self._work = work
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._work()
        except BaseException as failure:  # noqa: BLE001  # handed to `finish`, which raises it
            self._failure = failure

    def wait(self) -> None:
        """Return once the work is done, whatever came of it."""
        self._thread.join()

    def finish(self) -> None:
        """Return once the work is done; raises its exception."""
        self._thread.join()
        if self._failure is not None:
            raise self._failure
