"""Carries a NamespacesPlan out: placeholders, control groups, bubblewrap, the portal, its sockets. Undone in reverse."""

import contextlib
import json
import os
import socket
from collections.abc import Iterator

from bot_bottle.backends.base import BundleLink, RunningBottle
from bot_bottle.backends.groups import in_groups
from bot_bottle.backends.namespaces.client import advice, bwrap_argv
from bot_bottle.backends.namespaces.plan import NamespacesPlan
from bot_bottle.backends.namespaces.survey import kernel_settings, why_not
from bot_bottle.backends.placeholders import placed
from bot_bottle.backends.portal import PortalBottle, take_sockets
from bot_bottle.backends.watch import Watch
from bot_bottle.errors import BottleError, CannotRunHere
from bot_bottle.guest import frames
from bot_bottle.host.aside import Side
from bot_bottle.host.run import LongCommand, Process, plain_env, spawn
from bot_bottle.plans.gate import GATE_PORTS

LOG = "bwrap.log"
GROUPS = "groups"
END_TIMEOUT_S = 3.0


@contextlib.contextmanager
def launch(plan: NamespacesPlan, link: BundleLink) -> Iterator[RunningBottle]:
    """A sealed bottle whose gates' sockets are with the bundle."""
    with contextlib.ExitStack() as undo:
        undo.enter_context(placed(plan.placeholders, stage_dir=plan.stage_dir))
        join_groups = undo.enter_context(in_groups(plan.limits.cgroup, journal=plan.stage_dir / "backend" / GROUPS))
        control, theirs = socket.socketpair()
        undo.callback(control.close)
        info, report = os.pipe()
        undo.callback(os.close, info)
        with theirs:
            try:
                process = _start(plan, control=theirs.fileno(), info=report)
            finally:
                os.close(report)
        undo.callback(_end, process, control)
        alive = os.pidfd_open(process.pid)
        undo.callback(os.close, alive)
        first = _first_process(plan, process, info)
        if plan.limits.cores:
            os.sched_setaffinity(first, plan.limits.cores)  # from outside: inside, the filter refuses this call
        joining = Side(lambda: join_groups((process.pid, first)))  # the kernel takes 20 ms for it, which the proof needs anyway
        undo.callback(joining.wait)
        _begin(plan, control, process, link)
        watch = Watch(limits=plan.limits, first=first)
        yield PortalBottle(plan, control=control, process=process, alive=alive, breach=watch.breach, before_start=joining.finish)


def _start(plan: NamespacesPlan, *, control: int, info: int) -> Process:
    with contextlib.ExitStack() as opened:
        seccomp = os.open(plan.seccomp_file, os.O_RDONLY | os.O_CLOEXEC)
        opened.callback(os.close, seccomp)
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
        log = os.open(plan.stage_dir / "backend" / LOG, flags, 0o600)
        opened.callback(os.close, log)
        argv = bwrap_argv(plan, control=control, info=info, seccomp=seccomp)
        return spawn(LongCommand(argv=argv, env=plain_env(), pass_fds=(control, info, seccomp), stderr=log))


def settings_of(plan: NamespacesPlan) -> frames.Message:
    """The portal's first message: what it binds, and how it seals itself. Pure."""
    landlock = plan.landlock
    return {
        "gates": [[name, GATE_PORTS[name]] for name in plan.gates_inside],
        "processes": plan.limits.processes,
        "landlock": None if landlock is None else {"level": landlock.level, "writable": list(landlock.writable)},
    }


def _begin(plan: NamespacesPlan, control: socket.socket, process: Process, link: BundleLink) -> None:
    settings = settings_of(plan)
    try:
        frames.send(control, settings)
        take_sockets(control, tuple(name for name, _ in settings["gates"]), link)
    except (BottleError, OSError) as error:
        raise _not_made(plan, process, str(error)) from error


def _first_process(plan: NamespacesPlan, process: Process, info: int) -> int:
    """The host's number of the bottle's first process, from bubblewrap's report, which ends before the portal starts."""
    told = b""
    while not told.rstrip().endswith(b"}"):
        part = os.read(info, 4096)
        if not part:
            raise _not_made(plan, process, "bubblewrap ended before it started anything")
        told += part
    return int(json.loads(told)["child-pid"])


def _not_made(plan: NamespacesPlan, process: Process, why: str) -> CannotRunHere:
    process.wait(1.0)
    words = (plan.stage_dir / "backend" / LOG).read_text(errors="replace").splitlines()[-8:]
    facts = tuple(ascii(word)[1:-1] for word in words) or (why,)
    settings_here = kernel_settings()
    return CannotRunHere(
        "The namespaces backend could not make the bottle.",
        facts=(*facts, *(f"{name} is {settings_here[name]}" for name in why_not())),
        next=advice(words),
    )


def _end(process: Process, control: socket.socket) -> None:
    """The portal ends when its channel closes, and with it everything inside; if it does not, the kernel is told to."""
    control.close()
    if process.wait(END_TIMEOUT_S) is None:
        process.end(grace_s=0.0)
