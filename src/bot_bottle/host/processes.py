"""Other processes of this host: by what their command lines say, or as they were written down."""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

from bot_bottle.host.files import write_file


def running() -> Iterator[tuple[int, tuple[str, ...]]]:
    """Every process that we may look at: its number and its argv. One that ends meanwhile is left out."""
    for entry in os.scandir("/proc"):
        if entry.name.isdigit():
            try:
                words = Path(entry.path, "cmdline").read_bytes()
            except OSError:
                continue
            yield int(entry.name), tuple(os.fsdecode(word) for word in words.split(b"\0")[:-1])


def note(process: int, path: Path) -> None:
    """Write down which process this is, so that `end_noted` finds it and no other that gets its number later."""
    write_file(path, json.dumps([process, _began(process)]))


def end_noted(path: Path) -> bool:
    """SIGKILL the process that `note` wrote down, if it still is. Whether there was one; harmless when there is no note."""
    try:
        process, began = json.loads(path.read_bytes())
        watch = os.pidfd_open(process)
    except (OSError, ValueError, TypeError):
        return False
    try:
        if _began(process) != began:
            return False
        signal.pidfd_send_signal(watch, signal.SIGKILL)
    except OSError:
        return False
    finally:
        os.close(watch)
    return True


def _began(process: int) -> int:
    """When it started, in ticks since the host did (proc_pid_stat(5), field 22)."""
    return int(Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[19])


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
