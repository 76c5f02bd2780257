"""What the git gate costs: a small push, 1,000 commits of 50 MB, a clone; each through the gate beside the same without it.

    python bench/git.py [--runs 9] [--commits 1000]

The upstream is `git http-backend` over https on loopback with a password. The gate runs in a process of its own, as it does in a
bundle. `gitleaks git`, where it is installed, searches the same history, as the yardstick of a search.
"""

import argparse
import json
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests" / "support")]

from forge import PASSWORD, SLUG, Forge, Gated, commit, gated, git  # noqa: E402
from outcome import OURS, Bar, Figure, tell  # noqa: E402

from bot_bottle.manifest.spec import GitUpstream  # noqa: E402

BARS = {
    "small push adds, ms": 150.0,
    "push ratio": 1.5,
    "clone ratio": 1.2,
    "memory over the start, MiB": 40.0,
    "gitleaks ratio": 3.0,
}
WORDS = ("def", "return", "value", "for", "index", "range", "print", "import", "class", "self", "name", "result", "open", "path")


def main() -> int:
    """Measure, print, exit 1 when a bar is missed."""
    options = argparse.ArgumentParser()
    options.add_argument("--runs", type=int, default=9)
    options.add_argument("--commits", type=int, default=1000)
    asked = options.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Path(folder), runs=asked.runs, commits=asked.commits)
    bars = []
    for name, value in found.items():
        bar, at_least = BARS.get(name), name == "gitleaks ratio"
        if bar is not None:
            bars.append(Bar(what=name, value=round(value, 3), bar=bar, at_least=at_least))
        print(f"{name:<36} {value:>10.2f}" + (f"   bar {'≥' if at_least else '≤'} {bar:g}" if bar is not None else ""))
    missed = [one.what for one in bars if not one.is_met]
    print("missed: " + ", ".join(missed) if missed else "every bar is met")
    tell("git", [figure(name, value) for name, value in found.items() if "ratio" not in name], bars)
    return 1 if missed else 0


def figure(name: str, value: float) -> Figure:
    """A row of the table: "WHAT direct, UNIT" and "WHAT through, UNIT" are the same thing without the gate and with it."""
    what, _, unit = name.partition(", ")
    for word, of in (("direct", "without the gate"), ("gitleaks git", "gitleaks"), ("through", OURS)):
        if what.endswith(word):
            return Figure(
                what=what.removesuffix(word).strip() or "checks of the large push", value=round(value, 3), unit=unit, of=of
            )
    return Figure(what=what, value=round(value, 3), unit=unit)


def measure(folder: Path, *, runs: int, commits: int) -> dict[str, float]:
    """Every figure, in the order of the table."""
    forge = Forge(folder / "forge")
    forge.repository("repo")
    forge.repository("large", filled=False)
    forge.repository("large2", filled=False)
    upstreams = tuple(GitUpstream(where="bench", url=forge.url(name), credential="forge") for name in ("repo", "large", "large2"))
    history = make_history(folder / "history", commits)
    direct = ("-c", f"http.sslCAInfo={forge.ca}", "-c", f"http.extraHeader=Authorization: {forge.expected}")
    try:
        with gated(folder / "gate", upstreams, ca=forge.ca) as told, apart(told, folder) as process:
            found = small_pushes(told, forge, direct, folder, runs=runs)
            began = memory(process.pid)
            through = timed(lambda: told.git("push", "-q", told.here(forge.url("large")), "main:big", at=history))
            plain = timed(lambda: git(*direct, "push", "-q", forge.url("large2"), "main:main", at=history))
            found |= {"large push direct, s": plain, "large push through, s": through, "push ratio": through / plain}
            found["memory over the start, MiB"] = memory(process.pid) - began
            found |= clones(told, forge, direct, folder)
            events = [json.loads(line) for line in (folder / "gate.events").read_text().splitlines()]
            found |= scan(events, history)
    finally:
        forge.close()
    return found


def small_pushes(told: Gated, forge: Forge, direct: tuple[str, ...], folder: Path, *, runs: int) -> dict[str, float]:
    """One commit each, taking turns."""
    work = told.clone(forge.url("repo"), name="small")
    git("config", "http.sslCAInfo", str(forge.ca), at=work)
    plain, through = [], []
    for number in range(runs + 1):
        commit(work, {"file.txt": f"line {number}\n"})
        plain.append(timed(lambda: git(*direct, "push", "-q", forge.url("repo"), "HEAD:direct", at=work)))
        commit(work, {"file.txt": f"line {number} again\n"})
        through.append(timed(lambda: told.git("push", "-q", "origin", "HEAD:through", at=work)))
    one, other = (statistics.median(times[1:]) * 1000 for times in (plain, through))
    return {"small push direct, ms": one, "small push through, ms": other, "small push adds, ms": other - one}


def clones(told: Gated, forge: Forge, direct: tuple[str, ...], folder: Path) -> dict[str, float]:
    """The large history; the first clone through the gate also fills the mirror."""
    name = f"bottle/{SLUG}/big"
    git("symbolic-ref", "HEAD", f"refs/heads/{name}", at=forge.folder / "large.git")
    plain, through = [], []
    for number in range(3):
        plain.append(timed(lambda n=number: git(*direct, "clone", "-q", forge.url("large"), str(folder / f"direct{n}"))))
        through.append(timed(lambda n=number: told.clone(forge.url("large"), f"--branch={name}", name=f"through{n}")))
    one, other = min(plain), min(through)
    return {"clone direct, s": one, "clone through, s": other, "clone ratio": other / one}


def scan(events: list[dict[str, object]], history: Path) -> dict[str, float]:
    """How long the checks of the large push took, and gitleaks over the same."""
    shortest = statistics.median(float(event["check_ms"]) for event in events if event.get("check_ms") is not None)  # type: ignore[arg-type]
    longest = max(float(event["check_ms"]) for event in events if event.get("check_ms") is not None) / 1000  # type: ignore[arg-type]
    found = {"checks of a small push, ms": shortest, "checks of the large push, s": longest}
    program = shutil.which("gitleaks", path=f"{os.environ['PATH']}:{Path.home()}/go/bin")
    if program is None:
        print("gitleaks is not installed: go install github.com/zricethezav/gitleaks/v8@latest")
        return found
    took = timed(
        lambda: subprocess.run((program, "git", "--no-banner", "--exit-code=0", str(history)), capture_output=True, check=True)
    )
    return found | {"gitleaks git, s": took, "gitleaks ratio": took / longest}


@contextmanager
def apart(told: Gated, folder: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """The same gate in a process of its own, on a port of its own; `told` speaks to it from then on."""
    config = folder / "gate.json"
    stage = folder / "apart"
    text = json.dumps({**told.plan.config(), "folder": str(stage), "password": PASSWORD})
    config.write_text(text)
    port = told.port
    told.port = free_port()
    rows = told.home / ".config/git/config"
    rows.write_text(rows.read_text().replace(f":{port}/", f":{told.port}/"))
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": f"{ROOT}/src"}
    program = (sys.executable, str(ROOT / "tests/support/gate_process.py"), str(config), str(told.port))
    with subprocess.Popen(program, env=env, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        try:
            yield process
        finally:
            process.kill()


def free_port() -> int:
    """A port that nobody listens on now."""
    import socket

    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


def make_history(path: Path, commits: int) -> Path:
    """A repository as somebody's work leaves it: each commit changes some lines of one of 97 files of 50 kB; loose objects."""
    chance = random.Random(1)  # text, not secrets
    git("init", "-q", "--initial-branch=main", str(path))
    git("config", "fastimport.unpackLimit", "10000000", at=path)
    files = [[_line(chance) for _ in range(900)] for _ in range(97)]
    rows = []
    for number in range(commits):
        lines = files[number % 97]
        for place in chance.sample(range(900), 20):
            lines[place] = _line(chance)
        text = "".join(lines).encode()
        message = f"Change {number}".encode()
        rows.append(b"commit refs/heads/main\ncommitter Agent <agent@example.com> %d +0000\n" % (1_700_000_000 + number))
        rows.append(b"data %d\n%s\nM 100644 inline src/file%d.py\n" % (len(message), message, number % 97))
        rows.append(b"data %d\n%s\n" % (len(text), text))
    subprocess.run(("git", "fast-import", "--quiet"), cwd=path, input=b"".join(rows), check=True)
    git("checkout", "-q", "main", at=path)
    return path


def _line(chance: random.Random) -> str:
    return " ".join(chance.choices(WORDS, k=7)) + f" {chance.random()}\n"


def timed(work: Callable[[], object]) -> float:
    """Seconds that it takes."""
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def memory(process: int) -> float:
    """The most that the process ever had resident, in MiB (proc_pid_status(5), VmHWM)."""
    rows = Path(f"/proc/{process}/status").read_text().splitlines()
    return next(int(row.split()[1]) for row in rows if row.startswith("VmHWM")) / 1024


if __name__ == "__main__":
    sys.exit(main())
