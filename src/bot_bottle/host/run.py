"""The only place that starts processes: tuples, no shell, a built environment, closed stdin, bounds on time and output."""

import os
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path

from bot_bottle.errors import BottleError
from bot_bottle.record import dataclass, field

PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "LC_CTYPE", "TZ", "TMPDIR", "USER", "LOGNAME")
"""What a child of ours may see of the operator's environment when the caller asks for `plain_env()`."""


NOWHERE = subprocess.DEVNULL
"""In place of a descriptor: /dev/null."""

LINE_LIMIT = 64 * 1024
"""Bytes of one line that `follow` tells of."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Command:
    """One process to run to its end. Output past `output_limit` bytes per stream kills it."""

    argv: tuple[str, ...]
    env: Mapping[str, str]
    timeout_s: float
    cwd: Path | None = None
    stdin: bytes = b""
    output_limit: int = 4 * 1024 * 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class Finished:
    """How it ended: the exit code (negative signal number as subprocess has it), and both streams."""

    code: int
    stdout: bytes
    stderr: bytes = field(repr=False)


class CouldNotRun(BottleError):
    """The program is missing, took too long, or printed too much."""


Run = Callable[[Command], Finished]


def plain_env(host: Mapping[str, str] | None = None, **more: str) -> dict[str, str]:
    """The few harmless variables of the operator's environment, plus `more`."""
    source = os.environ if host is None else host
    return {name: source[name] for name in PASSED_ON if name in source} | more


def run(command: Command) -> Finished:
    """Run to the end. CouldNotRun when it cannot start, runs over its time, or prints over its limit."""
    name = command.argv[0]
    try:
        done = subprocess.run(
            command.argv,
            env=dict(command.env),
            cwd=command.cwd,
            input=command.stdin,
            capture_output=True,
            timeout=command.timeout_s,
            check=False,
        )
    except FileNotFoundError as error:
        raise CouldNotRun(f"{name} is not installed.", next=f"Install {name} or put it on PATH.") from error
    except OSError as error:
        raise CouldNotRun(f"{name} could not be started.", facts=(str(error),)) from error
    except subprocess.TimeoutExpired as error:
        raise CouldNotRun(f"{name} took longer than {command.timeout_s:g} s and was ended.") from error
    if max(len(done.stdout), len(done.stderr)) > command.output_limit:
        raise CouldNotRun(f"{name} printed more than {command.output_limit} bytes.")
    return Finished(code=done.returncode, stdout=done.stdout, stderr=done.stderr)


def follow(command: Command, each_line: Callable[[str], None]) -> Finished:
    """Run to the end and tell of each line as it comes, of either stream. What is kept is the end: `output_limit` bytes of it.

    For programs that show progress. CouldNotRun when it cannot start or runs over its time.
    """
    import selectors
    import time

    ours, theirs = os.pipe()
    try:
        process = spawn(
            LongCommand(argv=command.argv, env=command.env, cwd=command.cwd, stdout=theirs, stderr=theirs, new_session=True)
        )
    except BaseException:
        os.close(ours)
        raise
    finally:
        os.close(theirs)
    end = time.monotonic() + command.timeout_s
    kept, line = b"", b""
    try:
        with open(ours, "rb", buffering=0) as output, selectors.DefaultSelector() as selector:
            selector.register(output, selectors.EVENT_READ)
            while (left := end - time.monotonic()) > 0:
                if not selector.select(left):
                    continue
                piece = output.read(64 * 1024)
                if not piece:
                    break
                kept = (kept + piece)[-command.output_limit :]
                *lines, line = (line + piece).replace(b"\r", b"\n").split(b"\n")
                line = line[-LINE_LIMIT:]
                for one in lines:
                    each_line(one[-LINE_LIMIT:].decode(errors="replace"))
            else:
                raise CouldNotRun(f"{command.argv[0]} took longer than {command.timeout_s:g} s and was ended.")
        code = process.wait(max(1.0, end - time.monotonic()))
        return Finished(code=code if code is not None else process.end(), stdout=kept, stderr=b"")
    finally:
        process.end()


@dataclass(frozen=True, kw_only=True, slots=True)
class LongCommand:
    """A process that lives as long as its owner: descriptors to inherit, and what it gets as 0, 1 and 2 (default /dev/null)."""

    argv: tuple[str, ...]
    env: Mapping[str, str]
    pass_fds: tuple[int, ...] = ()
    stdin: int = NOWHERE
    stdout: int = NOWHERE
    stderr: int = NOWHERE
    cwd: Path | None = None
    new_session: bool = False
    limits: tuple[tuple[int, int], ...] = ()
    """Pairs of an RLIMIT_… constant and its value. They hold before the caller has written a byte to the process."""


class Process:
    """A started long-lived process. Its owner ends it; nothing happens in `__del__`."""

    def __init__(self, popen: "subprocess.Popen[bytes]") -> None:
        self._popen = popen

    @property
    def pid(self) -> int:
        """The process id on the host."""
        return self._popen.pid

    def poll(self) -> int | None:
        """The exit code once it has ended (negative for a signal), else None."""
        return self._popen.poll()

    def wait(self, timeout_s: float | None) -> int | None:
        """The exit code, or None when it still runs after `timeout_s`; None waits for ever."""
        try:
            return self._popen.wait(timeout_s)
        except subprocess.TimeoutExpired:
            return None

    def signal(self, number: int) -> None:
        """Send a signal; nothing when it has ended."""
        self._popen.send_signal(number)

    def kill_group(self) -> None:
        """SIGKILL to it and all that it started, where it has a session of its own; nothing when it is gone and reaped."""
        import signal

        if self._popen.returncode is None:
            try:
                os.killpg(self._popen.pid, signal.SIGKILL)
            except ProcessLookupError:
                return

    def end(self, *, grace_s: float = 2.0) -> int:
        """SIGTERM, then SIGKILL after `grace_s`; harmless when it has ended. Returns its exit code."""
        if self._popen.poll() is None:
            self._popen.terminate()
            try:
                return self._popen.wait(grace_s)
            except subprocess.TimeoutExpired:
                self._popen.kill()
        return self._popen.wait()


def spawn(command: LongCommand) -> Process:
    """Start a long-lived process. CouldNotRun when it cannot start."""
    try:
        popen = subprocess.Popen(
            command.argv,
            env=dict(command.env),
            cwd=command.cwd,
            stdin=command.stdin,
            stdout=command.stdout,
            stderr=command.stderr,
            pass_fds=command.pass_fds,
            start_new_session=command.new_session,
        )
    except FileNotFoundError as error:
        raise CouldNotRun(f"{command.argv[0]} is not installed.", next=f"Install {command.argv[0]} or put it on PATH.") from error
    except OSError as error:
        raise CouldNotRun(f"{command.argv[0]} could not be started.", facts=(str(error),)) from error
    limit(popen.pid, command.limits)
    return Process(popen)


def limit(process: int, limits: tuple[tuple[int, int], ...]) -> None:
    """What a child of ours may use, as LongCommand has it; nothing when it is gone already."""
    if not limits:
        return
    import resource

    for kind, most in limits:
        try:
            resource.prlimit(process, kind, (most, most))
        except ProcessLookupError:
            return  # it is gone already
