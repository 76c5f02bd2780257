"""Some rounds of `rounds.py`, always the same: whatever is done to a bottle, it fails closed, and what follows is in order."""

import os
import shutil
from collections.abc import Iterator

import pytest
from engine import ENGINE, engine_variables
from rounds import allowed, on, one_round
from world import World, made

from faults import draw

BACKEND = ENGINE or "namespaces"
SEED = 2102
"""One that draws nearly every kind of fault in the first few rounds."""
ROUNDS = int(os.environ.get("BOT_BOTTLE_FAULT_ROUNDS", {"namespaces": 10, "gvisor": 8, "docker": 6}.get(BACKEND, 0)))

pytestmark = pytest.mark.skipif(BACKEND == "namespaces" and shutil.which("bwrap") is None, reason="bubblewrap is not installed")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One for all rounds; on the daemon of Docker's suite, which is not killed."""
    folder = tmp_path_factory.mktemp("faults")
    if BACKEND == "docker":
        env = {"DOCKER_HOST": os.environ["DOCKER_HOST"]}
        with made(folder, backend=BACKEND, image=os.environ["BOT_BOTTLE_TEST_IMAGE"], env=env) as world:
            yield world
    else:
        with on(BACKEND, folder) as world:
            world.env |= engine_variables()
            yield world


@pytest.mark.parametrize("number", range(ROUNDS))
def test_whatever_is_done_to_a_bottle_it_fails_closed_and_nothing_is_left(world: World, number: int) -> None:
    fault = draw(number, seed=SEED, backend=BACKEND, may=allowed(world))
    try:
        one_round(world, fault)
    except AssertionError as error:
        error.add_note(f"{fault}; seed {SEED}")
        raise
