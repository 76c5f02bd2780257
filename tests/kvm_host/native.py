"""Runs the suites of the smolmachines backend on this machine's own /dev/kvm: `native.py [PYTEST ARGUMENT]...`.

Exits with NOT_HERE when the engine cannot start a machine here; then they run in the emulated host.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from disk import BOTTLE_PACKAGES, CACHE, ENGINE, agents, cached, digest, run, system, wheels
from suite import USUAL

NOT_HERE = 75
SURVEY = """
import sys
from bot_bottle.backends.base import Usable
from bot_bottle.backends.smolmachines.backend import Smolmachines
found = Smolmachines().survey()
if not isinstance(found, Usable):
    sys.exit(" ".join((found.why, *found.facts)))
"""


def engine() -> Path:
    """A folder for PYTHONPATH that holds the engine's wheel."""
    wheelhouse = wheels()

    def make(place: Path) -> None:
        (wheel,) = wheelhouse.glob("smolmachines-*.whl")
        run(sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--target", place, wheel)

    return cached(f"engine-{digest(ENGINE, wheelhouse.name)}", make)


def root_folder() -> Path:
    """The file system of the bottles."""
    packed = system(BOTTLE_PACKAGES)

    def make(place: Path) -> None:
        place.mkdir(mode=0o755)
        run("tar", "-C", place, "--exclude=./dev/*", "-xf", packed)

    return cached(packed.name.replace("system-", "root-").removesuffix(".tar"), make)


def main() -> int:
    """The suites' exit code, or NOT_HERE."""
    if shutil.which("mmdebstrap") is None or not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return NOT_HERE
    CACHE.mkdir(parents=True, exist_ok=True)
    path = os.pathsep.join((os.environ["PYTHONPATH"], str(engine())))
    env = dict(os.environ) | {"PYTHONPATH": path, "BOT_BOTTLE_TEST_ENGINE": "smolmachines"}
    tried = subprocess.run((sys.executable, "-c", SURVEY), env=env, capture_output=True, text=True, check=False)
    if tried.returncode != 0:
        print(f"kvm_host: no machine starts on this machine's own /dev/kvm: {tried.stderr.strip()}", flush=True)
        return NOT_HERE
    print("kvm_host: this machine's own /dev/kvm starts machines: nothing is emulated", flush=True)
    env |= {"BOT_BOTTLE_TEST_ROOT": str(root_folder()), "BOT_BOTTLE_TEST_AGENTS": str(agents())}
    return subprocess.run((sys.executable, "-m", "pytest", "-v", *(sys.argv[1:] or USUAL)), env=env, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
