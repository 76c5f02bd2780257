"""The operator of the integration tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from engine import prefer_engine
from shop import Shop, lasting_of


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    """A fresh operator; whatever still runs of theirs at the end is a failure."""
    (tmp_path / "home").mkdir()
    (tmp_path / "project").mkdir()
    prefer_engine(tmp_path / "home")
    made = Shop(home=tmp_path / "home", project=tmp_path / "project")
    yield made
    for line in made.bot_bottle("ls", "--json").stdout.split(b'"slug": "')[1:]:
        made.bot_bottle("rm", "-f", line.split(b'"')[0].decode())
    assert lasting_of(made) == [], "something of a bottle is still running"
