"""Makes a bottle's control groups, lets processes join, and removes them. The plan says which and with what limits."""

import contextlib
import errno
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from bot_bottle.backends.cgroups import CgroupPlan
from bot_bottle.errors import CannotRunHere
from bot_bottle.host.files import write_file

REMOVE_TIMEOUT_S = 3.0
"""A group stays busy until the kernel has let go of its last process, some milliseconds after that ended."""

Join = Callable[[tuple[int, ...]], None]


@contextlib.contextmanager
def in_groups(plan: CgroupPlan | None, *, journal: Path) -> Iterator[Join]:
    """The groups, limits set; yields how processes join them. CannotRunHere when the kernel does not take a limit.

    The journal names them before they are made, for `remove_groups` after a killed keeper.
    """
    if plan is None:
        yield lambda processes: None
        return
    write_file(journal, "".join(f"{folder}\n" for folder in plan.folders))
    with contextlib.ExitStack() as undo:
        undo.callback(journal.unlink, missing_ok=True)
        for folder in plan.folders:
            folder.mkdir(exist_ok=True)  # one that a killed keeper left is ours: its name is the bottle's
            undo.callback(_remove, folder)
        for file, text in plan.settings:
            _write(file, text)
        yield lambda processes: _join(plan, processes)


def _join(plan: CgroupPlan, processes: tuple[int, ...]) -> None:
    for folder in plan.folders:
        for process in processes:
            with contextlib.suppress(ProcessLookupError):  # it has ended: who waits for it says why, in its own words
                _write(folder / "cgroup.procs", str(process))


def _write(file: Path, text: str) -> None:
    try:
        file.write_text(text)
    except ProcessLookupError:
        raise
    except OSError as error:
        raise CannotRunHere(
            "A limit of the bottle could not be set.",
            facts=(f"{file} did not take {text}: {error.strerror}",),
            next="Leave that limit out of the manifest, or run where control groups can be made.",
        ) from error


def remove_groups(journal: Path) -> None:
    """Remove the groups that the journal names once they are empty, then the journal; it stays while somebody is in one."""
    try:
        folders = [Path(line) for line in journal.read_text().splitlines()]
    except FileNotFoundError:
        return
    for folder in folders:
        with contextlib.suppress(OSError):
            _remove(folder)
    if not any(folder.exists() for folder in folders):
        journal.unlink(missing_ok=True)


def _remove(folder: Path) -> None:
    deadline = time.monotonic() + REMOVE_TIMEOUT_S
    while folder.exists():
        try:
            folder.rmdir()
        except OSError as error:
            if error.errno != errno.EBUSY or time.monotonic() > deadline:
                raise
            time.sleep(0.005)
