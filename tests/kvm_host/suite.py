"""Runs the suites of the smolmachines backend in the KVM host: `suite.py [PYTEST ARGUMENT]...`. Prints as they run.

The job holds this checkout's tree and the programs for inside bottles, compiled here. The guest's clock of patience is longer and
its machines have one processor, because its own are emulated.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from boot import boot
from disk import CACHE, HERE, ROOT

from bot_bottle.backends.guest_programs import forwarder_path, machine_path, portal_path, ready_program

PARTS = ("src", "tests", "examples", "bench", "pyproject.toml")
LEFT_OUT = shutil.ignore_patterns("__pycache__", "unit", "integration", "kvm_host")
USUAL = ("tests/engines/smolmachines", "tests/contract")
RESULTS = CACHE / "results"
PYTHON_INSIDE = (3, 11)
"""Every command line of the tests reads the whole tree: it is compiled here, where the processor is none that is emulated."""

JOB = """#!/bin/sh
mkdir -p /job/tree && tar -C /job/tree -xf /job/tree.tar && cd /job/tree || exit 125
echo op:x:1000:1000:op:/home/op:/bin/sh >>/etc/passwd
export BOT_BOTTLE_TEST_ENGINE=smolmachines BOT_BOTTLE_TEST_ONE_BOTTLE=1 BOT_BOTTLE_TEST_CPUS=1
export BOT_BOTTLE_TEST_PATIENCE=8 BOT_BOTTLE_TEST_ROOT=/opt/bottle-image
[ -d src/bot_bottle/__pycache__ ] || /opt/venv/bin/python -m compileall -q -j 2 src
{commands}
"""


def job(folder: Path, commands: str) -> None:
    """Fill the job's folder: the tree, the programs, and what to run. In the guest an ordinary user reads it, too."""
    folder.chmod(0o755)
    tree = folder / "tree"
    tree.mkdir()
    for name in PARTS:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tree / name, ignore=LEFT_OUT)
        else:
            shutil.copy(source, tree / name)
    shutil.copy(HERE / "at_once.py", tree)
    inside = tree / "src/bot_bottle/guest"
    for path, place in ((forwarder_path(), "forwarder/bin"), (machine_path(), "bin"), (portal_path(), "bin")):
        (inside / place).mkdir(exist_ok=True)
        shutil.copy(ready_program(path), inside / place / path.name)
    if sys.version_info[:2] == PYTHON_INSIDE:
        compiling = ("-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash", tree / "src", tree / "examples")
        subprocess.run((sys.executable, *compiling), check=True)
    subprocess.run(("tar", "-C", tree, "-cf", folder / "tree.tar", "."), check=True)
    shutil.rmtree(tree)
    script = folder / "run"
    script.write_text(JOB.format(commands=commands))
    script.chmod(0o755)


def pytest_words(arguments: list[str]) -> str:
    """One run of pytest in the guest."""
    words = (
        "/opt/venv/bin/python",
        "-m",
        "pytest",
        "-v",
        "-p",
        "no:cacheprovider",
        "-p",
        "at_once",
        "--durations=10",
        "--basetemp=/tmp/pt",
    )
    return " ".join(
        (*words, "--junitxml=/results/junit.xml", "-o", "faulthandler_timeout=240", *(f"'{one}'" for one in arguments or USUAL))
    )


def main() -> int:
    """Boot, run, and give the suites' own exit code."""
    os.environ.setdefault("TMPDIR", str(CACHE))
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE) as folder:
        job(Path(folder), pytest_words(sys.argv[1:]))
        return boot(Path(folder), RESULTS)


if __name__ == "__main__":
    sys.exit(main())
