"""Real clients in real bottles, played by the stand-in model. Skipped, with the reason, where npm or bubblewrap is missing."""

import json
import os
import pwd
import secrets
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
import standin
from engine import ENGINE, prefer_engine
from scene import ROOT, SYSTEM_PYTHON, Operator, Stage, drop_to, git_repository, open_folder, runs

from bot_bottle.agents.registry import provider
from bot_bottle.backends.gvisor.survey import find_runsc
from bot_bottle.host.paths import cache_dir


@pytest.fixture(scope="session")
def needs_a_bottle() -> None:
    """bubblewrap, git and npm are there, and a user namespace can be made."""
    for program in ("npm", "git", *(() if ENGINE else ("bwrap",))):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    if ENGINE:
        return
    tried = subprocess.run(("bwrap", "--unshare-all", "--ro-bind", "/", "/", "true"), capture_output=True, check=False)
    if tried.returncode:
        pytest.skip(f"bubblewrap cannot make namespaces here: {tried.stderr.decode(errors='replace').strip()}")


@pytest.fixture(scope="session")
def agent_cache(needs_a_bottle: None) -> Path:
    """The cache with both agents; that of whoever runs the tests, so that a second run downloads nothing."""
    for name in ("claude", "codex"):
        provider(name).install(cache_dir())
    return cache_dir()


@pytest.fixture(scope="session")
def ordinary_uid() -> int:
    """An ordinary user of this system, or a number that nobody has."""
    return next((entry.pw_uid for entry in pwd.getpwall() if 1000 <= entry.pw_uid < 60_000), 12_345)


@pytest.fixture(scope="session")
def readable_python(tmp_path_factory: pytest.TempPathFactory, ordinary_uid: int) -> str:
    """A Python that an ordinary user can run with our requirements: this one, or a new environment from the system's."""
    drop = drop_to(ordinary_uid)
    needed = "import ahocorasick_rs, brotli, click, cryptography, pydantic, re2, yaml, zstandard"
    if runs((*drop, sys.executable, "-c", needed)):
        return sys.executable
    if not runs((SYSTEM_PYTHON, "-c", "import sys, ensurepip; assert sys.version_info >= (3, 11)")):
        pytest.skip("an ordinary user cannot run this Python, and the system's is too old or has no ensurepip")
    folder = open_folder(tmp_path_factory.mktemp("python"))
    subprocess.run((SYSTEM_PYTHON, "-m", "venv", folder), check=True, capture_output=True)
    pip = (f"{folder}/bin/pip", "install", "--quiet", "--disable-pip-version-check", "--require-hashes")
    subprocess.run((*pip, "--requirement", ROOT / "pins" / "run.txt"), check=True)
    return f"{folder}/bin/python"


@pytest.fixture(scope="session")
def ordinary(ordinary_uid: int, readable_python: str, agent_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Operator:
    """The ordinary user, with a copy of the agents in a cache of their own; the home is set by each test."""
    cache = open_folder(tmp_path_factory.mktemp("cache"))
    shutil.copytree(agent_cache / "agents", cache / "bot-bottle" / "agents")
    shutil.copytree(ROOT / "src", cache / "src")  # the checkout may be where only root can read
    environment = {"XDG_CACHE_HOME": str(cache), "PYTHONPATH": str(cache / "src")}
    if ENGINE == "gvisor":  # installed for whoever runs the tests, maybe where nobody else can look
        environment["BOT_BOTTLE_RUNSC"] = str(shutil.copy(str(find_runsc()), str(cache / "runsc")))
    made = Operator(
        name="other", uid=ordinary_uid, home=cache, prefix=drop_to(ordinary_uid), python=readable_python, environment=environment
    )
    made.own(cache)
    return made


@pytest.fixture(params=["as whoever runs the tests", "as an ordinary user"])
def operator(request: pytest.FixtureRequest, tmp_path: Path, agent_cache: Path) -> Iterator[Operator]:
    """Root and an ordinary user; only the latter when the tests do not run as root. Their bottles end with the test."""
    home = tmp_path / "home"
    home.mkdir()
    prefer_engine(home)
    if request.param == "as whoever runs the tests":
        here = {"XDG_CACHE_HOME": str(agent_cache.parent)}
        made = Operator(name="self", uid=os.getuid(), home=home, prefix=(), python=sys.executable, environment=here)
    elif os.getuid() != 0:
        pytest.skip("the tests run as an ordinary user already")
    else:
        made = replace(request.getfixturevalue("ordinary"), home=home)
        open_folder(tmp_path)
        made.own(home)
    yield made
    for bottle in json.loads(made.bot_bottle("ls", "--json").stdout):
        made.bot_bottle("stop", bottle["slug"])


@pytest.fixture
def stage(operator: Operator, tmp_path: Path) -> Iterator[Callable[[list[standin.Step]], Stage]]:
    """Makes a scene with the script that the stand-in plays."""
    with ExitStack() as stack:

        def make(script: list[standin.Step]) -> Stage:
            repository = git_repository(tmp_path / "receipt")
            operator.own(repository)
            model = stack.enter_context(standin.standing_in(script, tmp_path))
            key = f"e2e-key-{secrets.token_hex(16)}"
            return Stage(operator=operator, repository=repository, model=model, key=key, folder=tmp_path)

        yield make
