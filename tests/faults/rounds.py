"""Kills, stops and starves the parts of bottles at drawn moments, and checks after each round that all is in order.

    python tests/faults/rounds.py --rounds 200 --backend namespaces --seed 1

Needs the packages of pins/dev.txt. As root the disk can be filled and the clocks be moved as well; Docker gets a daemon of its
own, which is killed too. The same seed draws the same rounds; how far a bottle has come at a moment is the machine's own affair.
"""

import argparse
import collections
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

if __name__ == "__main__":
    ROOT = Path(__file__).resolve().parents[2]
    sys.path[:0] = [str(ROOT / "src"), str(ROOT / "tests/support")]  # beside this folder, which is there already

import checks
from parts import find
from world import World, made

from faults import PASSES, Fault, draw

END_S = 120.0
PAUSE_S = 1.0


def one_round(world: World, fault: Fault) -> None:
    """Start a bottle, do it, look."""
    slug = f"{world.name}-{fault.number}"
    argv = world.argv(slug, passes=PASSES)
    if fault.skew_s:
        argv = ["unshare", "--time", f"--monotonic={fault.skew_s:.0f}", f"--boottime={fault.skew_s:.0f}", *argv]
    log = world.told / f"{slug}.log"
    with (
        open(log, "wb") as words,
        subprocess.Popen(
            argv, env=world.variables(), cwd=world.shop.project, stdin=subprocess.DEVNULL, stdout=words, stderr=words
        ) as cli,
    ):
        try:
            with contextlib.ExitStack() as undo:
                dead_at = strike(world, fault, slug, cli, undo)
                cli.wait(END_S)
        finally:
            if cli.poll() is None:
                cli.kill()
    try:
        checks.check_ended(world, slug)
        checks.check_sealed(world, slug, dead_at=dead_at)
        checks.check_whole(world, slug, may_be_cut=fault.part == "disk")
        if (world.shop.bottles() / slug / "git").exists():
            checks.check_pushes(world, slug)
            checks.check_settled(world, slug)
        if (world.shop.bottles() / slug / "events.jsonl").exists():
            checks.check_audit(world, slug, may_lack_end="keeper" in fault.part or fault.part == "disk")
        if fault.part == "nothing":
            check_quiet(world, slug, cli.returncode)
        checks.check_removed(world, slug)
    except AssertionError as error:
        error.add_note(f"the command said: {log.read_text(errors='replace')[-1500:]}")
        raise


def check_quiet(world: World, slug: str, code: int) -> None:
    """A round in which nothing was done: everything went through, so that the other rounds are worth something."""
    rows = checks.told(world, slug)
    assert code == 0, code
    assert rows[-1]["step"] == "ended", rows[-1]
    assert sum(row["step"] == "pushed" and row["taken"] for row in rows) == 2 * PASSES, rows
    assert [row["status"] for row in rows if row["step"] == "allowed"] == [200] * PASSES, rows
    assert [row["status"] for row in rows if row["step"] in ("leak", "refused")] == [403] * 2 * PASSES, rows
    assert all(row["answered"] for row in rows if row["step"] == "asked"), rows


def strike(world: World, fault: Fault, slug: str, cli: "subprocess.Popen[bytes]", undo: contextlib.ExitStack) -> float | None:
    """Wait for the moment, then do it. When the gates died by it, if they did."""
    deadline = time.monotonic() + END_S
    while len(checks.told(world, slug)) < fault.after and cli.poll() is None and time.monotonic() < deadline:
        time.sleep(0.005)
    time.sleep(fault.delay_s)  # the moment is what varies, not something that is waited for
    if fault.part == "nothing":
        return None
    if fault.part == "disk":
        undo.callback(fill(world.state).unlink)
        return None
    if fault.part == "daemon":
        assert world.dockerd is not None
        world.dockerd.kill()
        undo.callback(world.dockerd.start)
        return None
    gates = find("bundle", world, slug, cli=cli.pid)
    watch = [os.pidfd_open(one) for one in gates]
    if fault.part == "bundle, keeper":  # gates that are stopped do not see that their keeper is gone
        send(gates, signal.SIGSTOP)
        send(find("keeper", world, slug, cli=cli.pid), signal.SIGKILL)
        return None
    hit(fault.way, fault.part, world, slug, cli.pid)
    return death(watch)


def hit(way: str, part: str, world: World, slug: str, cli: int) -> None:
    """Signals to whoever plays the part."""
    victims = find(part, world, slug, cli=cli)
    if part == "git child":
        deadline = time.monotonic() + 0.5  # they come and go
        while not victims and time.monotonic() < deadline:
            victims = find(part, world, slug, cli=cli)
    numbers: tuple[int, ...] = (signal.SIGKILL,) if way == "kill" else (signal.SIGSTOP,)
    send(victims, numbers[0])
    if way == "stop and kill":
        time.sleep(PAUSE_S / 4)
        send(victims, signal.SIGKILL)
    elif way == "pause":
        time.sleep(PAUSE_S)
        send(victims, signal.SIGCONT)


def send(victims: list[int], number: int) -> None:
    """To each that is still there."""
    for one in victims:
        with contextlib.suppress(ProcessLookupError):
            os.kill(one, number)


def death(watch: list[int]) -> float | None:
    """When the last of these was seen to be dead; None when one lives. Closes them."""
    import select

    try:
        alive = [one for one in watch if not select.select([one], [], [], 0.5)[0]]
        return time.monotonic() if watch and not alive else None
    finally:
        for one in watch:
            os.close(one)


def fill(folder: Path) -> Path:
    """Leave no byte on its file system."""
    filler = folder / "filler"
    with open(filler, "wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(1 << 20))
    with open(filler, "ab", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(512))
    return filler


@contextlib.contextmanager
def on(backend: str, folder: Path) -> Iterator[World]:
    """A world on this backend, with everything that can be broken here."""
    is_root = os.getuid() == 0
    if backend == "docker":
        import dockerd

        with (
            dockerd.daemon() as running,
            made(folder, backend=backend, image="bot-bottle-base", env={"DOCKER_HOST": running.address}) as world,
        ):
            world.dockerd = running
            yield world
    else:
        names = ("BOT_BOTTLE_RUNSC",)
        env = {name: os.environ[name] for name in names if name in os.environ}
        with made(folder, backend=backend, env=env, small_disk=is_root) as world:
            yield world


def allowed(world: World) -> frozenset[str]:
    """What can be done here besides signals."""
    found = set()
    if os.path.ismount(world.state):
        found.add("disk")
    if world.dockerd is not None:
        found.add("daemon")
    if os.getuid() == 0 and Path("/proc/self/ns/time").exists() and shutil.which("unshare"):
        found.add("clock")
    return frozenset(found)


def main() -> int:
    """Rounds until one fails, or all are over; a line for each kind at the end."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--rounds", type=int, default=200)
    options.add_argument("--backend", choices=("namespaces", "gvisor", "docker"), default="namespaces")
    options.add_argument("--seed", type=int, default=1)
    options.add_argument("--first", type=int, default=0, help="the number of the first round")
    options.add_argument("--go-on", action="store_true", help="after a failed round as well")
    asked = options.parse_args()
    done: collections.Counter[str] = collections.Counter()
    failed = 0
    with contextlib.ExitStack() as undo:
        folder = undo.enter_context(tempfile.TemporaryDirectory(prefix="bot-bottle-faults-", dir="/var/tmp"))
        world = undo.enter_context(on(asked.backend, Path(folder)))
        for number in range(asked.first, asked.first + asked.rounds):
            fault = draw(number, seed=asked.seed, backend=asked.backend, may=allowed(world))
            began = time.monotonic()
            try:
                one_round(world, fault)
            except AssertionError as error:
                failed += 1
                print(f"FAILED {fault}: {error}", *getattr(error, "__notes__", ()), sep="\n  ", flush=True)
                if not asked.go_on:
                    return 1
                settle(world)
            else:
                print(f"ok {fault} ({time.monotonic() - began:.1f} s)", flush=True)
            done[f"{fault.way} {fault.part}"] += 1
    print(f"{sum(done.values())} rounds on {asked.backend}, seed {asked.seed}: {failed} failed")
    print("  " + "\n  ".join(f"{count:4} {kind}" for kind, count in sorted(done.items())))
    return 1 if failed else 0


def settle(world: World) -> None:
    """After a failed round: what it left must not fail the next one."""
    from parts import left

    for row in left(world.shop, "-"):
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(row.split()[0]), signal.SIGKILL)
    world.bot_bottle("clean")
    for stage in world.shop.bottles().glob("*"):
        world.bot_bottle("rm", "-f", stage.name)


if __name__ == "__main__":
    sys.exit(main())
