"""Runs every benchmark, with its peers in the same run, and writes docs/benchmarks.md with tables, pictures and what was missed.

    python bench/all.py [--quick] [--only NAME ...] [--page FILE] [--from FILE]

`--quick` tries that all of it works, in some minutes; its figures say little, and the page says so. What a benchmark needs and does
not find is named, never left out in silence. The figures go beside the page as JSON; `--from` writes the page from them again.
It takes the machine for itself: run nothing beside it.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import threading
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

from outcome import Outcome, heard, outcome_from
from page import page
from plot import plot

ROOT = Path(__file__).resolve().parents[1]
LONGEST_S = 3600.0
SILENCE_WORDS = ("missing", "not installed", "does not name")


@dataclass(frozen=True, kw_only=True)
class Bench:
    """One file of this folder: its arguments, those of the quick form, and an environment variable that it cannot do without."""

    name: str
    title: str
    arguments: tuple[str, ...] = ()
    quick: tuple[str, ...] | None = None
    needs: str = ""


BENCHES = (
    Bench(name="start", title="Start of a sealed bottle", quick=("--runs", "2")),
    Bench(name="work", title="A day's work in a bottle", quick=("--runs", "1", "--backend", "namespaces")),
    Bench(name="egress", title="Requests through the egress gate", quick=("--seconds", "0.5", "--requests", "2000")),
    Bench(name="dlp", title="The search for secrets", arguments=("--others",), quick=()),
    Bench(name="git", title="The git gate", quick=("--runs", "2", "--commits", "30")),
    Bench(name="approve", title="From an approval to its effect", arguments=("30",), quick=("3",)),
    Bench(name="machines", title="A microVM", quick=("--runs", "1"), needs="BOT_BOTTLE_TEST_ROOT"),
)

ALONE = {
    "soak": "it takes hours",
    "load": "it fills the machine with bottles",
}
"""What is run by itself, and why."""


@dataclass(frozen=True, kw_only=True)
class Ran:
    """One benchmark that was tried: its outcome, or why there is none; what it could not find; how busy the machine was before."""

    name: str
    title: str
    command: str
    outcome: Outcome | None
    why: str = ""
    missing: tuple[str, ...] = ()
    load: float = 0.0
    seconds: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Report:
    """Everything that the page is made of."""

    when: str
    commit: str
    machine: tuple[tuple[str, str], ...]
    is_quick: bool
    ran: tuple[Ran, ...] = field(default_factory=tuple)


def main() -> int:
    """Run, gather, write; 1 when a benchmark failed. A bar that was missed is no failure: the page says it."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--quick", action="store_true")
    options.add_argument("--only", action="append", choices=[one.name for one in BENCHES])
    options.add_argument("--page", type=Path, default=ROOT / "docs" / "benchmarks.md")
    options.add_argument("--from", dest="held", type=Path, help="figures of an earlier run")
    asked = options.parse_args()
    report = report_from(json.loads(asked.held.read_text())) if asked.held else measured(asked.only, is_quick=asked.quick)
    write(report, asked.page)
    for one in report.ran:
        print(f"{one.name:10} {one.why or f'{one.seconds:.0f} s'}")
    return 1 if any(one.outcome is None and not one.missing for one in report.ran) else 0


def measured(only: list[str] | None, *, is_quick: bool) -> Report:
    """A report of this machine, now."""
    ran = [run(bench, is_quick=is_quick) for bench in BENCHES if not only or bench.name in only]
    return Report(
        when=time.strftime("%Y-%m-%d", time.gmtime()), commit=commit(), machine=machine(), is_quick=is_quick, ran=tuple(ran)
    )


def run(bench: Bench, *, is_quick: bool) -> Ran:
    """One benchmark in a process of its own, its output shown as it comes."""
    arguments = bench.quick if is_quick and bench.quick is not None else bench.arguments
    command = " ".join(("python", f"bench/{bench.name}.py", *arguments))
    if bench.needs and not os.environ.get(bench.needs):
        why = f"{bench.needs} is not set"
        return Ran(name=bench.name, title=bench.title, command=command, outcome=None, why=why, missing=(why,))
    print(f"\n== {command}", flush=True)
    load, began = os.getloadavg()[0], time.monotonic()
    argv = (sys.executable, str(ROOT / "bench" / f"{bench.name}.py"), *arguments)
    env = os.environ | {"PYTHONPATH": str(ROOT / "src"), "PYTHONUNBUFFERED": "1"}
    output, code = shown(argv, env)
    outcome = heard(output)
    lines = output.splitlines()
    missing = tuple(line.strip() for line in lines if any(word in line for word in SILENCE_WORDS) and len(line) < 200)
    why = "" if outcome else f"it failed with code {code}: {' '.join(lines[-2:])[-300:]}"
    seconds = time.monotonic() - began
    return Ran(
        name=bench.name,
        title=bench.title,
        command=command,
        outcome=outcome,
        why=why,
        missing=missing if outcome else (),
        load=round(load, 1),
        seconds=round(seconds),
    )


def shown(argv: tuple[str, ...], env: dict[str, str]) -> tuple[str, int]:
    """Run it, print what it prints, and return that with its exit code. After `LONGEST_S` it is ended."""
    with subprocess.Popen(argv, env=env, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as running:
        watch = threading.Timer(LONGEST_S, running.kill)
        watch.start()
        lines = []
        assert running.stdout is not None
        for line in running.stdout:
            sys.stdout.write(line)
            sys.stdout.flush()
            lines.append(line)
        watch.cancel()
        return "".join(lines), running.wait()


def machine() -> tuple[tuple[str, str], ...]:
    """What the figures hang on."""
    processor = next(
        (line.partition(":")[2].strip() for line in read("/proc/cpuinfo") if line.startswith("model name")), "unknown"
    )
    memory = next((int(line.split()[1]) for line in read("/proc/meminfo") if line.startswith("MemTotal")), 0)
    system = next(
        (line.partition("=")[2].strip('"') for line in read("/etc/os-release") if line.startswith("PRETTY_NAME")), "unknown"
    )
    return (
        ("processor", f"{processor}, {len(os.sched_getaffinity(0))} cores"),
        ("memory", f"{memory / 1024**2:.1f} GiB"),
        ("system", f"{system}, Linux {platform.release()}, {platform.machine()}"),
        ("Python", platform.python_version()),
    )


def read(path: str) -> list[str]:
    """The lines of a file of the system; none where it is not there."""
    try:
        return Path(path).read_text().splitlines()
    except OSError:
        return []


def commit() -> str:
    """What was measured."""
    found = subprocess.run(("git", "rev-parse", "--short=12", "HEAD"), cwd=ROOT, capture_output=True, text=True, check=False)
    changed = subprocess.run(
        ("git", "status", "--porcelain", "src", "bench"), cwd=ROOT, capture_output=True, text=True, check=False
    )
    return (found.stdout.strip() or "unknown") + (" with changes that are in no commit" if changed.stdout.strip() else "")


def write(report: Report, to: Path) -> None:
    """The page, its pictures, and the figures as JSON."""
    pictures = to.parent / "images"
    pictures.mkdir(parents=True, exist_ok=True)
    for one in report.ran:
        if one.outcome is not None:
            (pictures / f"bench-{one.name}.svg").write_text(plot(one.title, one.outcome))
    to.write_text(page(report))
    to.with_suffix(".json").write_text(json.dumps(asdict(report), indent=1) + "\n")


def report_from(row: dict) -> Report:  # type: ignore[type-arg]  # JSON
    """The report of its JSON."""
    ran = tuple(
        Ran(**{**one, "outcome": outcome_from(one["outcome"]) if one["outcome"] else None, "missing": tuple(one["missing"])})
        for one in row["ran"]
    )
    return Report(**{**row, "machine": tuple((name, text) for name, text in row["machine"]), "ran": ran})


if __name__ == "__main__":
    sys.exit(main())
