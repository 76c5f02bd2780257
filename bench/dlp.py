"""How fast the DLP scan is, on one core: a 10 MB request to the model, a request of 1 KB, answers of 10 KB to 1 MB, the start.

Compared with the same formats in Python's `re`, detect-secrets, kingfisher and gitleaks where they are installed, and with
pipelock's scan interface when BOT_BOTTLE_PIPELOCK names the program. Times are CPU time of this process where the work is in
it, else wall time of the other program on the same file.

    python bench/dlp.py [--others]
"""

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from outcome import OURS, Bar, Figure, tell

from bot_bottle.gates.dlp import triggers
from bot_bottle.gates.dlp.detectors.catalogue import OUTGOING, TO_MODEL
from bot_bottle.gates.dlp.formats.table import ALL
from bot_bottle.gates.dlp.incoming import Reader
from bot_bottle.gates.dlp.own import OwnSecret
from bot_bottle.gates.dlp.records import View
from bot_bottle.gates.dlp.scan import Scanner

SIZE = 10_000_000
SECRETS = tuple(
    OwnSecret(f"secret {number}", f"q8Zk{number:02d}-own-secret-value-{number * 7919}".encode()) for number in range(10)
)
OUR_ENGINES = ("hyperscan", "aho-corasick")
FIGURES: list[Figure] = []
BARS_MET: list[Bar] = []


def model_request() -> bytes:
    """Messages with this Python's own sources and the texts of the packages around: code, prose, tables."""
    messages: list[dict[str, object]] = []
    total = 0
    for root in (sysconfig.get_path("purelib"), sysconfig.get_path("stdlib")):
        for path in sorted(Path(root).rglob("*")):
            if total > SIZE:
                break
            if path.suffix in {".py", ".md", ".txt", ".rst", ".json", ".js"} and path.is_file() and path.stat().st_size < 400_000:
                text = path.read_text(errors="replace")
                messages.append(
                    {
                        "role": "user",
                        "content": [{"type": "tool_result", "tool_use_id": f"toolu_{len(messages):06d}", "content": text}],
                    }
                )
                total += len(text)
    return json.dumps({"model": "m", "max_tokens": 1024, "messages": messages}).encode()[:SIZE]


def cpu(work: Callable[[], object], *, rounds: int = 3) -> float:
    """The best CPU time of a few rounds, in seconds."""
    best = float("inf")
    for _ in range(rounds):
        before = time.process_time()
        work()
        best = min(best, time.process_time() - before)
    return best


def wall(work: Callable[[], object], *, rounds: int = 1) -> float:
    """The best wall time, in seconds."""
    best = float("inf")
    for _ in range(rounds):
        before = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - before)
    return best


def row(name: str, value: float, unit: str, *, bar: str = "") -> None:
    """One line of the table."""
    of, _, what = name.partition(": ")
    FIGURES.append(Figure(what=what, value=round(value, 3), unit=unit, of=f"{OURS} ({of})" if of in OUR_ENGINES else of))
    if bar:
        BARS_MET.append(Bar(what=name, value=round(value, 3), bar=float(bar.split()[1]), at_least=unit == "MB/s"))
    print(f"{name:<46}{value:>12.2f} {unit:<6} {bar}", flush=True)


def ours(body: bytes) -> None:
    """The builtin scan."""
    for engine in ("hyperscan", "aho-corasick"):
        begin = time.perf_counter()
        scanner = Scanner(OUTGOING, key=b"k", secrets=SECRETS, engine=engine)
        row(f"{engine}: start", (time.perf_counter() - begin) * 1e3, "ms", bar="bar 150" if engine == "hyperscan" else "")
        model = Scanner(TO_MODEL, key=b"k", secrets=SECRETS, engine=engine, triggers=triggers.TO_MODEL)
        view = View("body", "the body", body)
        rounds = 5 if engine == "hyperscan" else 1
        row(
            f"{engine}: 10 MB to the model",
            SIZE / 1e6 / cpu(lambda: model.scan((view,)), rounds=rounds),
            "MB/s",
            bar="bar 150" if rounds > 1 else "",
        )
        row(f"{engine}: 10 MB elsewhere", SIZE / 1e6 / cpu(lambda: scanner.scan((view,)), rounds=rounds), "MB/s")
        small = View("body", "the body", body[500_000:501_024])
        times = 2000
        row(
            f"{engine}: 1 KB",
            cpu(lambda: [scanner.scan((small,)) for _ in range(times)]) / times * 1e6,
            "µs",
            bar="bar 20" if rounds > 1 else "",
        )
    reader = Reader(key=b"k")
    prose = (b"The quick brown fox jumps over the lazy dog, while seven wise wizards hum quietly about it.\n" * 12_000)[
        :1_000_000
    ]
    for size in (10_000, 100_000, 1_000_000):
        view = View("response", "the answer", prose[:size])
        times = max(1, 2_000_000 // size)
        row(
            f"hyperscan: answer of {size // 1000} KB",
            size * times / 1e6 / cpu(lambda: [reader.read((view,)) for _ in range(times)]),
            "MB/s",
            bar="bar 60",
        )


def others(body: bytes) -> None:
    """Other scanners on the first megabyte, or the whole where they are quick."""
    part = body[:1_000_000].decode("utf-8", "replace")
    expressions = [re.compile(getattr(entry, "whole", "") or entry.expression) for entry in ALL]  # type: ignore[union-attr]  # one of two records
    short = part[:100_000]
    row("re: the same formats, 100 KB", 0.1 / cpu(lambda: [list(one.finditer(short)) for one in expressions], rounds=1), "MB/s")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "body.txt"
        file.write_text(part)
        tools = {
            "detect-secrets": ("detect-secrets", "scan", "--all-files", str(file)),
            "kingfisher": ("kingfisher", "scan", "--no-validate", "--git-history", "none", str(file)),
            "gitleaks": ("gitleaks", "dir", "--no-banner", "--exit-code", "0", str(file)),
        }
        for name, argv in tools.items():
            found = shutil.which(argv[0], path=f"{Path(sys.executable).parent}:{os.environ['PATH']}:{Path.home() / 'go/bin'}")
            if found is None:
                print(f"{name}: not installed")
                continue
            took = wall(
                lambda argv=argv, found=found: subprocess.run((found, *argv[1:]), capture_output=True, timeout=300, check=False)
            )  # type: ignore[misc]  # defaults bind the loop's values
            row(f"{name}: 1 MB, with its start", 1 / took, "MB/s")
    pipelock(part)


def pipelock(part: str) -> None:
    """pipelock's scan interface: requests and answers."""
    binary = os.environ.get("BOT_BOTTLE_PIPELOCK", "")
    if not os.access(binary, os.X_OK):
        print("pipelock: BOT_BOTTLE_PIPELOCK does not name it")
        return
    from bot_bottle.gates.dlp.pipelock.client import Pipelock
    from bot_bottle.gates.dlp.pipelock.plan import PipelockProxyPlan

    with tempfile.TemporaryDirectory() as folder:
        engine = Pipelock(PipelockProxyPlan(binary=Path(binary), scan_timeout_s=60), Path(folder))
        try:
            text = part.encode()[:200_000]
            row("pipelock: dlp, 200 KB", 0.2 / wall(lambda: engine.scan_text(text)), "MB/s")
            row("pipelock: dlp, 1 KB", wall(lambda: engine.scan_text(text[:1024]), rounds=20) * 1e6, "µs")
            prose = (b"The quick brown fox jumps over the lazy dog, while seven wise wizards hum quietly about it.\n" * 3000)[
                :200_000
            ]
            for size in (10_000, 100_000):
                row(
                    f"pipelock: answer of {size // 1000} KB",
                    size / 1e6 / wall(lambda size=size: engine.scan_answer(prose[:size])),
                    "MB/s",
                )  # type: ignore[misc]  # likewise
        finally:
            engine.close()


def main() -> None:
    """Print the table."""
    body = model_request()
    ours(body)
    if "--others" in sys.argv:
        others(body)
    tell("dlp", FIGURES, BARS_MET)


if __name__ == "__main__":
    main()
