"""The only file that knows bubblewrap: its command line, and the socket to the first process inside."""

import json
import os
import signal
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bot_bottle.backends.base import Child, GuestCommand, RunningBottle, Streams, TtySize
from bot_bottle.backends.namespaces.plan import Bind, Link, Memory, NamespacesPlan, Special
from bot_bottle.errors import BottleError
from bot_bottle.guest import frames
from bot_bottle.host.run import Process
from bot_bottle.plans.gate import GATE_PORTS

GUEST_ID = "1000"
START = "import sys; sys.path.insert(0, '/run/bot-bottle/lib'); from bot_bottle.guest.portal import main; main()"
REPLY_TIMEOUT_S = 20.0


def bwrap_argv(plan: NamespacesPlan, *, control: int, seccomp: int | None) -> tuple[str, ...]:
    """The bubblewrap command of this plan (bwrap(1)). Pure."""
    argv = ["bwrap", "--unshare-all", "--die-with-parent", "--as-pid-1", "--new-session", "--cap-drop", "ALL"]
    argv += ["--uid", GUEST_ID, "--gid", GUEST_ID, "--hostname", "bottle", "--clearenv"]
    for mount in plan.mounts:
        argv += mount_words(mount)
    if seccomp is not None:
        argv += ["--seccomp", str(seccomp)]
    gates = [f"{gate.gate}={GATE_PORTS[gate.gate]}" for gate in plan.gate_plans if gate.gate in GATE_PORTS]
    argv += ["--remount-ro", "/", "--chdir", "/", "--", plan.python, "-I", "-S", "-c", START, str(control), *gates]
    return tuple(argv)


def mount_words(mount: Bind | Link | Memory | Special) -> list[str]:
    """One mount as bubblewrap's options."""
    if isinstance(mount, Bind):
        return ["--bind" if mount.writable else "--ro-bind", str(mount.host_path), mount.guest_path]
    if isinstance(mount, Link):
        return ["--symlink", mount.target, mount.guest_path]
    if isinstance(mount, Memory):
        return ["--size", str(mount.size), "--tmpfs", mount.guest_path]
    return [f"--{mount.kind}", mount.guest_path]


class GuestChild(Child):
    """A command that the first process started for us."""

    def __init__(self, bottle: "GuestChannel", number: int, terminal: int | None) -> None:
        self._bottle = bottle
        self._number = number
        self._terminal = terminal
        self._ended = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._code: int | None = None

    @property
    def terminal(self) -> int | None:
        """The controlling end of its terminal."""
        return self._terminal

    def fileno(self) -> int:
        """Readable once it ended."""
        return self._ended

    def poll(self) -> int | None:
        """Its exit code once it ended."""
        self._bottle.take_news()
        return self._code

    def signal(self, number: int) -> None:
        """To its process group."""
        self._bottle.tell({"type": "signal", "id": self._number, "number": number})

    def resize(self, size: TtySize) -> None:
        """Sets the terminal's size; the kernel tells the programs."""
        import termios

        if self._terminal is not None and self._code is None:
            termios.tcsetwinsize(self._terminal, (size.rows, size.cols))

    def end(self, code: int) -> None:
        """It ended with this code."""
        if self._code is None:
            self._code = code
            os.eventfd_write(self._ended, 1)


class GuestChannel(RunningBottle):
    """A running bottle, through the socket to its first process. What comes from there is hostile once the agent runs."""

    def __init__(self, plan: NamespacesPlan, process: Process, control: socket.socket) -> None:
        self.plan = plan
        self._process = process
        self._control = control
        self._children: dict[int, GuestChild] = {}
        self._count = 0
        self._gone = False
        control.settimeout(REPLY_TIMEOUT_S)

    def start(self, command: GuestCommand, io: Streams | TtySize) -> Child:
        """Ask the first process to start it."""
        self._count += 1
        number = self._count
        message: frames.Message = {"type": "start", "id": number, "argv": list(command.argv), "cwd": command.cwd}
        message["env"] = [list(pair) for pair in command.env]
        descriptors: tuple[int, ...] = ()
        if isinstance(io, TtySize):
            message |= {"rows": io.rows, "cols": io.cols}
        else:
            descriptors = (io.stdin, io.stdout, io.stderr)
        self.tell(message, descriptors)
        _, received = self._await("started")
        terminal = received[0] if received else None
        if isinstance(io, TtySize) and terminal is None:
            raise BottleError("The bottle gave no terminal.")
        child = GuestChild(self, number, terminal)
        self._children[number] = child
        return child

    def probe(self, questions: Sequence[dict[str, Any]], *, timeout_s: float) -> list[dict[str, Any]]:  # Any: JSON
        """Ask the questions inside."""
        self.tell({"type": "probe", "questions": list(questions)})
        message, _ = self._await("answers")
        answers = json.loads(str(message.get("answers", "")))
        return [answer for answer in answers if isinstance(answer, dict)] if isinstance(answers, list) else []

    def fileno(self) -> int:
        """The control socket."""
        return self._control.fileno()

    def is_alive(self) -> bool:
        """Takes what the first process reported, then says whether it is still there."""
        self.take_news()
        return not self._gone

    def tell(self, message: frames.Message, descriptors: tuple[int, ...] = ()) -> None:
        """Send one request; BottleError if the bottle is gone."""
        try:
            frames.send(self._control, message, descriptors)
        except OSError as error:
            self._gone = True
            if message["type"] != "signal":
                raise BottleError("The bottle is gone.", facts=(str(error),)) from error

    def take_news(self) -> None:
        """Read every report that has arrived; never blocks for long."""
        import select

        while not self._gone and self._control.fileno() >= 0 and select.select([self._control], [], [], 0)[0]:
            self._next()

    def _next(self) -> tuple[frames.Message, list[int]]:
        try:
            received = frames.receive(self._control)
        except (frames.BrokenFrame, OSError):
            received = None
        if received is None:
            self._gone = True
            for child in self._children.values():
                child.end(128 + signal.SIGKILL)
            return {"type": "gone"}, []
        message, descriptors = received
        if message.get("type") == "exited":
            child_ended = self._children.get(int(message.get("id", 0)))
            code = message.get("code")
            if child_ended is not None and isinstance(code, int):
                child_ended.end(code & 0xFF)
        return message, descriptors

    def _await(self, kind: str) -> tuple[frames.Message, list[int]]:
        while not self._gone:
            message, descriptors = self._next()
            if message.get("type") == kind:
                return message, descriptors
            for descriptor in descriptors:
                os.close(descriptor)
        raise BottleError("The bottle's first process is gone.", facts=(f"bubblewrap ended with {self._process.poll()}",))


def guest_folder() -> Path:
    """Where our programs for the inside lie on the host."""
    from bot_bottle import guest

    return Path(str(guest.__file__)).parent
