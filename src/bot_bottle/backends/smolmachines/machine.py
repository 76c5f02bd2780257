"""A running machine: commands in it are engine processes on the host, each watched by a thread of its own.

Once the agent runs, what comes from inside is hostile: reports are bounded and checked, and ours alone decide what is alive.
"""

import contextlib
import json
import os
import pty
import select
import signal
import socket
import sys
import termios
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bot_bottle.backends.base import Child, GuestCommand, RunningBottle, Streams, TtySize
from bot_bottle.backends.smolmachines.client import code_of, exec_words
from bot_bottle.backends.smolmachines.plan import SmolmachinesBottlePlan
from bot_bottle.errors import BottleError
from bot_bottle.guest.jsontext import dumps, loads
from bot_bottle.host.files import write_file
from bot_bottle.host.run import Command, CouldNotRun, Finished, LongCommand, Process, Run, run, spawn

REPORT_LIMIT = 8
ANSWERS_LIMIT = 1024 * 1024
RAW_TIMEOUT_S = 20.0
BRING_TIMEOUT_S = 120.0
STEP_S = 0.002
END_SEEN_S = 1.0
WATCHER_TIMEOUT_S = 20.0
TRIES = 2
PROBE_TIMEOUT_S = 120.0
"""The engine's own part of it takes 30 ms, and 20 s under emulation on a busy machine."""


WATCH = (
    "import os, select, signal, sys\n"
    "line, machine = map(int, sys.argv[1:])\n"
    "ready = select.select([line, machine], [], [])[0]\n"
    "if machine not in ready: signal.pidfd_send_signal(machine, signal.SIGKILL)\n"
)
"""Ends the machine when its line closes; ends by itself when the machine does."""


class Host:
    """The machine's process on this host, which the engine started: seen through a pidfd, never signalled by number.

    Another process of ours kills it when the line to us closes, so that it does not outlive us, however we end.
    """

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.alive = os.pidfd_open(pid)
        self._has_ended = False
        theirs, self._line = os.pipe2(os.O_CLOEXEC)
        argv = (sys.executable, "-I", "-S", "-c", WATCH, str(theirs), str(self.alive))
        try:
            self._watcher = spawn(LongCommand(argv=argv, env={}, pass_fds=(theirs, self.alive), new_session=True))
        finally:
            os.close(theirs)

    def poll(self) -> int | None:
        """0 once it has ended, else None. Never blocks."""
        if not self._has_ended:
            self._has_ended = bool(select.select([self.alive], [], [], 0)[0])
        return 0 if self._has_ended else None

    def kill(self) -> None:
        """SIGKILL; nothing when it has ended."""
        if not self._has_ended:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self.alive, signal.SIGKILL)

    def close(self) -> None:
        """Let go of it: it counts as ended."""
        self.let_go()
        if self.alive >= 0:
            self._has_ended = True
            self._watcher.wait(WATCHER_TIMEOUT_S)
            os.close(self.alive)
            self.alive = -1

    def let_go(self) -> None:
        """As the kernel does when we are killed: the machine's process ends. A second time does nothing."""
        if self._line >= 0:
            os.close(self._line)
            self._line = -1


class MachineChild(Child):
    """A command inside. Its exit code arrives on a socket, once the engine's process has ended and the report was read."""

    def __init__(self, machine: "Machine", number: int, process: Process, *, terminal: int | None) -> None:
        self._machine = machine
        self._number = number
        self._process = process
        self._terminal = terminal
        self._code: int | None = None
        self._life, theirs = socket.socketpair()
        self._life.setblocking(False)
        threading.Thread(target=self._wait, args=(theirs,), daemon=True).start()

    def _wait(self, theirs: socket.socket) -> None:
        ended = self._process.wait(None)
        with theirs, contextlib.suppress(OSError):
            theirs.send(str(self._machine.code_of(self._number, ended)).encode())

    @property
    def terminal(self) -> int | None:
        """The controlling end of its terminal."""
        return self._terminal

    def fileno(self) -> int:
        """Readable once it ended, -1 after `close`."""
        return self._life.fileno()

    def poll(self) -> int | None:
        """Its exit code once it ended."""
        if self._code is None and self._life.fileno() >= 0:
            with contextlib.suppress(BlockingIOError):
                report = self._life.recv(REPORT_LIMIT)
                self._code = int(report) if report else 137
        return self._code

    def signal(self, number: int) -> None:
        """To its process group inside, through the engine; nobody waits for it."""
        if self.poll() is None:
            self._machine.send_signal(self._number, number)

    def resize(self, size: TtySize) -> None:
        """Set our terminal's size, and tell the engine's process, which has no terminal of its own, to look."""
        if self._terminal is not None:
            termios.tcsetwinsize(self._terminal, (size.rows, size.cols))
            self._process.signal(signal.SIGWINCH)

    def close(self) -> None:
        """Let go of its descriptors; with the terminal the command hangs up. A second time does nothing."""
        if self._terminal is not None:
            self.signal(signal.SIGHUP)
            os.close(self._terminal)
            self._terminal = None
        self._life.close()


class Machine(RunningBottle):
    """See the module. `keeper` is the line out of the machine: our program inside ends when it closes."""

    def __init__(self, plan: SmolmachinesBottlePlan, host: Host, keeper: socket.socket, *, run: Run = run) -> None:
        self.plan: SmolmachinesBottlePlan = plan
        self._process = host
        self._keeper = keeper
        self._run = run
        self._number = 0
        self._is_leaving = False
        self._signals: list[Process] = []
        self._children: list[Process] = []

    def start(self, command: GuestCommand, io: Streams | TtySize) -> Child:
        """Hand the command over as a file, and have the engine start our program on it."""
        has_terminal = isinstance(io, TtySize)
        message = {"argv": list(command.argv), "env": [list(pair) for pair in command.env], "cwd": command.cwd}
        number = self._hand_over({**message, "terminal": int(has_terminal)})
        argv = exec_words(self.plan, "run", str(number), streams=True, terminal=has_terminal)
        env = dict(self.plan.engine.env)
        if isinstance(io, Streams):
            command_of_ours = LongCommand(
                argv=argv, env=env, stdin=io.stdin, stdout=io.stdout, stderr=io.stderr, new_session=True
            )
            return MachineChild(self, number, self._bring(command_of_ours, number), terminal=None)
        controlling, slave = pty.openpty()
        try:
            termios.tcsetwinsize(controlling, (io.rows, io.cols))
            command_of_ours = LongCommand(argv=argv, env=env, stdin=slave, stdout=slave, stderr=slave, new_session=True)
            process = self._bring(command_of_ours, number)
            wait_until_raw(slave, process)
        except BottleError:
            os.close(controlling)
            raise
        finally:
            os.close(slave)
        return MachineChild(self, number, process, terminal=controlling)

    def probe(self, questions: Sequence[dict[str, Any]], *, timeout_s: float) -> list[dict[str, Any]]:  # Any: JSON
        """Ask inside as the bottle's user; what does not arrive in time, or is no JSON, is no answer."""
        number = self._hand_over({"questions": list(questions)})
        command = Command(
            argv=exec_words(self.plan, "probe", str(number)),
            env=dict(self.plan.engine.env),
            timeout_s=max(timeout_s, PROBE_TIMEOUT_S),
            output_limit=ANSWERS_LIMIT,
        )
        try:
            answers = loads(self._run(command).stdout.decode())
        except (CouldNotRun, ValueError):
            return []
        return [answer for answer in answers if isinstance(answer, dict)] if isinstance(answers, list) else []

    def fileno(self) -> int:
        """Readable when the machine's process ended."""
        return self._process.alive

    def is_alive(self) -> bool:
        """Whether the machine's process still runs."""
        return self._process.poll() is None

    @property
    def pid(self) -> int:
        """The machine's process on this host."""
        return self._process.pid

    def engine(self, *argv: str, timeout_s: float) -> Finished:
        """One short command of the engine."""
        return self._run(Command(argv=argv, env=dict(self.plan.engine.env), timeout_s=timeout_s))

    def send_signal(self, number: int, signal_number: int) -> None:
        """Have it sent; the engine's process is looked after later."""
        self._signals = [one for one in self._signals if one.poll() is None]
        argv = exec_words(self.plan, "signal", str(number), str(signal_number))
        with contextlib.suppress(CouldNotRun):
            self._signals.append(spawn(LongCommand(argv=argv, env=dict(self.plan.engine.env), new_session=True)))

    def code_of(self, number: int, ended: int | None) -> int:
        """The exit code of a command whose engine process ended. Called from the child's thread."""
        told = self.plan.told / str(number)
        report = read_report(told)
        code = code_of(ended or 0, report, is_alive=not self._is_leaving and (report is not None or self._outlives()))
        for left in (told, told.with_suffix(".began"), self.plan.given / "commands" / f"{number}.json"):
            with contextlib.suppress(OSError):
                left.unlink()
        return code

    def _outlives(self) -> bool:
        """Whether the machine goes on, a moment after a command in it ended without a word: its own end may come behind that."""
        select.select([self.fileno()], [], [], END_SEEN_S)
        return self.is_alive()

    def let_go(self) -> None:
        """Close every line, as the kernel does when the keeper is killed: the machine ends. A second time does nothing."""
        self._keeper.close()
        self._process.let_go()

    def close(self) -> None:
        """The machine is being taken down: end what still speaks to it. What has not told its code by then was killed."""
        self._is_leaving = True
        for process in (*self._signals, *self._children):
            process.end(grace_s=0.0)

    def _hand_over(self, message: dict[str, Any]) -> int:  # Any: JSON
        if not self.is_alive():
            raise BottleError("The bottle is gone.")
        self._number += 1
        write_file(self.plan.given / "commands" / f"{self._number}.json", dumps(message), mode=0o644)
        return self._number

    def _bring(self, command: LongCommand, number: int) -> Process:
        """Start the engine's process, and wait until it has brought the command inside; once more when it could not.

        One at a time: with many at once on a busy machine the engine finds some machines not running that are.
        """
        began = self.plan.told / f"{number}.began"
        for _ in range(TRIES):
            process = spawn(command)
            deadline = time.monotonic() + BRING_TIMEOUT_S
            while not os.path.lexists(began) and process.poll() is None and time.monotonic() < deadline:
                time.sleep(STEP_S)
            if os.path.lexists(began):
                self._children = [*(one for one in self._children if one.poll() is None), process]
                return process
            process.end(grace_s=0.0)
            if not self.is_alive():
                break
        raise BottleError(
            "The engine could not start the command in the machine.", next="`bot-bottle doctor` looks at the engine."
        )


def wait_until_raw(terminal: int, process: Process) -> None:
    """Until the engine's process has taken the terminal over: what was typed before, it throws away (termios(3), TCSAFLUSH)."""
    deadline = time.monotonic() + RAW_TIMEOUT_S
    while termios.tcgetattr(terminal)[3] & termios.ICANON and process.poll() is None and time.monotonic() < deadline:
        time.sleep(STEP_S)


def read_report(path: Path) -> str | None:
    """What the machine reported: a few bytes of a plain file that is no link; None when there is nothing like that."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        return os.read(descriptor, REPORT_LIMIT).decode("ascii", "replace")
    except OSError:
        return None
    finally:
        os.close(descriptor)


def settings_of(plan: SmolmachinesBottlePlan, *, keeper: str) -> str:
    """What our program in the machine reads first: whom the agent is, what is bound where, which ports lead where. Pure."""
    etc = [[f"/run/bot-bottle/etc/{name}", f"/etc/{name}", 0] for name in ("passwd", "group", "resolv.conf")]
    gates = [door for door in plan.doors if door.port is not None]
    settings: dict[str, Any] = {  # Any: JSON
        "uid": plan.user.uid,
        "gid": plan.user.gid,
        "processes": plan.size.processes,
        "binds": [*etc, *([one.guest_path, one.guest_path, int(one.writable)] for one in plan.held)],
        "forward": [f"{door.port}={door.guest_path}" for door in gates],
        "keeper": keeper,
    }
    return json.dumps(settings)
