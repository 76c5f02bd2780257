"""One scene per test."""

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest
from wire import Scene, scene


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Scene]:
    """A gate that is not started yet, and is closed whatever happens. A socket that it forgot fails the very test."""
    with scene(tmp_path) as one:
        yield one
    gc.collect()
