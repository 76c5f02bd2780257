"""Whoever runs the tests, with the agents in their own cache. Skipped, with the reason, without bubblewrap or npm."""

import json
import os
import secrets
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import standin
from scene import Operator, Stage, git_repository

from bot_bottle.agents.registry import provider
from bot_bottle.errors import CannotRunHere
from bot_bottle.host.paths import cache_dir


@pytest.fixture(scope="session")
def needs_a_bottle() -> None:
    """bubblewrap, git and npm are there, and a user namespace can be made."""
    for program in ("bwrap", "npm", "git"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    tried = subprocess.run(("bwrap", "--unshare-all", "--ro-bind", "/", "/", "true"), capture_output=True, check=False)
    if tried.returncode:
        pytest.skip(f"bubblewrap cannot make namespaces here: {tried.stderr.decode(errors='replace').strip()}")


@pytest.fixture
def operator(tmp_path: Path, needs_a_bottle: None) -> Iterator[Operator]:
    """Whoever runs the tests, in a home of their own; their bottles end with the test."""
    home = tmp_path / "home"
    home.mkdir()
    here = {"XDG_CACHE_HOME": str(cache_dir().parent)}
    made = Operator(name="self", uid=os.getuid(), home=home, prefix=(), python=sys.executable, environment=here)
    yield made
    for bottle in json.loads(made.bot_bottle("ls", "--json").stdout):
        made.bot_bottle("stop", bottle["slug"])


@pytest.fixture
def stage(operator: Operator, tmp_path: Path) -> Iterator[Callable[[str, list[standin.Step]], Stage]]:
    """Makes a scene for an agent, which is installed if it has a build for this machine, with the script that is played."""
    with ExitStack() as stack:

        def make(agent: str, script: list[standin.Step]) -> Stage:
            try:
                provider(agent).install(cache_dir())
            except CannotRunHere as error:
                pytest.skip(str(error))
            repository = operator.own(git_repository(tmp_path / "receipt"))
            model = stack.enter_context(standin.standing_in(script, tmp_path))
            key = f"e2e-key-{secrets.token_hex(16)}"
            return Stage(operator=operator, repository=repository, model=model, key=key, folder=tmp_path)

        yield make
