"""Carries a NamespacesPlan out: bubblewrap, the first process, the listening sockets; undone in reverse."""

import contextlib
import os
import socket
from collections.abc import Iterator

from bot_bottle.backends.base import BundleLink, RunningBottle
from bot_bottle.backends.namespaces.client import REPLY_TIMEOUT_S, GuestChannel, bwrap_argv
from bot_bottle.backends.namespaces.plan import NamespacesPlan
from bot_bottle.errors import BottleError, CannotRunHere
from bot_bottle.guest import frames
from bot_bottle.host.run import LongCommand, Process, plain_env, spawn


@contextlib.contextmanager
def launch(plan: NamespacesPlan, link: BundleLink) -> Iterator[RunningBottle]:
    """A sealed bottle whose gates' sockets are with the bundle."""
    with contextlib.ExitStack() as undo:
        control, theirs = socket.socketpair()
        undo.callback(control.close)
        process = _start_bwrap(plan, theirs, undo)
        undo.callback(process.end, grace_s=0.0)
        control.settimeout(REPLY_TIMEOUT_S)
        _pass_sockets(plan, control, process, link)
        yield GuestChannel(plan, process, control)


def _start_bwrap(plan: NamespacesPlan, theirs: socket.socket, undo: contextlib.ExitStack) -> Process:
    with theirs:
        seccomp = None
        passed = [theirs.fileno()]
        if plan.seccomp_file is not None:
            seccomp = os.open(plan.seccomp_file, os.O_RDONLY | os.O_CLOEXEC)
            undo.callback(os.close, seccomp)
            passed.append(seccomp)
        log = os.open(plan.stage_dir / "backend" / "bwrap.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        undo.callback(os.close, log)
        argv = bwrap_argv(plan, control=theirs.fileno(), seccomp=seccomp)
        return spawn(LongCommand(argv=argv, env=plain_env(), pass_fds=tuple(passed), stderr=log))


def _pass_sockets(plan: NamespacesPlan, control: socket.socket, process: Process, link: BundleLink) -> None:
    try:
        received = frames.receive(control)
    except (TimeoutError, OSError, frames.BrokenFrame) as error:
        raise BottleError("The bottle's first process does not answer.", facts=(str(error),)) from error
    if received is None:
        words = (plan.stage_dir / "backend" / "bwrap.log").read_text(errors="replace")
        process.wait(1.0)
        raise CannotRunHere(
            "The namespaces backend could not make the bottle.",
            facts=tuple(words.splitlines()[-8:]),
            next="`bot-bottle doctor` says what is missing.",
        )
    message, descriptors = received
    try:
        gates = [str(name) for name in message.get("gates", ())]
        link.pass_sockets(dict(zip(gates, descriptors, strict=True)))
    finally:
        for descriptor in descriptors:
            os.close(descriptor)
