"""A backend for tests of what lies above: keeps the contract with plain child processes. NOTHING IS SEALED; its name says so.

It is never offered to users: the registry knows it only when the tests ask. Its probe answers as a sealed bottle would,
except for the holes that it was made with.
"""

import contextlib
import os
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from bot_bottle.backends.base import Backend, BundleLink, Child, GuestCommand, RunningBottle, Streams, TtySize, Usable
from bot_bottle.backends.portal import PortalBottle, take_sockets
from bot_bottle.guest import frames
from bot_bottle.host.run import LongCommand, Process, plain_env, spawn
from bot_bottle.plans.bottle import BottlePlan
from bot_bottle.plans.gate import Line
from bot_bottle.record import dataclass, field_values, replace

START = "import sys; sys.path.insert(0, sys.argv[1]); from bot_bottle.guest.portal import main; main()"
END_TIMEOUT_S = 5.0


@dataclass(frozen=True, kw_only=True)
class FakePlan(BottlePlan):
    """A bottle that is none."""

    holes: tuple[str, ...] = ()

    def describe_sealing(self) -> tuple[Line, ...]:
        """The truth."""
        return (Line(label="NOT SEALED", text="plain processes of this machine, with the whole network: for tests only"),)


class FakeBottle(PortalBottle):
    """Guest paths of the workspace and the home are the host's; the probe's answers are made up."""

    def start(self, command: GuestCommand, io: Streams | TtySize) -> Child:
        """As planned, in the stage dir's folder that stands for the guest's."""
        return super().start(replace(command, cwd=on_host(self.plan, command.cwd)), io)

    def probe(self, questions: Sequence[dict[str, Any]], *, timeout_s: float) -> list[dict[str, Any]]:  # Any: JSON
        """Closed wherever it should be, apart from the plan's holes."""
        assert isinstance(self.plan, FakePlan)
        return [made_up(question, is_hole=question["id"] in self.plan.holes) for question in questions]


def made_up(question: dict[str, Any], *, is_hole: bool) -> dict[str, Any]:
    """What a sealed bottle answers, or one with this hole. Pure."""
    is_good = question["try"] == "answers"
    closed = question.get("closed") or [""]
    outcome = "reached" if is_good != is_hole else "unreachable"
    return {"id": question["id"], "outcome": outcome, "errno": "" if outcome == "reached" else closed[0], "detail": "made up"}


def on_host(plan: BottlePlan, guest_path: str) -> str:
    """The host's folder for a guest path; paths of neither workspace nor home stay as they are. Pure."""
    for guest, host in ((plan.guest_workspace, plan.workspace_dir), (plan.guest_home, plan.home_dir)):
        if Path(guest_path).is_relative_to(guest):
            return str(host / Path(guest_path).relative_to(guest))
    return guest_path


class Fake(Backend):
    """See the module."""

    name = "fake"

    def __init__(self, *, holes: tuple[str, ...] = ()) -> None:
        self._holes = holes

    def survey(self) -> Usable:
        """It works everywhere."""
        return Usable(facts=("nothing is sealed",))

    def prepare(self, shared: BottlePlan) -> BottlePlan:
        """Nothing to decide."""
        return FakePlan(**field_values(shared), holes=self._holes)

    def launch(self, plan: BottlePlan, link: BundleLink) -> AbstractContextManager[RunningBottle]:
        """The portal as a plain child; its gates listen on free ports of the host's loopback."""
        return launch(plan, link)


@contextlib.contextmanager
def launch(plan: BottlePlan, link: BundleLink) -> Iterator[RunningBottle]:
    """Start the portal, hand out its sockets; undone in reverse."""
    with contextlib.ExitStack() as undo:
        control, theirs = socket.socketpair()
        undo.callback(control.close)
        source = str(Path(__file__).parents[3])
        argv = (sys.executable, "-I", "-S", "-c", START, source, str(theirs.fileno()))
        with theirs:
            process = spawn(LongCommand(argv=argv, env=plain_env(), pass_fds=(theirs.fileno(),), new_session=True))
        undo.callback(_end, process, control)
        alive = os.pidfd_open(process.pid)
        undo.callback(os.close, alive)
        settings = {"gates": [[name, 0] for name in plan.gates_inside], "processes": None, "landlock": None}
        frames.send(control, settings)
        take_sockets(control, plan.gates_inside, link)
        yield FakeBottle(plan, control=control, process=process, alive=alive)


def _end(process: Process, control: socket.socket) -> None:
    control.close()
    if process.wait(END_TIMEOUT_S) is None:
        process.end(grace_s=0.0)
