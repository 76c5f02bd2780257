"""The same real job on every backend that works here, beside the bare host: clone, make an environment, install, run a test-suite.

    python bench/work.py [--runs 3] [--backend NAME ...]

The project is more-itertools as PyPI has it, committed to a git repository of its own. Every run fetches its build backend through the
gates, as a bottle does; the host fetches it directly. Start and end of the bottle are part of the time. Backends that do not work
here are said to be missing. The runs take turns, so that a drift of the machine hits all alike.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from outcome import Figure, tell

PROJECT = "more-itertools==10.7.0"
ROOT = Path(__file__).resolve().parents[1]
PHASES = {
    "clone": "rm -rf clone && git clone -q . clone",
    "environment": "python3 -m venv clone/.venv",
    "install": "cd clone && .venv/bin/pip install --quiet --disable-pip-version-check .",
    "tests": "cd clone && .venv/bin/python -m unittest -q tests.test_recipes tests.test_more",
}


def main() -> int:
    """Measure, print a table and the ratios."""
    options = argparse.ArgumentParser()
    options.add_argument("--runs", type=int, default=3)
    options.add_argument("--backend", action="append", help="only these; by default all that work here")
    asked = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        project = fetched(home)
        env = os.environ | {"HOME": str(home), "PYTHONPATH": str(ROOT / "src")}
        names = asked.backend or working(env)
        times: dict[str, dict[str, list[float]]] = {name: {phase: [] for phase in (*PHASES, "all")} for name in ("host", *names)}
        for _ in range(asked.runs):
            for name, phases in times.items():
                for phase, seconds in one_run(name, home, project, env).items():
                    phases[phase].append(seconds)
    report(times)
    return 0


def fetched(home: Path) -> Path:
    """The project's source in a git repository, and a manifest that lets pip work."""
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:", "--dest", str(home), PROJECT]
    subprocess.run(pip, check=True)
    archive = next(home.glob("*.tar.gz"))
    shutil.unpack_archive(archive, home / "unpacked", filter="data")
    project = home / "project"
    next((home / "unpacked").iterdir()).rename(project)
    for words in (
        ["init", "-q"],
        ["add", "."],
        ["-c", "user.name=bench", "-c", "user.email=bench@example.com", "commit", "-qm", "x"],
    ):
        subprocess.run(["git", *words], cwd=project, check=True)
    (home / "bottle.yaml").write_text("version: 1\negress: {presets: [pip]}\n")
    return project


def working(env: dict[str, str]) -> list[str]:
    """The backends that doctor finds; says which are missing and why."""
    asked = subprocess.run([*bot_bottle(), "doctor", "--json"], env=env, capture_output=True, text=True, check=False)
    names = []
    for row in json.loads(asked.stdout):
        if row["works"]:
            names.append(str(row["backend"]))
        else:
            print(f"{row['backend']}: missing ({row['why']})")
    return names


def bot_bottle() -> list[str]:
    """What a user types, where it is installed."""
    script = Path(sys.executable).with_name("bot-bottle")
    return [str(script)] if script.exists() else [sys.executable, "-m", "bot_bottle"]


def one_run(name: str, home: Path, project: Path, env: dict[str, str]) -> dict[str, float]:
    """Seconds of each phase, told by the job itself, and of the whole."""
    script = "set -e; exec 3>&1 >/dev/null\n" + "\n".join(
        f"began=$(date +%s%N); ({command}); echo {phase} $(( $(date +%s%N) - began )) >&3" for phase, command in PHASES.items()
    )
    argv = ["sh", "-c", script]
    if name != "host":
        manifest = ["-f", str(home / "bottle.yaml"), "-w", str(project), "--backend", name]
        argv = [*bot_bottle(), "run", "-q", *manifest, "shell", "--", *argv]
    started = time.perf_counter()
    done = subprocess.run(argv, cwd=project, env=env, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    whole = time.perf_counter() - started
    if done.returncode:
        raise SystemExit(f"{name} failed: {(done.stdout + done.stderr)[-1500:]}")
    shutil.rmtree(project / "clone", ignore_errors=True)
    told = (line.split() for line in done.stdout.splitlines())
    return {words[0]: int(words[1]) / 1e9 for words in told if words and words[0] in PHASES} | {"all": whole}


def report(times: dict[str, dict[str, list[float]]]) -> None:
    """Medians in seconds, and each backend's ratio to the host."""
    host = {phase: statistics.median(each) for phase, each in times["host"].items()}
    print(f"{'':13}" + "".join(f"{phase:>20}" for phase in host))
    for name, phases in times.items():
        middle = {phase: statistics.median(each) for phase, each in phases.items()}
        print(f"{name:13}" + "".join(f"{middle[phase]:10.2f} s {middle[phase] / host[phase]:6.2f} ×" for phase in host))
    figures = [
        Figure(what=phase, value=round(statistics.median(each), 3), unit="s", of=name)
        for name, phases in times.items()
        for phase, each in phases.items()
    ]
    tell("work", figures)


if __name__ == "__main__":
    sys.exit(main())
