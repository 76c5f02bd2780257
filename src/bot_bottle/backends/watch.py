"""Looks at a running bottle from outside, where no control group holds a limit: how much memory, how many processes.

Trusts only the host's own /proc. A bottle can use more for up to a second, until the keeper looks again.
"""

import os
from collections.abc import Iterator
from pathlib import Path

from bot_bottle.backends.limits import LimitPlan
from bot_bottle.record import dataclass

MIB = 1024**2
IN_MEMORY = ("tmp", "run", "dev/shm")
"""Where files of a bottle are memory."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Watch:
    """The bottle whose first process has this number on the host.

    With another kernel, `engine` of the host's processes are that kernel's, and each process inside is `each` of the others; its
    files in memory are part of its own memory then, not a file system of the host (`has_own_files` false).
    """

    limits: LimitPlan
    first: int
    engine: int = 0
    each: int = 1
    has_own_files: bool = True

    def breach(self) -> str | None:
        """Which limit the bottle is over, as the reason of its end; None while it keeps them."""
        memory, most = self.limits.watched_memory, self.limits.watched_processes
        if memory is None and most is None:
            return None
        members = tuple(descendants(self.first, parents()))
        running = (len(members) - self.engine) // self.each
        if most is not None and running > most:
            return f"it ran {running} processes, and its limit is {most}"
        files = in_files(self.first) if self.has_own_files else 0
        if memory is None or resident(members) + files <= memory:
            return None
        used = proportional(members) + files  # exact, but a hundred times slower: shared pages counted once
        return f"it used {used // MIB} MiB of memory, and its limit is {memory // MIB} MiB" if used > memory else None


def parents() -> dict[int, list[int]]:
    """Parent → children, of every process on the host."""
    found: dict[int, list[int]] = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                text = Path("/proc", name, "stat").read_text(errors="replace")
            except OSError:  # it has ended since
                continue
            found.setdefault(parent_of(text), []).append(int(name))
    return found


def parent_of(stat: str) -> int:
    """The parent's number; the program's name before it may hold spaces and brackets (proc_pid_stat(5))."""
    return int(stat.rpartition(")")[2].split()[1])


def descendants(first: int, children: dict[int, list[int]]) -> Iterator[int]:
    """The process and everything below it. Orphans are among them: the first process of a bottle adopts them."""
    pending = [first]
    while pending:
        process = pending.pop()
        yield process
        pending += children.get(process, [])


def resident(members: tuple[int, ...]) -> int:
    """Bytes of memory in use, shared pages counted for each: never too low, so a quick first look."""
    page = os.sysconf("SC_PAGE_SIZE")
    total = 0
    for process in members:
        try:
            total += int(Path(f"/proc/{process}/statm").read_text().split()[1]) * page
        except OSError:  # it has ended since
            continue
    return total


def proportional(members: tuple[int, ...]) -> int:
    """Bytes of memory in use, each shared page divided among those who share it (Pss in smaps_rollup)."""
    total = 0
    for process in members:
        try:
            text = Path(f"/proc/{process}/smaps_rollup").read_text()
        except OSError:  # it has ended since
            continue
        total += sum(int(line.split()[1]) * 1024 for line in text.splitlines() if line.startswith("Pss:"))
    return total


def in_files(first: int) -> int:
    """Bytes of the bottle's files that are memory; 0 when it has ended."""
    total = 0
    for name in IN_MEMORY:
        try:
            status = os.statvfs(f"/proc/{first}/root/{name}")
        except OSError:
            continue
        total += (status.f_blocks - status.f_bfree) * status.f_frsize
    return total
