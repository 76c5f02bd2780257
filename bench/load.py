"""Fifty bottles at once on this machine: what each adds in time, memory and descriptors, and that all of them end clean.

    python bench/load.py [--bottles 50] [--backend namespaces] [--json FILE]

One bottle alone is the yardstick: times are ratios to its start, so that a busy machine says little. Memory is the proportional share
(PSS) of a bottle's keeper, bundle and first process. The commands start together, as many as the machine takes.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests" / "support"), str(ROOT / "tests" / "faults")]

from measure import Use, together, use_of  # noqa: E402
from parts import left  # noqa: E402
from shop import Shop  # noqa: E402

BARS = {"start of all, of as many alone": 1.5, "PSS of one, MiB": 40.0, "descriptors of one": 64.0}
"""Starting all must not take longer than one after the other would; the rest is what one more bottle may add."""


def main() -> int:
    """Measure, print, judge."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--bottles", type=int, default=50)
    options.add_argument("--backend", default="namespaces")
    options.add_argument("--json", type=Path)
    asked = options.parse_args()
    with tempfile.TemporaryDirectory(prefix="bot-bottle-load-", dir="/var/tmp") as folder:
        results = measure(Path(folder), bottles=asked.bottles, backend=asked.backend)
    if asked.json:
        asked.json.write_text(json.dumps(results, indent=1) + "\n")
    for name, value in results.items():
        bar = BARS.get(name)
        print(f"{name:34} {value:10.2f}" + (f"   bar {bar:g}: {'ok' if value <= bar else 'MISSED'}" if bar is not None else ""))
    return 1 if any(results[name] > bar for name, bar in BARS.items()) or results["left at the end"] else 0


def measure(folder: Path, *, bottles: int, backend: str) -> dict[str, float]:
    """Start one, then all; look; end all; look again."""
    shop = Shop(home=folder / "home", project=folder / "project")
    shop.home.mkdir()
    shop.project.mkdir()
    (shop.project / "file.txt").write_text("x\n" * 1000)
    names = [f"load{os.getpid()}-{number}" for number in range(bottles)]
    try:
        alone = min(timed_start(shop, f"load{os.getpid()}-alone-{turn}", backend) for turn in range(3))
        one = mean_use(shop, [f"load{os.getpid()}-alone-{turn}" for turn in range(3)])
        began = time.perf_counter()
        with ThreadPoolExecutor(bottles) as pool:
            list(pool.map(lambda name: timed_start(shop, name, backend), names))
        all_s = time.perf_counter() - began
        answers = [shop.bot_bottle("exec", name, "--", "echo", name).stdout.decode().strip() for name in names]
        each = mean_use(shop, names)
    finally:
        running = [row["slug"] for row in json.loads(shop.bot_bottle("ls", "--json").stdout)]
        began = time.perf_counter()
        with ThreadPoolExecutor(8) as pool:
            list(
                pool.map(
                    lambda name: subprocess.run(shop.argv("stop", name), env=shop.env(), capture_output=True, check=False),
                    running,
                )
            )
        ended_s = time.perf_counter() - began
    assert answers == names, answers
    return {
        "bottles": float(bottles),
        "start of one alone, s": alone,
        "start of all, s": all_s,
        "start of all, of as many alone": all_s / (alone * bottles),
        "end of all, s": ended_s,
        "PSS of one alone, MiB": one.pss / 2**20,
        "PSS of one, MiB": each.pss / 2**20,
        "descriptors of one alone": one.descriptors,
        "descriptors of one": each.descriptors,
        "left at the end": float(len(still_there(shop))),
    }


def timed_start(shop: Shop, name: str, backend: str) -> float:
    """Seconds of one detached start."""
    began = time.perf_counter()
    words = shop.argv("run", "-q", "-d", "--backend", backend, "--name", name, "shell", "--", "sleep", "100000")
    done = subprocess.run(words, env=shop.env(), cwd=shop.project, capture_output=True, stdin=subprocess.DEVNULL, check=False)
    assert done.returncode == 0, done.stderr.decode()
    return time.perf_counter() - began


def mean_use(shop: Shop, names: list[str]) -> Use:
    """What one of these bottles has, on the average."""
    every = together([use_of(shop, name) for name in names])
    return Use(pss=every.pss / len(names), private=every.private / len(names), descriptors=every.descriptors / len(names))


def still_there(shop: Shop) -> list[str]:
    """Whatever of these bottles runs, and their control groups."""
    groups = [str(path) for path in Path("/sys/fs/cgroup").glob(f"**/bot-bottle-load{os.getpid()}-*")]
    found = left(shop, "-") + groups
    if found:
        print("left:", *found, sep="\n  ")
    return found


if __name__ == "__main__":
    sys.exit(main())
