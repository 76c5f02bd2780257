"""Bottles of the docker backend, on the daemon that scripts/engines/docker.sh started."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from docker_shop import DockerShop
from plans import HeldSockets, shared_plan
from shop import lasting_of

from bot_bottle.backends.base import RunningBottle
from bot_bottle.backends.docker.backend import Docker
from bot_bottle.backends.docker.plan import DockerPlan


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> DockerPlan:
    made = Docker().prepare(shared_plan(tmp_path_factory.mktemp("bottles") / "one"))
    assert isinstance(made, DockerPlan)
    return made


@pytest.fixture(scope="module")
def bottle(plan: DockerPlan) -> Iterator[RunningBottle]:
    held = HeldSockets()
    with Docker().launch(plan, held) as running:
        yield running
    held.close()


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[DockerShop]:
    """A fresh operator; whatever still runs of theirs at the end is a failure."""
    (tmp_path / "home").mkdir()
    (tmp_path / "project").mkdir()
    made = DockerShop(home=tmp_path / "home", project=tmp_path / "project")
    yield made
    for line in made.bot_bottle("ls", "--json").stdout.split(b'"slug": "')[1:]:
        made.bot_bottle("rm", "-f", line.split(b'"')[0].decode())
    assert lasting_of(made) == [], "something of a bottle is still running"
    assert made.containers() == [], "a container is left"
