"""A real engine, a real machine. scripts/engines/smolmachines.sh sets up both and names the root file system to use."""

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from plans import HeldSockets, shared_plan

from bot_bottle.backends.base import Unusable
from bot_bottle.backends.smolmachines.backend import Smolmachines
from bot_bottle.backends.smolmachines.machine import Machine
from bot_bottle.backends.smolmachines.plan import SmolmachinesBottlePlan


class NotedPeer(HeldSockets):
    """A bundle link that also keeps who alone may connect."""

    peer: int | None = None

    def pass_sockets(self, sockets: dict[str, int], *, peer: int | None = None) -> None:
        super().pass_sockets(sockets, peer=peer)
        self.peer = peer


Launch = Callable[[str], tuple[Machine, NotedPeer]]


@pytest.fixture(scope="session")
def backend() -> Smolmachines:
    """The backend, where it works and a root file system was made for it."""
    if not os.environ.get("BOT_BOTTLE_TEST_ROOT"):
        pytest.skip("BOT_BOTTLE_TEST_ROOT names no root file system: run scripts/engines/smolmachines.sh")
    made = Smolmachines()
    found = made.survey()
    if isinstance(found, Unusable):
        pytest.skip(f"{found.why} {found.next}")
    return made


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the stage dirs of a module are."""
    return tmp_path_factory.mktemp("state") / "bottles"


@pytest.fixture(scope="module")
def launch(backend: Smolmachines, state: Path) -> Iterator[Launch]:
    """Launches machines by slug; all are gone after the module."""
    with contextlib.ExitStack() as undo:

        def start(slug: str) -> tuple[Machine, NotedPeer]:
            link = NotedPeer()
            undo.callback(link.close)
            plan = backend.prepare(shared_plan(state / slug, slug=slug))
            assert isinstance(plan, SmolmachinesBottlePlan)
            running = undo.enter_context(backend.launch(plan, link))
            assert isinstance(running, Machine)
            return running, link

        yield start


@pytest.fixture(scope="module")
def bottle(launch: Launch) -> tuple[Machine, NotedPeer]:
    """One that the tests of a module share."""
    return launch("one")


@pytest.fixture(scope="module")
def machine(bottle: tuple[Machine, NotedPeer]) -> Machine:
    """The machine of it."""
    return bottle[0]


@pytest.fixture(scope="module")
def link(bottle: tuple[Machine, NotedPeer]) -> NotedPeer:
    """And where its sockets are."""
    return bottle[1]
