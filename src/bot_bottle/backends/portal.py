"""The host's end of a portal: a bottle whose first process is `guest/portal.py`, reached through one socket.

Shared by every backend that starts the portal. Once the agent runs, what comes from inside is hostile: replies are bounded,
their fields checked, and descriptors accepted only where they are expected and are what they should be.
"""

import contextlib
import fcntl
import os
import select
import socket
import termios
import time
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from bot_bottle.backends.base import BundleLink, Child, GuestCommand, RunningBottle, Streams, TtySize
from bot_bottle.errors import BottleError
from bot_bottle.guest import frames
from bot_bottle.guest.jsontext import loads
from bot_bottle.plans.bottle import BottlePlan

REPLY_TIMEOUT_S = 20.0
ANSWERS_LIMIT = 1024 * 1024
LOST = 137
"""The exit code of a command that ended with its bottle: 128 + SIGKILL."""


class PortalChild(Child):
    """A command that the portal started. Its exit code arrives on a socket of its own."""

    def __init__(self, bottle: "PortalBottle", *, process: int, life: socket.socket, terminal: int | None) -> None:
        self._bottle = bottle
        self._process = process
        self._life = life
        self._terminal = terminal
        self._code: int | None = None

    @property
    def terminal(self) -> int | None:
        """The controlling end of its terminal."""
        return self._terminal

    def fileno(self) -> int:
        """Its own socket: readable once it ended, -1 after `close`."""
        return self._life.fileno()

    def poll(self) -> int | None:
        """Its exit code once it ended; 137 when it ended with the bottle."""
        if self._code is None and self._life.fileno() >= 0:
            with contextlib.suppress(BlockingIOError):
                self._code = exit_code(self._life.recv(8))
        return self._code

    def signal(self, number: int) -> None:
        """To its process group inside."""
        if self._code is None:
            self._bottle.tell({"type": "signal", "process": self._process, "number": number})

    def resize(self, size: TtySize) -> None:
        """Set the terminal's size; the kernel tells the programs on it."""
        if self._terminal is not None:
            termios.tcsetwinsize(self._terminal, (size.rows, size.cols))

    def close(self) -> None:
        """Let go of its descriptors; a second time does nothing."""
        self._life.close()
        if self._terminal is not None:
            os.close(self._terminal)
            self._terminal = None


def exit_code(report: bytes) -> int:
    """The code in the portal's report; whatever is not a code from 0 to 255 means that it was lost."""
    return int(report) if report.isdigit() and len(report) <= 3 and int(report) <= 255 else LOST


class Watched(Protocol):
    """A process of the host that is looked at, started by us or not."""

    def poll(self) -> int | None:
        """Not None once it has ended."""


class RelayedChild(PortalChild):
    """A command on a terminal of another kernel: its bytes come over a socket, so its size is set by asking."""

    def resize(self, size: TtySize) -> None:
        """Ask the portal; nothing once it has ended."""
        if self._terminal is not None and self._code is None:
            self._bottle.tell({"type": "resize", "process": self._process, "rows": size.rows, "cols": size.cols})


class PortalBottle(RunningBottle):
    """A bottle seen through its portal. `alive` is a descriptor that becomes readable when its process ends (a pidfd).

    `before_start` returns when commands may start in it: the probe, which comes before any, does not wait for that.

    With `relays_terminals` its kernel is another one: what is made inside, a terminal for instance, cannot be handed out.
    """

    def __init__(
        self,
        plan: BottlePlan,
        *,
        control: socket.socket,
        process: "Watched",
        alive: int,
        breach: Callable[[], str | None] = lambda: None,
        before_start: Callable[[], None] = lambda: None,
        relays_terminals: bool = False,
    ) -> None:
        self.plan = plan
        self._control = control
        self._process = process
        self._alive = alive
        self._breach = breach
        self._before_start = before_start
        self._relays_terminals = relays_terminals

    def start(self, command: GuestCommand, io: Streams | TtySize) -> Child:
        """Ask the portal, wait for its answer, check what came with it."""
        self._before_start()
        if isinstance(io, TtySize) and self._relays_terminals:
            return self._start_relayed(command, io)
        message = start_message(command)
        streams: tuple[int, ...] = ()
        if isinstance(io, TtySize):
            message |= {"rows": io.rows, "cols": io.cols}
        else:
            streams = (io.stdin, io.stdout, io.stderr)
        ours, theirs = socket.socketpair()
        try:
            with theirs:
                reply, received = self._ask(message, (theirs.fileno(), *streams))
            process, terminal = _started(reply, received, has_terminal=isinstance(io, TtySize))
        except BottleError:
            ours.close()
            raise
        ours.setblocking(False)
        return PortalChild(self, process=process, life=ours, terminal=terminal)

    def _start_relayed(self, command: GuestCommand, size: TtySize) -> Child:
        message = start_message(command) | {"rows": size.rows, "cols": size.cols}
        life, life_inside = socket.socketpair()
        terminal, terminal_inside = socket.socketpair()
        try:
            with life_inside, terminal_inside:
                reply, received = self._ask(message, (life_inside.fileno(), terminal_inside.fileno()))
            process, _ = _started(reply, received, has_terminal=False)
        except BottleError:
            life.close()
            terminal.close()
            raise
        life.setblocking(False)
        return RelayedChild(self, process=process, life=life, terminal=terminal.detach())

    def probe(self, questions: Sequence[dict[str, Any]], *, timeout_s: float) -> list[dict[str, Any]]:  # Any: JSON
        """Ask inside; what does not arrive in time, or is no JSON, is no answer."""
        ours, theirs = socket.socketpair()
        with ours:
            with theirs:
                self.tell({"type": "probe", "questions": list(questions)}, (theirs.fileno(),))
            report = _read_all(ours, timeout_s=timeout_s)
        try:
            answers = loads(report.decode())
        except ValueError:
            return []
        return [answer for answer in answers if isinstance(answer, dict)] if isinstance(answers, list) else []

    def fileno(self) -> int:
        """The descriptor that tells of its end."""
        return self._alive

    def is_alive(self) -> bool:
        """Whether its process on the host still runs."""
        return self._process.poll() is None

    def check_limits(self) -> str | None:
        """What the backend's watch says."""
        return self._breach()

    def tell(self, message: frames.Message, descriptors: tuple[int, ...] = ()) -> None:
        """Send one request. BottleError when the bottle is gone; a signal or a size for nobody is dropped."""
        try:
            frames.send(self._control, message, descriptors)
        except OSError as error:
            if message["type"] not in ("signal", "resize"):
                raise BottleError("The bottle is gone.", facts=(str(error),)) from error

    def _ask(self, message: frames.Message, descriptors: tuple[int, ...]) -> tuple[frames.Message, list[int]]:
        self.tell(message, descriptors)
        return receive(self._control)


def start_message(command: GuestCommand) -> frames.Message:
    """What every request to start a command says."""
    env = [list(pair) for pair in command.env]
    return {"type": "start", "argv": list(command.argv), "cwd": command.cwd, "env": env}


def receive(control: socket.socket) -> tuple[frames.Message, list[int]]:
    """One message of the portal. BottleError when it is gone, silent for too long, or speaks nonsense."""
    control.settimeout(REPLY_TIMEOUT_S)
    try:
        received = frames.receive(control)
    except (frames.BrokenFrame, OSError) as error:
        raise BottleError("The bottle's first process does not answer.", facts=(str(error),)) from error
    if received is None:
        raise BottleError("The bottle's first process is gone.")
    return received


def take_sockets(control: socket.socket, gates: tuple[str, ...], link: BundleLink) -> dict[str, int]:
    """The gates' listening sockets, from the portal's first message to the bundle. Returns each gate's port inside."""
    message, descriptors = receive(control)
    try:
        ports = {str(name): int(port) for name, port in message.get("gates", ())}
        if tuple(ports) != gates or len(descriptors) != len(gates):
            raise BottleError("The bottle's first process sent other sockets than it was asked for.", facts=(ascii(message),))
        link.pass_sockets(dict(zip(gates, descriptors, strict=True)))
    finally:
        for descriptor in descriptors:
            os.close(descriptor)
    return ports


def _started(reply: frames.Message, received: list[int], *, has_terminal: bool) -> tuple[int, int | None]:
    process = reply.get("process")
    fits = len(received) == (1 if has_terminal else 0) and all(is_terminal_master(one) for one in received)
    if reply.get("type") == "started" and isinstance(process, int) and process > 1 and fits:
        return process, received[0] if has_terminal else None
    for descriptor in received:
        os.close(descriptor)
    code = reply.get("errno")
    why = os.strerror(code) if isinstance(code, int) else "it answered something else than it was asked"
    raise BottleError("The bottle could not start the command.", facts=(why,))


TIOCGPTN = 0x80045430
"""Get a pseudo-terminal's number (ioctl_tty(2)); fails on whatever is not the controlling end of one."""


def is_terminal_master(descriptor: int) -> bool:
    """Whether this is the controlling end of a pseudo-terminal, and not, say, an endless file from a hostile bottle."""
    try:
        fcntl.ioctl(descriptor, TIOCGPTN, bytes(4))
    except OSError:
        return False
    return True


def _read_all(channel: socket.socket, *, timeout_s: float) -> bytes:
    """Everything until the other end closes, within time and size; an overlong or late report is cut, and so no JSON."""
    deadline = time.monotonic() + timeout_s
    report = bytearray()
    poller = select.poll()
    poller.register(channel, select.POLLIN)
    while len(report) <= ANSWERS_LIMIT and (left := deadline - time.monotonic()) > 0:
        if poller.poll(left * 1000):
            part = channel.recv(1 << 16)
            if not part:
                return bytes(report)
            report += part
    return b""
