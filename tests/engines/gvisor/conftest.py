"""Bottles of the gVisor backend, with the runsc that scripts/engines/gvisor.sh found or installed."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from engine import prefer_engine
from plans import HeldSockets, run_inside, shared_plan
from shop import Shop, lasting_of

from bot_bottle.backends.base import RunningBottle
from bot_bottle.backends.gvisor.backend import Gvisor
from bot_bottle.backends.gvisor.plan import GvisorPlan
from bot_bottle.manifest.spec import Limits

PYTHON = "/usr/bin/python3"


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> GvisorPlan:
    made = Gvisor().prepare(shared_plan(tmp_path_factory.mktemp("bottles") / "one", limits=Limits(memory=None, pids=None)))
    assert isinstance(made, GvisorPlan)
    return made


@pytest.fixture(scope="module")
def bottle(plan: GvisorPlan) -> Iterator[RunningBottle]:
    held = HeldSockets()
    with Gvisor().launch(plan, held) as running:
        yield running
    held.close()


@pytest.fixture
def launch(tmp_path: Path) -> Iterator[Callable[..., RunningBottle]]:
    """Launch bottles whose shared plan differs, by slug."""
    with ExitStack() as undo:

        def start(slug: str, **changes: Any) -> RunningBottle:  # Any: the arguments of shared_plan
            held = HeldSockets()
            undo.callback(held.close)
            shared = shared_plan(tmp_path / "bottles" / slug, slug=slug, **changes)
            return undo.enter_context(Gvisor().launch(Gvisor().prepare(shared), held))

        yield start


@pytest.fixture
def python(bottle: RunningBottle) -> Callable[[str], Any]:  # Any: JSON
    """What code prints inside, read as JSON."""

    def run(code: str) -> Any:  # Any: JSON
        ended = run_inside(bottle, PYTHON, "-c", code)
        assert ended.code == 0, ended.stderr.decode()
        return json.loads(ended.stdout)

    return run


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """A fresh operator whose bottles are gVisor's; whatever still runs of theirs at the end is a failure."""
    (tmp_path / "project").mkdir()
    made = Shop(home=prefer_engine(tmp_path / "home"), project=tmp_path / "project")
    yield made
    for line in made.bot_bottle("ls", "--json").stdout.split(b'"slug": "')[1:]:
        made.bot_bottle("rm", "-f", line.split(b'"')[0].decode())
    assert lasting_of(made) == [], "something of a bottle is still running"
