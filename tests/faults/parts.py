"""Which process plays which part of a bottle: told by parents and command lines, never by a broad name."""

import contextlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

from shop import Shop
from world import World


@dataclass(frozen=True, kw_only=True)
class Seen:
    """One process as /proc shows it."""

    pid: int
    parent: int
    words: str
    is_dead: bool


def processes() -> dict[int, Seen]:
    """Every process; one that waits to be reaped is dead."""
    found = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                fields = Path("/proc", entry, "stat").read_text().rpartition(")")[2].split()
                words = Path("/proc", entry, "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            found[int(entry)] = Seen(pid=int(entry), parent=int(fields[1]), words=words, is_dead=fields[0] in "ZX")
    return found


def below(top: int, seen: dict[int, Seen]) -> list[int]:
    """Everything below a process, itself left out."""
    found, pending = [], [top]
    while pending:
        parent = pending.pop()
        children = [one.pid for one in seen.values() if one.parent == parent]
        found += children
        pending += children
    return found


def find(part: str, world: World, slug: str, *, cli: int) -> list[int]:
    """The processes that play this part of the bottle that `cli` started; none when they are not there yet."""
    seen = {number: one for number, one in processes().items() if not one.is_dead}
    keeper = next((one.pid for one in seen.values() if one.parent == cli and f"--name {slug} " in one.words), 0)
    bundle = next((one.pid for one in seen.values() if one.parent == cli and "gates.bundle" in one.words), 0)
    program = "runsc" if world.backend == "gvisor" else "bwrap"
    match part:
        case "cli":
            return [cli]
        case "keeper":
            return [keeper] if keeper else []
        case "bundle":
            return [bundle] if bundle else []
        case "sandbox":
            tops = below(keeper, seen) if keeper else []
            stage = f"/bottles/{slug}"
            mine = [one for one in seen if one in tops or stage in seen[one].words]
            return [one for one in mine if _program(seen[one]).startswith(program) and not _is_of(one, bundle, seen)]
        case "first":
            outer = [one for one in (below(keeper, seen) if keeper else []) if _program(seen[one]) == "bwrap"]
            return [one.pid for one in seen.values() if one.parent in outer and one.pid not in outer]
        case "agent":
            return [one.pid for one in seen.values() if f"faults/agent.py {slug} " in one.words and "bot_bottle" not in one.words]
        case "git child":
            return below(bundle, seen) if bundle else []
        case "container":
            return containers(world, slug)
        case "shim":
            held = containers(world, slug)
            return sorted({seen[one].parent for one in held if one in seen})
    raise AssertionError(part)


def _program(one: Seen) -> str:
    return one.words.partition(" ")[0].rpartition("/")[2]


def _is_of(one: int, top: int, seen: dict[int, Seen]) -> bool:
    """Whether it is below this process: the gate has sandboxes of its own."""
    while one in seen and one != top:
        one = seen[one].parent
    return bool(top) and one == top


def containers(world: World, slug: str) -> list[int]:
    """The first processes of the bottle's containers."""
    listed = world.docker("ps", "--quiet", "--filter", f"label=bot-bottle.stage={world.shop.bottles() / slug}").split()
    if not listed:
        return []
    rows = world.docker("inspect", "--format", "{{json .State.Pid}}", *listed).split()
    return [number for number in map(json.loads, rows) if number]


def left(shop: Shop, slug: str) -> list[str]:
    """Whatever of a bottle still runs: processes of the operator's, and those of the bottle, which know nothing of their home."""
    found = []
    home = str(shop.home)
    for one in processes().values():
        if one.is_dead or one.pid == os.getpid():
            continue
        inside = f"faults/agent.py {slug} " in one.words
        if home in one.words or inside or _home_of(one.pid) == home or _holds(one.pid, str(shop.home.parent)):
            found.append(f"{one.pid} (parent {one.parent}): {one.words[:160]}")
    return found


def _holds(pid: int, folder: str) -> bool:
    """Whether it stands in the folder or has a file of it open: the gates name no home."""
    places = [f"/proc/{pid}/cwd"]
    with contextlib.suppress(OSError):
        places += [f"/proc/{pid}/fd/{name}" for name in os.listdir(f"/proc/{pid}/fd")]
    for place in places:
        with contextlib.suppress(OSError):
            if os.readlink(place).startswith(f"{folder}/"):
                return True
    return False


def _home_of(pid: int) -> str:
    try:
        rows = Path("/proc", str(pid), "environ").read_bytes().split(b"\0")
    except OSError:
        return ""
    return next((row[5:].decode(errors="replace") for row in rows if row.startswith(b"HOME=")), "")
