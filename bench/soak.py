"""One bottle, worked for long: requests, commands, attached terminals, pushes and questions in turn; its memory and descriptors stay flat.

    python bench/soak.py [--requests 20000] [--execs 500] [--attaches 200] [--pushes 200] [--asks 200] [--json FILE]

The work is cut into rounds. After each, the memory that is theirs alone and the descriptors of keeper and bundle are read. The first
rounds warm up: what counts is how much the last ones are above those after the warm-up.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests" / "support"), str(ROOT / "tests" / "faults")]

import world as worlds  # noqa: E402
from measure import children, members, use  # noqa: E402
from parts import left  # noqa: E402
from shop import Shop  # noqa: E402

from bot_bottle.bottles.attach import connect  # noqa: E402
from bot_bottle.bottles.status import Status  # noqa: E402
from bot_bottle.guest import frames  # noqa: E402

BARS = {"keeper grows, MiB": 1.0, "bundle grows, MiB": 3.0, "keeper's descriptors grow": 0.0, "bundle's descriptors grow": 2.0}
"""A bundle that answers has a connection or two kept open. Its log of denials and questions is bounded, and may still fill."""

ROUNDS = 10
WARM = 4
KINDS = ("requests", "execs", "attaches", "pushes", "asks")


def main() -> int:
    """Work, look, judge."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, count in zip(KINDS, (20_000, 500, 200, 200, 200), strict=True):
        options.add_argument(f"--{name}", type=int, default=count)
    options.add_argument("--backend", default="namespaces")
    options.add_argument("--json", type=Path)
    asked = options.parse_args()
    counts = {name: max(1, getattr(asked, name) // ROUNDS) for name in KINDS}
    with tempfile.TemporaryDirectory(prefix="bot-bottle-soak-", dir="/var/tmp") as folder:
        rows = soak(Path(folder), counts, backend=asked.backend)
    results = judge(rows)
    if asked.json:
        asked.json.write_text(json.dumps({"rounds": rows, **results}, indent=1) + "\n")
    for row in rows:
        print("  ".join(f"{name} {value:g}" for name, value in row.items()))
    for name, value in results.items():
        print(f"{name:28} {value:8.2f}   bar {BARS[name]:g}: {'ok' if value <= BARS[name] else 'MISSED'}")
    return 1 if any(results[name] > bar for name, bar in BARS.items()) else 0


def soak(folder: Path, counts: dict[str, int], *, backend: str) -> list[dict[str, float]]:
    """What keeper and bundle hold after each round."""
    with worlds.made(folder, backend=backend) as world:
        text = worlds.manifest_of(world) | {"supervise": {"enabled": True, "unattended": "deny"}}
        world.manifest.write_text(json.dumps(text))
        slug = f"soak{os.getpid()}"
        started = world.bot_bottle(
            "run", "-q", "-d", "-f", str(world.manifest), "--name", slug, "shell", "--", "sleep", "1000000"
        )
        assert started.returncode == 0, started.stderr.decode()
        try:
            rows = [one_round(world, slug, counts, number) for number in range(ROUNDS)]
        finally:
            world.bot_bottle("stop", slug)
        assert not left(world.shop, slug), left(world.shop, slug)
        return rows


def one_round(world: worlds.World, slug: str, counts: dict[str, int], number: int) -> dict[str, float]:
    """Each kind of work its number of times; all of it must go through."""
    for kind in ("requests", "pushes", "asks"):
        busy = ("python3", "/data/faults/busy.py", kind, str(counts[kind]), str(number * counts[kind]))
        done = world.bot_bottle_for(3600, "exec", slug, "--", *busy)
        assert done.stdout.split()[-1:] == [str(counts[kind]).encode()], (kind, done.stdout, done.stderr.decode()[-2000:])
    for _ in range(counts["execs"]):
        assert world.bot_bottle("exec", slug, "--", "true").returncode == 0
    for _ in range(counts["attaches"]):
        look_in(world.shop, slug)
    who = members(world.shop, slug)
    uses = {name: use(who[name]) for name in ("keeper", "bundle")}
    row = {
        "round": float(number),
        "keeper's children": float(children(who["keeper"])),
        "bundle's children": float(children(who["bundle"])),
    }
    for name, one in uses.items():
        row |= {f"{name}, MiB": round(one.private / 2**20, 2), f"{name}'s descriptors": one.descriptors}
    print(json.dumps(row), flush=True)
    return row


def look_in(shop: Shop, slug: str) -> None:
    """Attach, see the screen, leave."""
    stage = shop.bottles() / slug
    status = Status(**json.loads((stage / "status.json").read_text()))
    with connect(status, stage) as channel:
        channel.settimeout(60)
        frames.send(channel, {"op": "attach", "rows": 24, "cols": 80})
        received = frames.receive(channel)
        assert received is not None
        assert received[0]["type"] == "attached", received


def judge(rows: list[dict[str, float]]) -> dict[str, float]:
    """How far the median of the last rounds is above that of the first ones after the warm-up."""
    worked = rows[WARM:]
    half = len(worked) // 2

    def grows(name: str) -> float:
        early, late = ([row[name] for row in part] for part in (worked[:half], worked[half:]))
        return statistics.median(late) - statistics.median(early)

    told = {f"{name} grows, MiB": grows(f"{name}, MiB") for name in ("keeper", "bundle")}
    return told | {f"{name}'s descriptors grow": grows(f"{name}'s descriptors") for name in ("keeper", "bundle")}


if __name__ == "__main__":
    sys.exit(main())
