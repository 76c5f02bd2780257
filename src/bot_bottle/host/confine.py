"""Children that can do less than we can: Landlock (landlock(7)) and a filter of system calls, without a program in between.

Both hold for the thread that asks for them and for what it starts. So each child is started by a thread of its own, which gives
up its rights first and then ends. That costs a fraction of a millisecond, where a sandbox made by a program costs five and more.
"""

import os
from collections.abc import Callable
from pathlib import Path
from threading import Thread
from typing import Generic, TypeVar

from bot_bottle.errors import BottleError
from bot_bottle.guest import landlock
from bot_bottle.guest.native import PR_SET_NO_NEW_PRIVS, prctl, set_filter, syscall
from bot_bottle.host.run import LongCommand, Process, limit, spawn
from bot_bottle.record import dataclass, field, replace

EXECUTE, READ_FILE, READ_DIR = 1 << 0, 1 << 2, 1 << 3
REMOVE_DIR, REMOVE_FILE, MAKE_DIR, MAKE_FILE = 1 << 4, 1 << 5, 1 << 7, 1 << 8
BIND_TCP, CONNECT_TCP = 1, 2
NEWEST_LEVEL = 7
"""Of Landlock: what this was written for. Later levels keep what earlier ones mean."""

READ = READ_FILE | READ_DIR
WRITE = landlock.WRITE_FILE | REMOVE_DIR | REMOVE_FILE | MAKE_DIR | MAKE_FILE
ON_FILES = EXECUTE | READ_FILE | landlock.FILE_RIGHTS
Result = TypeVar("Result")


@dataclass(frozen=True, kw_only=True, slots=True)
class Confinement:
    """What a child may touch of the file system, everything below each path, and a filter in the form of seccomp(2).

    Nothing of what can be written can be run. Paths that are not there are left out.
    """

    programs: tuple[Path, ...]
    read: tuple[Path, ...]
    write: tuple[Path, ...] = ()
    filter: bytes = field(repr=False)


def can_confine() -> bool:
    """Whether this kernel has Landlock, switched on."""
    return landlock.level() >= 1


def spawn_confined(command: LongCommand, confinement: Confinement) -> Process:
    """Start it confined. CouldNotRun as `spawn`; BottleError where the kernel does not give what the confinement needs."""
    process = within(confinement, lambda: spawn(replace(command, limits=())))
    limit(process.pid, command.limits)  # by us: the filter lets no confined thread set limits of others
    return process


class _Work(Thread, Generic[Result]):
    """Does one thing confined. Its thread is never used for another."""

    def __init__(self, confinement: Confinement, work: Callable[[], Result]) -> None:
        super().__init__(name="confined")
        self._confinement = confinement
        self._work = work
        self.result: Result | None = None
        self.fault: BaseException | None = None

    def run(self) -> None:
        """As Thread has it."""
        try:
            _give_up_rights(self._confinement)
        except (OSError, KeyError) as error:
            self.fault = BottleError("A child could not be confined, so it was not started.", facts=(str(error),))
            return
        try:
            self.result = self._work()
        except BaseException as error:  # noqa: BLE001  # handed to whoever waits for it
            self.fault = error


def within(confinement: Confinement, work: Callable[[], Result]) -> Result:
    """Do this in a thread that is confined, and all that it starts with it. What it raises is raised here."""
    thread = _Work(confinement, work)
    thread.start()
    thread.join()
    if thread.fault is not None:
        raise thread.fault
    return thread.result  # type: ignore[return-value]  # there is one where there is no fault


def _give_up_rights(confinement: Confinement) -> None:
    level = min(landlock.level(), NEWEST_LEVEL)
    files = landlock.rights(level) & ~(0 if level >= 2 else landlock.REFER) | READ | EXECUTE
    net = BIND_TCP | CONNECT_TCP if level >= 4 else 0
    scoped = landlock.SCOPE_ABSTRACT_SOCKETS | landlock.SCOPE_SIGNALS if level >= 6 else 0
    size = 24 if level >= 6 else 16 if level >= 4 else 8
    settings = b"".join(value.to_bytes(8, "little") for value in (files, net, scoped))[:size]
    rules = syscall(landlock.CREATE_RULESET, settings, size, 0)
    try:
        for paths, granted in (
            (confinement.programs, READ | EXECUTE),
            (confinement.read, READ),
            (confinement.write, READ | WRITE | landlock.REFER | landlock.TRUNCATE),
        ):
            for path in paths:
                _allow(rules, path, granted & files)
        prctl(PR_SET_NO_NEW_PRIVS, 1)
        syscall(landlock.RESTRICT_SELF, rules, 0)
    finally:
        os.close(rules)
    set_filter(confinement.filter)


def _allow(rules: int, path: Path, granted: int) -> None:
    try:
        place = os.open(path, landlock.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        if not os.path.isdir(path):
            granted &= ON_FILES
        rule = granted.to_bytes(8, "little") + place.to_bytes(4, "little")
        syscall(landlock.ADD_RULE, rules, landlock.PATH_BENEATH, rule, 0)
    finally:
        os.close(place)
