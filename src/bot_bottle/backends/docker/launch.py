"""Carries a DockerPlan out: placeholders, the container, the portal, its sockets. Undone in reverse.

The container's first process is reached through a socket in a folder that only the operator can enter; it is unlinked as soon
as the portal has come through it, before anything of the image runs.
"""

import contextlib
import os
import select
import socket
import struct
import time
from collections.abc import Iterator
from pathlib import Path

from bot_bottle.backends.base import BundleLink, RunningBottle
from bot_bottle.backends.docker import services
from bot_bottle.backends.docker.client import (
    DOOR_SOCKET,
    END_TIMEOUT_S,
    SERVICE_LABEL,
    docker,
    explain,
    is_going,
    is_gone,
    last_words,
    list_words,
    remove_words,
)
from bot_bottle.backends.docker.engine import Container
from bot_bottle.backends.docker.journal import Noted, note, noted, noted_by, strike
from bot_bottle.backends.docker.plan import DockerPlan
from bot_bottle.backends.placeholders import placed
from bot_bottle.backends.portal import PortalBottle, take_sockets
from bot_bottle.errors import BottleError
from bot_bottle.guest import frames
from bot_bottle.host.run import Finished, run
from bot_bottle.host.sockets import bind_at
from bot_bottle.plans.gate import GATE_PORTS

START_TIMEOUT_S = 120.0
"""From the question to the portal's first word: 0.4 s, and much more on a busy machine."""


class FirstProcess:
    """The container's first process, which the daemon started: seen through a pidfd, never signalled by number."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.alive = os.pidfd_open(pid)
        self._has_ended = False

    def poll(self) -> int | None:
        """0 once it has ended; nobody but the daemon learns its code."""
        if not self._has_ended:
            self._has_ended = bool(select.select([self.alive], [], [], 0)[0])
        return 0 if self._has_ended else None

    def close(self) -> None:
        """Let go of it: it counts as ended."""
        self._has_ended = True
        os.close(self.alive)


class DockerBottle(PortalBottle):
    """A bottle whose services join it once it is proved sealed."""

    def stand_by(self) -> None:
        """Start them; their undoing is the launch's."""
        assert isinstance(self.plan, DockerPlan)
        if self.plan.services:
            services.start_services(self.plan, self)

    def keep_changes(self) -> None:
        """As an image of the daemon's."""
        from bot_bottle.backends.docker import kept

        assert isinstance(self.plan, DockerPlan)
        kept.keep_changes(self.plan)


@contextlib.contextmanager
def launch(plan: DockerPlan, link: BundleLink) -> Iterator[RunningBottle]:
    """A sealed bottle whose gates' sockets are with the bundle."""
    with contextlib.ExitStack() as undo:
        undo.enter_context(placed(plan.placeholders, stage_dir=plan.stage_dir))
        give_files(plan)
        listener = undo.enter_context(listening(plan))
        note(plan)
        container = Container(plan)
        undo.callback(container.close)
        undo.callback(_remove, plan, container)
        container.make()
        control = _accept(plan, listener, container)
        undo.callback(control.close)
        first = FirstProcess(_first_process(control))
        undo.callback(first.close)
        _begin(plan, control, link, container)
        if plan.services:
            undo.callback(remove, noted_by(plan), SERVICE_LABEL)
        yield DockerBottle(plan, control=control, process=first, alive=first.alive)


def give_files(plan: DockerPlan) -> None:
    """Give the copies to the bottle's user, where that is not who we are. Links are given, not followed."""
    if not plan.owner.gives_files:
        return
    places = [plan.home_dir, *([plan.workspace_dir] if plan.spec.workspace.mode != "bind" else [])]
    for place in places:
        for folder, folders, files in os.walk(place):
            for path in (folder, *(os.path.join(folder, name) for name in (*folders, *files))):
                os.chown(path, plan.owner.uid, plan.owner.gid, follow_symlinks=False)
    os.chown(plan.prompt_file, plan.owner.uid, plan.owner.gid)


@contextlib.contextmanager
def listening(plan: DockerPlan) -> Iterator[socket.socket]:
    """The door: anybody who can enter the stage dir may knock, which is the operator, and this container."""
    plan.door.mkdir(exist_ok=True)
    plan.door.chmod(0o755)
    path = plan.door / DOOR_SOCKET
    with socket.socket(socket.AF_UNIX) as listener:
        bind_at(listener, str(path), mode=0o666)
        try:
            listener.listen(1)
            yield listener
        finally:
            path.unlink(missing_ok=True)


def _accept(plan: DockerPlan, listener: socket.socket, container: Container) -> socket.socket:
    """The portal's connection; the door is shut behind it."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while True:
        waiting = [listener.fileno(), *(one.fileno() for one in container.questions())]
        ready, _, _ = select.select(waiting, [], [], max(0.0, deadline - time.monotonic()))
        if listener.fileno() in ready:
            break
        container.check()
        if time.monotonic() > deadline:
            raise BottleError("The container did not start in time.", facts=last_words(container.words())[-4:])
    control, _ = listener.accept()
    listener.close()
    (plan.door / DOOR_SOCKET).unlink(missing_ok=True)
    return control


def _first_process(control: socket.socket) -> int:
    """The number of the process at the other end. It cannot end and leave its number to another: it waits for our word."""
    pid, _, _ = struct.unpack("3i", control.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")))
    if pid <= 0:
        raise BottleError(
            "The container's first process cannot be seen from here.",
            facts=("it runs in another process namespace than bot-bottle",),
            next="Run bot-bottle where the Docker daemon runs.",
        )
    return int(pid)


def settings_of(plan: DockerPlan) -> frames.Message:
    """The portal's first message: what it binds, and the filter under which it and everything after it runs."""
    return {
        "gates": [[name, GATE_PORTS[name]] for name in plan.gates_inside],
        "processes": None,
        "landlock": None,
        "filter": plan.seccomp_file.read_bytes().hex(),
    }


def _begin(plan: DockerPlan, control: socket.socket, link: BundleLink, container: Container) -> None:
    settings = settings_of(plan)
    try:
        frames.send(control, settings)
        take_sockets(control, tuple(name for name, _ in settings["gates"]), link)
    except (BottleError, OSError) as error:
        words = last_words(container.words())[-4:]
        raise BottleError("The container could not be sealed.", facts=(str(error), *words)) from error


def _remove(plan: DockerPlan, container: Container) -> None:
    """The portal ended when its channel closed, and the daemon removes the container then; where it does not say so, we do."""
    if not container.is_removed(timeout_s=END_TIMEOUT_S / 2):
        remove(noted_by(plan))
    strike(plan.stage_dir)


def remove(left: Noted, label: str = "") -> None:
    """No container of this bottle (with this label) is there any more; BottleError when that cannot be made sure of."""
    deadline = time.monotonic() + END_TIMEOUT_S
    while True:
        listed = docker(left.docker, *list_words(left.stage, label), run=run, host=os.environ)
        containers = listed.stdout.decode(errors="replace").split()
        if listed.code == 0 and not containers:
            return
        ended = [listed] if listed.code != 0 else [_remove_one(left, container) for container in containers]
        failed = [one for one in ended if not (is_gone(one) or is_going(one))]
        if failed or time.monotonic() > deadline:
            why = explain(failed[0].stderr.decode(errors="replace") if failed else "the daemon does not come to an end with it")
            raise BottleError(f"The container {left.container} may be left.", facts=(why.what, *why.facts), next=why.next)
        time.sleep(0.05)


def _remove_one(left: Noted, container: str) -> Finished:
    return docker(left.docker, *remove_words(container), run=run, host=os.environ, timeout_s=END_TIMEOUT_S)


def clean(stage_dir: Path) -> None:
    """After a killed keeper: the portal has ended by itself; whatever the daemon still has of the container is removed."""
    left = noted(stage_dir)
    if left is not None:
        remove(left)
        strike(stage_dir)
