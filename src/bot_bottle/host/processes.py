"""Other processes of this host, by what their command lines say."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path


def running() -> Iterator[tuple[int, tuple[str, ...]]]:
    """Every process that we may look at: its number and its argv. One that ends meanwhile is left out."""
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            try:
                words = Path(entry.path, "cmdline").read_bytes()
            except OSError:
                continue
            yield int(entry.name), tuple(os.fsdecode(word) for word in words.split(b"\0")[:-1])


def end_those(program: str, *, with_word: str) -> int:
    """SIGKILL every process of this program (by its file's name) with this very word in its argv. How many there were."""
    count = 0
    for process, argv in running():
        if argv and os.path.basename(argv[0]) == program and with_word in argv:
            try:
                watch = os.pidfd_open(process)
            except OSError:
                continue
            try:
                signal.pidfd_send_signal(watch, signal.SIGKILL)
                count += 1
            except OSError:
                pass
            finally:
                os.close(watch)
    return count
