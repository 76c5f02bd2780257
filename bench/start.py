"""How long a sealed start takes: `bot-bottle run shell -- true`, proved and torn down, beside its peers in one run.

The docker backend is measured as well, from an image of one program, beside `docker run` of the same image.

    python bench/start.py [--runs 15]

Peers (docker, bubblewrap, srt) that are not here are said to be missing. The runs take turns (A B C A B C …), so that a drift of
the machine hits all alike.
With no Docker daemon answering, one is started on a socket and a data root of its own and ended afterwards. srt is npm's
`@anthropic-ai/sandbox-runtime`, installed into the cache at its pinned version.
"""

import argparse
import compileall
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from outcome import Bar, Figure, tell

SRT = "@anthropic-ai/sandbox-runtime@0.0.78"
ROOT = Path(__file__).resolve().parents[1]


def main() -> int:
    """Measure, print a table and the ratios; exit 1 when a bar is missed."""
    options = argparse.ArgumentParser()
    options.add_argument("--runs", type=int, default=15)
    asked = options.parse_args()
    compileall.compile_dir(ROOT / "src", quiet=1)  # as an installed package is
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        project = home / "project"
        project.mkdir()
        script = Path(sys.executable).with_name("bot-bottle")  # what a user types, where it is installed
        program = [str(script)] if script.exists() else [sys.executable, "-m", "bot_bottle"]
        peers: dict[str, list[str]] = {"bot-bottle": [*program, "run", "-q", "shell", "--", "true"]}
        if shutil.which("bwrap"):
            peers["bwrap"] = ["bwrap", "--unshare-all", "--ro-bind", "/", "/", "--proc", "/proc", "--dev", "/dev", "true"]
        peers |= gvisor(program)
        peers |= srt()
        peers |= stack.enter_context(docker(program))
        env = os.environ | {"HOME": str(home), "PYTHONPATH": str(ROOT / "src")}
        times = measure(peers, runs=asked.runs, env=env, cwd=project)
        memory = bundle_memory(env, project)
    return report(times, memory)


def measure(peers: dict[str, list[str]], *, runs: int, env: dict[str, str], cwd: Path) -> dict[str, list[float]]:
    """Milliseconds of each run, after one warm-up of each."""
    times: dict[str, list[float]] = {name: [] for name in peers}
    for number in range(runs + 1):
        for name, argv in peers.items():
            started = time.perf_counter()
            done = subprocess.run(argv, env=env, cwd=cwd, capture_output=True, stdin=subprocess.DEVNULL, check=False)
            if done.returncode != 0:
                raise SystemExit(f"{name} failed: {done.stderr.decode()[-500:]}")
            if number:
                times[name].append((time.perf_counter() - started) * 1000)
    return times


def gvisor(program: list[str]) -> dict[str, list[str]]:
    """Our start on gVisor, and gVisor's own of the same command, which proves and gates nothing."""
    runsc = os.environ.get("BOT_BOTTLE_RUNSC") or shutil.which("runsc")
    if runsc is None:
        print("gvisor: missing (no runsc on PATH, and none in BOT_BOTTLE_RUNSC)")
        return {}
    rootless = [] if os.getuid() == 0 else ["--rootless"]
    ours = [*program, "run", "-q", "--backend", "gvisor", "shell", "--", "true"]
    return {"bottle in gvisor": ours, "runsc do": [runsc, *rootless, "--network=none", "--ignore-cgroups", "do", "true"]}


def srt() -> dict[str, list[str]]:
    """npm's sandbox-runtime, when npm can bring it."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "bot-bottle" / "bench" / "srt"
    script = cache / "node_modules" / "@anthropic-ai" / "sandbox-runtime" / "dist" / "cli.js"
    needed = [tool for tool in ("npm", "socat", "rg") if shutil.which(tool) is None]
    if needed:
        print(f"srt: missing (it needs {', '.join(needed)})")
        return {}
    if not script.exists():
        cache.mkdir(parents=True, exist_ok=True)
        subprocess.run(
            ["npm", "install", "--prefix", str(cache), "--no-audit", "--no-fund", SRT], check=True, capture_output=True
        )
    return {"srt": ["node", str(script), "true"]}


@contextmanager
def docker(program: list[str]) -> Iterator[dict[str, list[str]]]:
    """`docker run --rm` and a bottle of the docker backend, on the daemon that answers or on one of our own."""
    if shutil.which("docker") is None:
        print("docker: missing")
        yield {}
        return
    with ExitStack() as stack:
        client = ["docker"]
        if subprocess.run([*client, "info"], capture_output=True, check=False).returncode != 0:
            if shutil.which("dockerd") is None or os.getuid() != 0:
                print("docker: missing (no daemon answers, and none can be started here)")
                yield {}
                return
            client = stack.enter_context(own_daemon())
        make_image(client, "bot-bottle-bench")
        stack.callback(subprocess.run, [*client, "image", "rm", "bot-bottle-bench"], capture_output=True, check=False)
        sealed = [*program, "run", "-q", "--backend", "docker", "--image", "bot-bottle-bench", "shell", "--", "/bin/true"]
        plain = [*client, "run", "--rm", "--network", "none", "bot-bottle-bench", "/bin/true"]
        yield {"docker run": plain, "bottle in docker": sealed}


@contextmanager
def own_daemon() -> Iterator[list[str]]:
    """A dockerd of our own: socket, data and state in a temporary folder, no bridge."""
    folder = Path(tempfile.mkdtemp(prefix="bot-bottle-bench-"))
    address = f"unix://{folder}/docker.sock"
    argv = [
        "dockerd",
        "-H",
        address,
        "--data-root",
        f"{folder}/data",
        "--exec-root",
        f"{folder}/exec",
        "--pidfile",
        f"{folder}/pid",
    ]
    argv += ["--bridge", "none", "--iptables=false", "--ip-forward=false"]
    with open(folder / "log", "wb") as log, subprocess.Popen(argv, stdout=log, stderr=log) as daemon:
        client = ["docker", "-H", address]
        os.environ["DOCKER_HOST"] = address  # for the bottles
        try:
            answers = [*client, "info"]
            wait_for(lambda: subprocess.run(answers, capture_output=True, check=False).returncode == 0, daemon, folder / "log")
            yield client
        finally:
            daemon.terminate()
            daemon.wait(30)
            shutil.rmtree(folder, ignore_errors=True)


def wait_for(claim: Callable[[], bool], daemon: "subprocess.Popen[bytes]", log: Path) -> None:
    """Until the daemon answers."""
    deadline = time.monotonic() + 60
    while not claim():
        if daemon.poll() is not None or time.monotonic() > deadline:
            raise SystemExit(f"dockerd did not start: {log.read_text()[-800:]}")
        time.sleep(0.2)


def make_image(client: list[str], image: str) -> None:
    """An image of one program: /bin/true with the libraries that it needs."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        program = Path(shutil.which("true") or "/bin/true").resolve()
        listed = subprocess.run(["ldd", str(program)], capture_output=True, text=True, check=False).stdout
        libraries = [word for line in listed.splitlines() for word in line.split() if word.startswith("/")]
        for source, target in ((str(program), "/bin/true"), *((path, path) for path in libraries)):
            copy = root / target.lstrip("/")
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, copy)
        packed = subprocess.run(["tar", "-C", folder, "-c", "."], capture_output=True, check=True).stdout
        subprocess.run([*client, "import", "-", image], input=packed, capture_output=True, check=True)


def bundle_memory(env: dict[str, str], cwd: Path) -> float:
    """Proportional set size of a running bottle's bundle, in MB."""
    bottle = [sys.executable, "-m", "bot_bottle"]
    start = [*bottle, "run", "-q", "-d", "shell", "--", "sleep", "60"]
    name = subprocess.run(start, env=env, cwd=cwd, capture_output=True, text=True, check=True).stdout.strip()
    try:
        time.sleep(1.0)
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit() and b"gates.bundle" in read(entry / "cmdline"):
                rollup = read(entry / "smaps_rollup").decode()
                pss = [int(line.split()[1]) for line in rollup.splitlines() if line.startswith("Pss:")]
                if pss:
                    return pss[0] / 1024
        return float("nan")
    finally:
        subprocess.run([*bottle, "rm", "-f", name], env=env, cwd=cwd, capture_output=True, check=False)


def read(path: Path) -> bytes:
    """The content, empty when the process is gone."""
    try:
        return path.read_bytes()
    except OSError:
        return b""


def report(times: dict[str, list[float]], memory: float) -> int:
    """The table. The bars: 0.8 of docker run, 0.4 of srt, 45 MB; a bottle in docker 1.5 of docker run; one of gVisor twice
    `runsc do`, and docker run.
    """
    ours = statistics.median(times["bot-bottle"])
    for name, each in times.items():
        middle = statistics.median(each)
        print(f"{name:16} median {middle:7.1f} ms   min {min(each):7.1f}   max {max(each):7.1f}   ours/this {ours / middle:.2f}")
    print(f"bundle           PSS {memory:.1f} MB")
    middles = {name: statistics.median(each) for name, each in times.items()}
    wanted = (
        ("bot-bottle", "docker run", 0.8),
        ("bot-bottle", "srt", 0.4),
        ("bottle in gvisor", "runsc do", 2.0),
        ("bottle in gvisor", "docker run", 1.0),
        ("bottle in docker", "docker run", 1.5),
    )
    bars = [
        Bar(what=f"{one} / {other}", value=round(middles[one] / middles[other], 3), bar=bar)
        for one, other, bar in wanted
        if {one, other} <= middles.keys()
    ]
    bars.append(Bar(what="memory of the gates, MB (PSS)", value=round(memory, 1), bar=45.0))
    for bar in bars:
        print(f"{bar.what:32} {bar.value:6.2f}   bar {bar.bar:g}: {'holds' if bar.is_met else 'MISSED'}")
    started = [
        Figure(what="`true`, started, proved and torn down; median", value=round(middle, 1), unit="ms", of=name)
        for name, middle in middles.items()
    ]
    tell("start", (*started, Figure(what="memory of the gates (PSS)", value=round(memory, 1), unit="MB")), bars)
    return 0 if all(bar.is_met for bar in bars) else 1


if __name__ == "__main__":
    sys.exit(main())
