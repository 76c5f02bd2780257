"""A start without a manifest pays for no parser: what `load` imports then, in a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

HEAVY = (
    "yaml",
    "pydantic",
    "cryptography",
    "asyncio",
    "rich",
    "textual",
    "difflib",
    "bot_bottle.manifest.model",
    "bot_bottle.manifest.tree",
)

CODE = f"""
import sys
from pathlib import Path
from bot_bottle.manifest.read import Sources, load
load(Sources(cwd=Path(sys.argv[1])))
print([name for name in {HEAVY!r} if name in sys.modules])
"""


def imported(folder: Path) -> str:
    env = {"HOME": str(folder / "home"), "PYTHONPATH": ":".join(sys.path)}
    (folder / "project").mkdir(exist_ok=True)
    command = [sys.executable, "-c", CODE, str(folder / "project")]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=True).stdout.strip()


def test_a_start_without_files_imports_no_parser(tmp_path: Path) -> None:
    assert imported(tmp_path) == "[]"


def test_a_manifest_brings_the_parser_in(tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "bottle.yaml").write_text("limits: {pids: 99}\n")
    assert "'pydantic'" in imported(tmp_path)


NOT_FOR_A_COMMAND = (
    *HEAVY,
    "hashlib",
    "random",
    "secrets",
    "tempfile",
    "ctypes",
    "inspect",
    "dataclasses",
    "click",
    "bot_bottle.gates.git_gate.plan",
    "bot_bottle.gates.supervise.serve",
    "bot_bottle.backends.images",
    "bot_bottle.backends.docker",
    "bot_bottle.backends.gvisor",
)
"""What the start of a plain command must not load: each costs one to sixty milliseconds."""

MOST_MODULES = 225
"""A module costs a quarter of a millisecond, however small."""


def test_a_command_in_a_bottle_loads_nothing_that_it_does_not_use(tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    env = {"HOME": str(tmp_path), "PATH": os.environ["PATH"], "PYTHONPATH": ":".join(path for path in sys.path if path)}
    argv = [sys.executable, "-X", "importtime", "-m", "bot_bottle", "run", "-q", "shell", "--", "true"]
    done = subprocess.run(argv, env=env, cwd=tmp_path / "project", capture_output=True, text=True, timeout=60, check=True)
    names = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}
    assert [name for name in NOT_FOR_A_COMMAND if name in names] == []
    assert len(names) < MOST_MODULES


CHEAP = """
import sys
import bot_bottle
bot_bottle.__version__
print(sorted(name for name in sys.modules if name.startswith(("bot_bottle", "typing"))))
"""


def test_an_import_of_the_package_loads_nothing_of_it() -> None:
    env = {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    done = subprocess.run([sys.executable, "-S", "-c", CHEAP], env=env, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "['bot_bottle']"
