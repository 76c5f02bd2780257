"""Every backend that works on this machine, the fake included. The whole suite runs against each."""

import importlib
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Literal

import pytest
from plans import HeldSockets, shared_plan

from bot_bottle.backends.base import Backend, RunningBottle, Unusable
from bot_bottle.backends.fake.backend import Fake
from bot_bottle.backends.namespaces.backend import Namespaces
from bot_bottle.plans.bottle import BottlePlan


class NamespacesByPython(Namespaces):
    """The same where no portal was built: Python runs the first process."""

    def prepare(self, shared: BottlePlan) -> BottlePlan:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("bot_bottle.backends.namespaces.prepare.built_portal", lambda: None)
            return super().prepare(shared)


EVERY_BACKEND: tuple[type[Backend], ...] = (Fake, Namespaces, NamespacesByPython)


ENGINES = {
    "docker": "bot_bottle.backends.docker.backend:Docker",
    "gvisor": "bot_bottle.backends.gvisor.backend:Gvisor",
    "smolmachines": "bot_bottle.backends.smolmachines.backend:Smolmachines",
}
"""Backends whose engine a script of scripts/engines/ sets up; it then names the one to test in BOT_BOTTLE_TEST_ENGINE."""


def chosen() -> tuple[type[Backend], ...]:
    """Those of this machine, or only the one whose engine was set up."""
    engine = os.environ.get("BOT_BOTTLE_TEST_ENGINE")
    if engine is None:
        return EVERY_BACKEND
    module, name = ENGINES[engine].split(":")
    return (getattr(importlib.import_module(module), name),)


def one_bottle(fixture_name: str, config: pytest.Config) -> Literal["module", "function"]:
    """Where a start takes half a minute (an emulated processor), the tests that can share a bottle share one."""
    del fixture_name, config
    return "module" if os.environ.get("BOT_BOTTLE_TEST_ONE_BOTTLE") else "function"


@pytest.fixture(params=chosen(), ids=lambda kind: kind.__name__, scope=one_bottle)
def backend(request: pytest.FixtureRequest) -> Backend:
    """One backend; skipped with its own reason where it does not work."""
    made: Backend = request.param()
    found = made.survey()
    if isinstance(found, Unusable):
        pytest.skip(f"{made.name}: {found.why}")
    return made


@pytest.fixture(scope=one_bottle)
def plan(backend: Backend, tmp_path_factory: pytest.TempPathFactory) -> BottlePlan:
    """A plan of this backend."""
    return backend.prepare(shared_plan(tmp_path_factory.mktemp("state") / "bottles" / "one"))


@pytest.fixture(scope=one_bottle)
def link() -> Iterator[HeldSockets]:
    """Where the sockets go."""
    held = HeldSockets()
    yield held
    held.close()


@pytest.fixture(scope=one_bottle)
def bottle(backend: Backend, plan: BottlePlan, link: HeldSockets) -> Iterator[RunningBottle]:
    """A running bottle, gone after the test."""
    with backend.launch(plan, link) as running:
        yield running


@pytest.fixture
def fresh_plan(backend: Backend, tmp_path: Path) -> BottlePlan:
    """A plan of which no bottle runs yet, also where the tests share one."""
    return backend.prepare(shared_plan(tmp_path / "bottles" / "fresh", slug="fresh"))


@pytest.fixture
def fresh_link() -> Iterator[HeldSockets]:
    """Where its sockets go."""
    held = HeldSockets()
    yield held
    held.close()


@pytest.fixture
def launch(backend: Backend, tmp_path: Path) -> Iterator[Callable[[str], RunningBottle]]:
    """Launch more bottles, by slug."""
    with ExitStack() as undo:

        def start(slug: str) -> RunningBottle:
            held = HeldSockets()
            undo.callback(held.close)
            return undo.enter_context(backend.launch(backend.prepare(shared_plan(tmp_path / "bottles" / slug, slug=slug)), held))

        yield start


@pytest.fixture(autouse=True)
def needs_a_shell() -> None:
    """The commands of the suite are those of any Linux system."""
    if shutil.which("sh") is None:
        pytest.skip("there is no sh here")
