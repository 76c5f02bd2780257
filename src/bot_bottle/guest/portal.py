"""The first process inside a bottle: hands out the gates' listening sockets, then starts what the keeper asks for.

Runs as process 1 of the bottle's own process namespace. It holds no secret, and once the agent runs it is no authority
either: the host bounds and checks what comes from here. It refuses nothing and decides nothing; the sealing is done around it.
"""

import os
import select
import signal
import socket
import sys

from bot_bottle.guest import frames

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

CANNOT_EXECUTE = 126
NOT_FOUND = 127


def main() -> None:
    """`portal CONTROL_FD [NAME=PORT…]`: bind, hand out, serve until the control channel closes; then all inside ends."""
    control = socket.socket(fileno=int(sys.argv[1]))
    os.set_inheritable(control.fileno(), False)
    hand_out(control, [word.split("=") for word in sys.argv[2:]])
    serve(control)
    os._exit(0)


def hand_out(control: socket.socket, gates: "list[list[str]]") -> None:
    """Bind 127.0.0.1 at each gate's port, send the listening sockets out, and keep none."""
    listeners = []
    for _, port in gates:
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", int(port)))
        listener.listen(1024)
        listeners.append(listener)
    message = {"type": "sockets", "gates": [name for name, _ in gates]}
    frames.send(control, message, tuple(listener.fileno() for listener in listeners))
    for listener in listeners:
        listener.close()


def serve(control: socket.socket) -> None:
    """Start, signal and reap until the keeper is gone."""
    woken, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    children: dict[int, int] = {}
    poller = select.poll()
    poller.register(control, select.POLLIN)
    poller.register(woken, select.POLLIN)
    while True:
        for descriptor, _ in poller.poll():
            if descriptor == woken:
                os.read(woken, 512)
                reap(control, children)
                continue
            received = frames.receive(control)
            if received is None:
                return
            obey(control, children, *received)


def obey(control: socket.socket, children: "dict[int, int]", message: "dict[str, Any]", descriptors: "list[int]") -> None:
    """One request of the keeper."""
    kind = message["type"]
    if kind == "start":
        start(control, children, message, descriptors)
    elif kind == "probe":
        probe(control, message)
    elif kind == "signal":
        for process, number in children.items():
            if number == message["id"]:
                try:
                    os.killpg(process, message["number"])
                except ProcessLookupError:
                    pass


def start(control: socket.socket, children: "dict[int, int]", message: "dict[str, Any]", descriptors: "list[int]") -> None:
    """Fork and execute; with `rows` on a terminal of the bottle's own, whose other end goes to the keeper."""
    master = None
    if "rows" in message:
        master, slave = os.openpty()
        descriptors = [slave]
        set_size(master, message["rows"], message["cols"])
    process = os.fork()
    if process == 0:
        become(message, descriptors, on_terminal=master is not None)
    children[process] = message["id"]
    for descriptor in descriptors:
        os.close(descriptor)
    reply = {"type": "started", "id": message["id"]}
    frames.send(control, reply, () if master is None else (master,))
    if master is not None:
        os.close(master)


def set_size(descriptor: int, rows: int, cols: int) -> None:
    """Rows and columns of a terminal (TIOCSWINSZ, tty_ioctl(4))."""
    import fcntl
    import termios

    fcntl.ioctl(descriptor, termios.TIOCSWINSZ, b"".join(n.to_bytes(2, sys.byteorder) for n in (rows, cols, 0, 0)))


def become(message: "dict[str, Any]", descriptors: "list[int]", *, on_terminal: bool) -> None:
    """In the child: session, streams, folder, program. Never returns."""
    code = CANNOT_EXECUTE
    try:
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGPIPE, signal.SIGXFSZ):
            signal.signal(number, signal.SIG_DFL)
        if on_terminal:
            os.login_tty(descriptors[0])
        else:
            os.setsid()
            for target, source in enumerate(high(descriptors)):
                os.dup2(source, target)
        os.closerange(3, 1 << 16)
        os.chdir(message["cwd"])
        env = {name: value for name, value in message["env"]}
        os.execvpe(message["argv"][0], message["argv"], env)
    except FileNotFoundError:
        complain(f"{message['argv'][0]}: not found in this bottle")
        code = NOT_FOUND
    except OSError as error:
        complain(f"{message['argv'][0]}: {error.strerror}")
    finally:
        os._exit(code)


def high(descriptors: "list[int]") -> "list[int]":
    """The same files at descriptors above the three that are about to be replaced."""
    import fcntl

    return [fcntl.fcntl(descriptor, fcntl.F_DUPFD, 3) for descriptor in descriptors]


def complain(text: str) -> None:
    """What a shell would say."""
    os.write(2, f"bot-bottle: {text}\n".encode(errors="backslashreplace"))


def probe(control: socket.socket, message: "dict[str, Any]") -> None:
    """Run the containment probe in a child that cannot harm process 1, and send its answers."""
    from bot_bottle.guest import probe as asked

    answers, report = os.pipe()
    process = os.fork()
    if process == 0:
        os.close(answers)
        with open(report, "w") as file:
            file.write(asked.answer(message["questions"]))
        os._exit(0)
    os.close(report)
    with open(answers) as file:
        text = file.read()
    os.waitpid(process, 0)
    frames.send(control, {"type": "answers", "answers": text})


def reap(control: socket.socket, children: "dict[int, int]") -> None:
    """Collect every ended process; report those that the keeper started."""
    while True:
        try:
            process, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if process == 0:
            return
        number = children.pop(process, None)
        if number is not None:
            code = os.waitstatus_to_exitcode(status)
            frames.send(control, {"type": "exited", "id": number, "code": code if code >= 0 else 128 - code})
