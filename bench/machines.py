"""How long a sealed machine takes to be ready, beside the engine's bare `machine create` and `machine start` of the same image.

    BOT_BOTTLE_TEST_ROOT=/path/to/root-fs python bench/machines.py [--runs 5] [--cpus 1]

Both end with a machine in which commands can be run; ours has its gates' sockets, shared folders, forwarder, and a line to its
keeper, and has given its sockets away. Runs take turns, so that a drift of the machine hits both alike. Also said: the resident
memory of each machine's process right after. Exits with 1 when the ratio of the medians is over 1.15.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests" / "support")]

from outcome import Bar, Figure, tell  # noqa: E402
from plans import HeldSockets, shared_plan  # noqa: E402  # found by the line above

from bot_bottle.backends.smolmachines.backend import Smolmachines  # noqa: E402
from bot_bottle.backends.smolmachines.client import read_started, words  # noqa: E402
from bot_bottle.backends.smolmachines.machine import Machine  # noqa: E402
from bot_bottle.backends.smolmachines.plan import SmolmachinesBottlePlan  # noqa: E402
from bot_bottle.host.run import Command, Finished, run  # noqa: E402
from bot_bottle.manifest.spec import Limits  # noqa: E402
from bot_bottle.plans.image import RootFolder  # noqa: E402
from bot_bottle.record import replace  # noqa: E402

BAR = 1.15
TIMEOUT_S = 600.0


def main() -> int:
    """Measure, print, judge."""
    options = argparse.ArgumentParser()
    options.add_argument("--runs", type=int, default=5)
    options.add_argument("--cpus", type=int, default=1)
    asked = options.parse_args()
    times: dict[str, list[float]] = {"bot-bottle": [], "bare": []}
    memory: dict[str, list[int]] = {"bot-bottle": [], "bare": []}
    for number in range(asked.runs + 1):
        with tempfile.TemporaryDirectory(prefix="bb") as folder:
            plan = planned(Path(folder), cpus=asked.cpus)
            for name, measure in (("bot-bottle", ours), ("bare", bare)):
                seconds, kib = measure(plan)
                print(f"{name}: {seconds:.2f} s, {kib // 1024} MiB" + ("" if number else " (warm-up)"), flush=True)
                if number:
                    times[name].append(seconds)
                    memory[name].append(kib)
    return report(times, memory)


def planned(folder: Path, *, cpus: int) -> SmolmachinesBottlePlan:
    """A plan in a stage dir of its own, on the image that was named."""
    image = RootFolder(folder=Path(os.environ["BOT_BOTTLE_TEST_ROOT"]), digest="", origin="bench")
    shared = shared_plan(folder / "bottles" / "bench", slug="bench", limits=Limits(cpus=cpus, memory=1024**3))
    plan = Smolmachines().prepare(replace(shared, image=image))
    assert isinstance(plan, SmolmachinesBottlePlan)
    return plan


def ours(plan: SmolmachinesBottlePlan) -> tuple[float, int]:
    """A launch as the keeper does it."""
    started = time.monotonic()
    link = HeldSockets()
    with Smolmachines().launch(plan, link) as running:
        seconds = time.monotonic() - started
        assert isinstance(running, Machine)
        kib = resident(running.pid)
    link.close()
    return seconds, kib


def bare(plan: SmolmachinesBottlePlan) -> tuple[float, int]:
    """The engine alone: the same image, size and environment, nothing mounted."""
    name, size = "bare-bench", plan.size
    create = ("--name", name, "--image", plan.machine_image.reference, "--cpus", str(size.cpus), "--mem", str(size.memory_mib))
    started = time.monotonic()
    engine(plan, "create", *create, "--storage", str(size.disk_gib), "--", "/bin/sleep", "infinity")
    said = engine(plan, "start", "--name", name)
    seconds = time.monotonic() - started
    pid = read_started(said.stdout.decode(), name)
    kib = resident(pid) if pid else 0
    engine(plan, "delete", "--name", name, "-f")
    return seconds, kib


def engine(plan: SmolmachinesBottlePlan, action: str, *options: str) -> Finished:
    """One engine command that must work."""
    argv = words(plan.engine, "machine", action, *options)
    done = run(Command(argv=argv, env=dict(plan.engine.env), timeout_s=TIMEOUT_S))
    if done.code != 0:
        raise SystemExit(f"{action} failed: {done.stderr.decode()[-500:]}")
    return done


def resident(pid: int) -> int:
    """KiB of a process in memory (proc_pid_status(5), VmRSS)."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))


def report(times: dict[str, list[float]], memory: dict[str, list[int]]) -> int:
    """The medians, their ratio, and whether it is within the bar."""
    medians = {name: statistics.median(seconds) for name, seconds in times.items()}
    for name, median in medians.items():
        print(f"{name:10} median {median:.2f} s, {statistics.median(memory[name]) / 1024:.0f} MiB")
    ratio = medians["bot-bottle"] / medians["bare"]
    print(f"ratio {ratio:.2f}, the bar is {BAR}")
    figures = [Figure(what="a machine is ready, median", value=round(one, 2), unit="s", of=name) for name, one in medians.items()]
    held = [
        Figure(what="memory", value=round(statistics.median(each) / 1024), unit="MiB", of=name) for name, each in memory.items()
    ]
    tell("machines", (*figures, *held), [Bar(what="bot-bottle / bare", value=round(ratio, 3), bar=BAR)])
    return 0 if ratio <= BAR else 1


if __name__ == "__main__":
    raise SystemExit(main())
