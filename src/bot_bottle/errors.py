"""The errors a user sees: what happened, the facts, what to do next. Only `__main__` turns them into exit codes."""

from enum import IntEnum


class ExitCode(IntEnum):
    """Our own exit codes. A command's own code passes through; ours lie apart, in 120-127.

    126 and 127 keep the shell's meaning (POSIX.1-2017, 2.8.2), 124 that of timeout(1).
    """

    OK = 0
    USAGE = 2
    DECLINED = 120
    CANNOT_RUN_HERE = 121
    BAD_MANIFEST = 122
    NOT_CONTAINED = 123
    TIME_LIMIT = 124
    FAILED = 125
    CANNOT_EXECUTE = 126
    NOT_FOUND = 127


class BottleError(Exception):
    """What happened, the facts that show it, and what to do next; each a whole sentence."""

    exit_code = ExitCode.FAILED

    def __init__(self, what: str, *, facts: tuple[str, ...] = (), next: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.facts = facts
        self.next = next


class BadUsage(BottleError):
    """The command line asks for something that does not exist or does not go together."""

    exit_code = ExitCode.USAGE


class BadManifest(BottleError):
    """The manifest or the operator's policy is wrong; every mistake is one fact."""

    exit_code = ExitCode.BAD_MANIFEST


class Declined(BottleError):
    """The operator said no, or has not yet said yes."""

    exit_code = ExitCode.DECLINED


class CannotRunHere(BottleError):
    """This machine lacks something that the bottle needs."""

    exit_code = ExitCode.CANNOT_RUN_HERE


class NotContained(BottleError):
    """The probe reached something from inside that it must not reach; the bottle was destroyed."""

    exit_code = ExitCode.NOT_CONTAINED


class NoSuchBottle(BottleError):
    """No bottle has this name."""

    exit_code = ExitCode.NOT_FOUND


class TimedOut(BottleError):
    """A command in a bottle took longer than its caller would wait; it was ended."""

    exit_code = ExitCode.TIME_LIMIT


class Refused(BottleError):
    """A strict parser does not accept this text; `what` is the reason, a sentence that is safe to show."""

    exit_code = ExitCode.USAGE
