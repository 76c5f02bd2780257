"""The first process inside a bottle: hands out the gates' listening sockets, then starts what the keeper asks for, and reaps.

Process 1 of the bottle's own process namespace. It runs as the agent's user, so it makes itself unreadable to the agent
(PR_SET_DUMPABLE: no ptrace, no /proc/1/mem), keeps no handler for a signal that the agent could send with effect, and holds
no secret. The host still bounds and checks whatever comes from here. It lives only as long as its control channel.

Imports are the C modules beneath the usual ones (`_signal`, `_socket`, `posix`): each public one takes 4 to 9 ms of a start.
"""

from __future__ import annotations

import _signal as signal  # type: ignore[import-not-found]  # not in typeshed; has what `signal` has, without its enums
import _socket
import posix
import select
import sys

from bot_bottle.guest import frames

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

CANNOT_EXECUTE, NOT_FOUND = 126, 127
BACKLOG = 1024
SIGNALS_TO_RESET = (signal.SIGCHLD, signal.SIGINT, signal.SIGPIPE, signal.SIGXFSZ)
EVERY_SIGNAL = signal.valid_signals()
DEFAULT_PATH = "/usr/local/bin:/usr/bin:/bin"

Children = dict[int, int]
"""Process id inside → the descriptor on which its exit code is reported, once, in decimal."""


def main() -> None:
    """`main` with the control channel's number as last argument; returns never."""
    control = _socket.socket(fileno=int(sys.argv[-1]))
    posix.set_inheritable(control.fileno(), False)
    children: Children = {}
    try:
        begin(control)
        serve(control, children)
    except BaseException as error:
        posix.write(2, f"portal: {error!r}\n".encode(errors="backslashreplace"))
    finally:
        if posix.getpid() != 1:
            end_all()
        posix._exit(0)


def begin(control: _socket.socket) -> None:
    """Take the settings, seal this process, bind the gates, hand the sockets out, keep none."""
    received = frames.receive(control)
    if received is None:
        posix._exit(0)
    settings, _ = received
    seal(settings)
    listeners = [listen(port) for _, port in settings["gates"]]
    bound = [[name, listener.getsockname()[1]] for (name, _), listener in zip(settings["gates"], listeners, strict=True)]
    frames.send(control, {"type": "ready", "gates": bound}, tuple(one.fileno() for one in listeners))
    for listener in listeners:
        listener.close()
    null = posix.open("/dev/null", posix.O_RDWR | posix.O_CLOEXEC)
    for standard in (0, 1, 2):
        posix.dup2(null, standard)
    posix.close(null)


def end_all() -> None:
    """What the kernel does when a process 1 ends: kill every descendant. Orphans come to us (PR_SET_CHILD_SUBREAPER)."""
    while True:
        with open("/proc/thread-self/children") as file:
            children = [int(number) for number in file.read().split()]
        for process in children:
            posix.kill(process, signal.SIGKILL)
        try:
            posix.waitpid(-1, 0)
        except ChildProcessError:
            return


def seal(settings: dict[str, Any]) -> None:
    """Unreadable, deaf to ^C, within its limits, with Landlock and a filter where the plan says so. OSError stops the start."""
    import resource

    from bot_bottle.guest import native

    native.prctl(native.PR_SET_DUMPABLE, 0)
    if posix.getpid() != 1:
        native.prctl(native.PR_SET_CHILD_SUBREAPER, 1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if settings["processes"] is not None:
        resource.setrlimit(resource.RLIMIT_NPROC, (settings["processes"], settings["processes"]))
    if settings["landlock"] is not None:
        from bot_bottle.guest import landlock

        landlock.restrict(settings["landlock"]["writable"], at=settings["landlock"]["level"])
    if settings.get("filter"):
        native.set_filter(bytes.fromhex(settings["filter"]))


def listen(port: int) -> _socket.socket:
    """A listening TCP socket on the loopback; port 0 takes a free one."""
    listener = _socket.socket(_socket.AF_INET, _socket.SOCK_STREAM | _socket.SOCK_CLOEXEC)
    listener.setsockopt(_socket.SOL_SOCKET, _socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(BACKLOG)
    return listener


def serve(control: _socket.socket, children: Children) -> None:
    """Start, signal and reap until the keeper is gone."""
    woken, wake = posix.pipe2(posix.O_NONBLOCK | posix.O_CLOEXEC)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    poller = select.poll()
    poller.register(control, select.POLLIN)
    poller.register(woken, select.POLLIN)
    while True:
        for descriptor, _ in poller.poll():
            if descriptor == woken:
                posix.read(woken, 512)
                reap(children)
                continue
            received = frames.receive(control)
            if received is None:
                return
            obey(control, children, *received)


def obey(control: _socket.socket, children: Children, message: dict[str, Any], descriptors: list[int]) -> None:
    """One request of the keeper."""
    kind = message["type"]
    if kind == "start":
        start(control, children, message, descriptors)
    elif kind == "probe":
        probe(message, descriptors[0])
    elif kind == "signal" and message["process"] in children:
        send_signal(message["process"], message["number"])


def send_signal(process: int, number: int) -> None:
    """To the process group; before the child has made its group, to the child."""
    try:
        posix.kill(-process, number)
    except ProcessLookupError:
        posix.kill(process, number)


def start(control: _socket.socket, children: Children, message: dict[str, Any], descriptors: list[int]) -> None:
    """Fork and execute. With `rows`, on a terminal of the bottle's own, whose controlling end goes to the keeper."""
    life, *streams = descriptors
    master: tuple[int, ...] = ()
    try:
        if "rows" in message:
            controlling, slave = posix.openpty()
            master, streams = (controlling,), [slave]
            set_size(controlling, message["rows"], message["cols"])
        process = fork(children, life)
    except OSError as error:
        posix.close(life)
        frames.send(control, {"type": "refused", "errno": error.errno or 0})
    else:
        if process == 0:
            become(message, streams)
        frames.send(control, {"type": "started", "process": process}, master)
    for descriptor in (*master, *streams):
        posix.close(descriptor)


def fork(children: Children, life: int) -> int:
    """A child that no signal reaches before it is ready for one (`become` lets them in), and that is reported on `life`."""
    signal.pthread_sigmask(signal.SIG_BLOCK, EVERY_SIGNAL)
    try:
        process = posix.fork()
    except OSError:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, EVERY_SIGNAL)
        raise
    if process:
        children[process] = life
        signal.pthread_sigmask(signal.SIG_UNBLOCK, EVERY_SIGNAL)
    return process


def set_size(descriptor: int, rows: int, cols: int) -> None:
    """Rows and columns of a terminal (TIOCSWINSZ, tty_ioctl(4))."""
    import fcntl
    import termios

    fcntl.ioctl(descriptor, termios.TIOCSWINSZ, b"".join(n.to_bytes(2, sys.byteorder) for n in (rows, cols, 0, 0)))


def become(message: dict[str, Any], streams: list[int]) -> NoReturn:
    """In the child: session, streams, signals, folder, program. Ends with a shell's code when it cannot (POSIX 2.8.2)."""
    code, name = CANNOT_EXECUTE, message["argv"][0]
    try:
        if len(streams) == 1:
            posix.login_tty(streams[0])
        else:
            posix.setsid()
            spares = [posix.dup(stream) for stream in streams]
            for target, spare in enumerate(spares):
                posix.dup2(spare, target)
        posix.closerange(3, 1 << 16)
        signal.set_wakeup_fd(-1)
        for number in SIGNALS_TO_RESET:
            signal.signal(number, signal.SIG_DFL)
        posix.chdir(message["cwd"])
        env = {variable: value for variable, value in message["env"]}
        signal.pthread_sigmask(signal.SIG_UNBLOCK, EVERY_SIGNAL)
        execute(message["argv"], env)
    except FileNotFoundError as error:
        if error.filename == message["cwd"]:
            complain(f"there is no folder {error.filename} in this bottle")
        else:
            complain(f"{name}: not found in this bottle")
            code = NOT_FOUND
    except OSError as error:
        complain(f"{name}: {posix.strerror(error.errno or 0)}")
    finally:
        posix._exit(code)


def execute(argv: list[str], env: dict[str, str]) -> None:
    """As a shell looks for programs: PATH unless there is a slash; what was found but not runnable counts more than nothing."""
    if "/" in argv[0]:
        posix.execve(argv[0], argv, env)
    refused: OSError | None = None
    for folder in env.get("PATH", DEFAULT_PATH).split(":"):
        try:
            posix.execve(f"{folder or '.'}/{argv[0]}", argv, env)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            refused = refused or error
    raise refused or FileNotFoundError(2, "not found", argv[0])


def complain(text: str) -> None:
    """What a shell would say, where it would."""
    posix.write(2, f"bot-bottle: {text}\n".encode(errors="backslashreplace"))


def probe(message: dict[str, Any], channel: int) -> None:
    """Ask the questions in a child, so that nothing it does stays with process 1; the answers go straight to the keeper."""
    if posix.fork() == 0:
        try:
            from bot_bottle.guest.probe import answer

            left = answer(message["questions"]).encode()
            while left:
                left = left[posix.write(channel, left) :]
        finally:
            posix._exit(0)
    posix.close(channel)


def reap(children: Children) -> None:
    """Collect every ended process; report those that the keeper started."""
    while True:
        try:
            process, status = posix.waitpid(-1, posix.WNOHANG)
        except ChildProcessError:
            return
        if process == 0:
            return
        life = children.pop(process, None)
        if life is not None:
            code = posix.waitstatus_to_exitcode(status)
            try:
                posix.write(life, str(code if code >= 0 else 128 - code).encode())
            except BrokenPipeError:
                pass
            posix.close(life)
