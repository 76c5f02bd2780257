"""Carries a GvisorPlan out: the gates' sockets, the bundle, placeholders, groups, runsc, the portal. Undo is in reverse."""

import contextlib
import json
import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

from bot_bottle.backends.base import BundleLink, RunningBottle
from bot_bottle.backends.groups import in_groups
from bot_bottle.backends.guest_programs import ready_program
from bot_bottle.backends.gvisor.client import GUEST_ID, config, run_argv, shown_log
from bot_bottle.backends.gvisor.plan import GvisorPlan
from bot_bottle.backends.placeholders import placed
from bot_bottle.backends.portal import PortalBottle, receive
from bot_bottle.backends.watch import Watch, descendants, parents
from bot_bottle.errors import BottleError, CannotRunHere
from bot_bottle.guest import frames
from bot_bottle.host.files import make_private_folder, write_file
from bot_bottle.host.run import LongCommand, Process, plain_env, spawn

LOG = "runsc.log"
GROUPS = "groups"
BACKLOG = 1024
END_TIMEOUT_S = 5.0
ENGINE, EACH = 6, 2
"""Of the host's processes, those that are gVisor itself, and those for each process inside (systrap; counted at 2, 22 and 62)."""


@contextlib.contextmanager
def launch(plan: GvisorPlan, link: BundleLink) -> Iterator[RunningBottle]:
    """A sealed bottle whose gates' sockets are with the bundle."""
    bring_programs(plan)
    with contextlib.ExitStack() as undo:
        undo.enter_context(placed(plan.placeholders, stage_dir=plan.stage_dir))
        join_groups = undo.enter_context(in_groups(plan.limits.cgroup, journal=plan.folder / GROUPS))
        undo.callback(forget, plan.folder)
        listeners = undo.enter_context(gate_sockets(plan))
        _write_bundle(plan)
        control, theirs = socket.socketpair()
        undo.callback(control.close)
        with theirs:
            process = _start(plan, theirs.fileno())
        undo.callback(_end, process, control)
        alive = os.pidfd_open(process.pid)
        undo.callback(os.close, alive)
        join_groups((process.pid,))  # before it has started anybody: what it starts is in the groups too
        _begin(plan, control, process)
        # not before: once the gates listen they load what they need later, and gVisor's start needs every core
        link.pass_sockets({gate: listener.fileno() for gate, listener in listeners.items()})
        for listener in listeners.values():
            listener.close()
        _bind_to_cores(plan, process.pid)
        watch = Watch(limits=plan.limits, first=process.pid, engine=ENGINE, each=EACH, has_own_files=False)
        yield PortalBottle(plan, control=control, process=process, alive=alive, breach=watch.breach, relays_terminals=True)


def bring_programs(plan: GvisorPlan) -> None:
    """Our two programs into the folder that the bottle sees, compiled first where they are missing."""
    for program, place in ((plan.portal, "portal"), (plan.forwarder, "forwarder")):
        shutil.copy(ready_program(program), plan.folder / "own" / place)
        (plan.folder / "own" / place).chmod(0o755)


@contextlib.contextmanager
def gate_sockets(plan: GvisorPlan) -> Iterator[dict[str, socket.socket]]:
    """Listening Unix sockets in the folder that the bottle sees; ours are closed and the names gone afterwards."""
    with contextlib.ExitStack() as undo:
        listeners = {}
        for gate in plan.gates_inside:
            path = plan.folder / "own" / "gates" / gate
            listeners[gate] = undo.enter_context(listen(path))
            undo.callback(path.unlink, missing_ok=True)
        yield listeners


def listen(path: Path) -> socket.socket:
    """A listening socket in a folder that only its owner can reach, also where the path is over 107 bytes (unix(7))."""
    path.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    listener = socket.socket(socket.AF_UNIX)
    try:
        listener.bind(f"/proc/self/fd/{folder}/{path.name}")
        path.chmod(0o666)  # the folder is private; inside, another user connects
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    finally:
        os.close(folder)
    return listener


def _write_bundle(plan: GvisorPlan) -> None:
    for name in ("state", "bundle", *(("overlay",) if plan.is_image else ())):
        make_private_folder(plan.folder / name)
    write_file(plan.folder / "bundle" / "config.json", json.dumps(config(plan)))


def _start(plan: GvisorPlan, control: int) -> Process:
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_APPEND
    log = os.open(plan.folder / LOG, flags, 0o600)
    try:
        argv = run_argv(plan, control=control, parent=os.getpid())
        return spawn(LongCommand(argv=argv, env=plain_env(), pass_fds=(control,), stdout=log, stderr=log))
    finally:
        os.close(log)


def _begin(plan: GvisorPlan, control: socket.socket, process: Process) -> None:
    """The portal takes its settings and says that it is ready: by then the forwarder listens."""
    try:
        frames.send(control, {"gates": [], "processes": None, "landlock": None, "user": GUEST_ID})
        message, descriptors = receive(control)
        for descriptor in descriptors:
            os.close(descriptor)
        if message.get("type") != "ready":
            raise BottleError("It answered something else than it was asked.")
    except (BottleError, OSError) as error:
        process.wait(1.0)
        facts = shown_log(plan.folder / LOG) or (str(error),)
        raise CannotRunHere("gVisor could not make the bottle.", facts=facts, next="`bot-bottle doctor` says more.") from error


def _bind_to_cores(plan: GvisorPlan, first: int) -> None:
    """Every thread there is; those to come inherit it."""
    if not plan.limits.cores:
        return
    for process in descendants(first, parents()):
        for thread in _threads(process):
            with contextlib.suppress(ProcessLookupError):
                os.sched_setaffinity(thread, plan.limits.cores)


def _threads(process: int) -> list[int]:
    try:
        return [int(name) for name in os.listdir(f"/proc/{process}/task")]
    except FileNotFoundError:
        return []


def _end(process: Process, control: socket.socket) -> None:
    """The portal ends when its channel closes, and with it everything inside; if it does not, the kernel is told to."""
    control.close()
    if process.wait(END_TIMEOUT_S) is None:
        process.end(grace_s=0.0)


def forget(folder: Path) -> None:
    """Remove what runsc notes about a bottle, and changed in its image: it would not start the bottle again."""
    for name in ("state", "bundle", "overlay"):
        shutil.rmtree(folder / name, ignore_errors=True)
