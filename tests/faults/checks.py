"""What must be true after a round, whatever was done to the bottle. Each check is an AssertionError that says what is wrong."""

import json
import re
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from forge import git, head
from parts import left
from world import World

LATE_S = 2.0
"""What was on its way when a gate died may take this long to be seen by a server on a busy machine."""

REFUSED = (0, 403, 502, 503, 504)
"""What a gate answers to what it does not let through, or cannot; 0 is no answer at all."""

WHOLE, UNENDED = 0, 3
"""Exit codes of `audit verify`."""

Told = list[dict[str, Any]]


def told(world: World, slug: str) -> Told:
    """What the agent wrote down."""
    path = world.told / f"{slug}.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def until(claim: Callable[[], bool], say: Callable[[], str], *, timeout_s: float = 30.0) -> None:
    """An AssertionError unless it comes true in time."""
    deadline = time.monotonic() + timeout_s
    while not claim():
        assert time.monotonic() < deadline, say()
        time.sleep(0.03)


def check_sealed(world: World, slug: str, *, dead_at: float | None) -> None:
    """Nothing left after the gate's death, and nothing at all that is not allowed."""
    sent = world.web.of(slug)
    assert not any(world.bait.encode() in body for _, _, body in sent), "the bait reached the server"
    assert not any(path.startswith(("/private/", "/post/")) for _, path, _ in sent), "what is refused reached the server"
    if dead_at is not None:
        late = [(round(at - dead_at, 2), path) for at, path, _ in sent if at > dead_at + LATE_S]
        assert not late, f"requests left after the gate's death: {late}"
    lies = [row for row in told(world, slug) if row["step"] in ("leak", "refused") and row["status"] not in REFUSED]
    assert not lies, f"refusals that were none: {lies}"


def check_ended(world: World, slug: str) -> None:
    """Nothing inside outlives its keeper, without any command's help; then nothing at all is left after the next command."""
    until(lambda: not _inside(world, slug), lambda: f"what is inside lives on: {_inside(world, slug)}")
    listed = world.bot_bottle("ls", "-a", "--json")
    assert listed.returncode == 0, f"ls: {listed.stderr.decode()}"
    until(lambda: not left(world.shop, slug), lambda: f"still running: {left(world.shop, slug)}")
    listed = world.bot_bottle("ls", "-a", "--json")
    states = {row["slug"]: row["state"] for row in json.loads(listed.stdout)}
    assert states.get(slug) not in ("running", "starting", "died"), states
    check_nothing_outside(world, slug)


def _inside(world: World, slug: str) -> list[str]:
    return [row for row in left(world.shop, slug) if f"agent.py {slug} " in row and "bot_bottle" not in row]


def check_nothing_outside(world: World, slug: str) -> None:
    """No control group, mount, listening socket, container or network of the bottle."""
    until(lambda: not _groups(slug), lambda: f"control groups are left: {_groups(slug)}", timeout_s=5.0)
    stage = f"{world.shop.bottles()}/{slug}"
    mounts = [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if f"{stage}/" in line]
    assert not mounts, f"mounts are left: {mounts}"
    sockets = [line for line in Path("/proc/net/unix").read_text().splitlines() if f"{stage}/" in line]
    assert not sockets, f"sockets are open: {sockets}"
    if world.backend == "docker":
        things = [
            world.docker(*words, "--filter", "label=bot-bottle", "--format", "{{.ID}} {{.Labels}}")
            for words in (("ps", "--all"), ("network", "ls"), ("volume", "ls"))
        ]
        assert not any(stage in text for text in things), f"docker keeps: {things}"


def _groups(slug: str) -> list[Path]:
    return [path for path in Path("/sys/fs/cgroup").glob(f"**/bot-bottle-{slug}-*") if path.is_dir()]


def check_whole(world: World, slug: str, *, may_be_cut: bool = False) -> None:
    """Every record in the stage dir can be read. On a disk that was full the last line of a log may be cut off."""
    stage = world.shop.bottles() / slug
    inside = ("workspace", "home")
    for path in stage.rglob("*.json*"):
        if path.relative_to(stage).parts[0] in inside or not path.is_file() or not path.name.endswith((".json", ".jsonl")):
            continue
        text = path.read_text()
        if path.suffix == ".json":
            json.loads(text)
            continue
        lines = text.split("\n")
        if not may_be_cut:
            assert lines[-1] == "", f"{path.name} ends in half a line: {lines[-1][:80]!r}"
        for line in lines[:-1]:
            json.loads(line)


def check_pushes(world: World, slug: str) -> None:
    """What was said to be accepted is upstream, once; what is upstream was said, or is told of by the records."""
    rows = told(world, slug)
    for to, at, ref in (("local", world.shop.project, "main"), ("forge", world.bare, "topic")):
        asked = [row["commit"] for row in rows if row["step"] == "push" and row["to"] == to]
        taken = [row["commit"] for row in rows if row["step"] == "pushed" and row["to"] == to and row["taken"]]
        tip = head(at, f"refs/heads/bottle/{slug}/{ref}")
        there = git("rev-list", tip, at=at).stdout.split() if tip else []
        for commit in taken:
            assert there.count(commit) == 1, f"{to}: {commit} was accepted and is not upstream"
        subjects = git("log", "--format=%s", tip, at=at).stdout.splitlines() if tip else []
        mine = [text for text in subjects if text.startswith(f"{slug} ")]
        assert len(mine) == len(set(mine)), f"{to}: doubled: {mine}"
        heard = git("rev-list", *taken, at=at).stdout.split() if taken else []  # a push takes those before it along
        for commit in there:
            if commit in asked and commit not in heard:
                assert commit in reported(world, slug), f"{to}: {commit} is upstream, and nobody says so"
        assert subprocess.run(("git", "fsck", "--strict"), cwd=at, capture_output=True, check=False).returncode == 0


def check_settled(world: World, slug: str) -> None:
    """What the records leave open is closed by asking the upstreams, who say what is true."""
    done = world.bot_bottle("pushes", "settle", slug)
    assert done.returncode == 0, f"settle: {done.stderr.decode()}"
    listed = json.loads(world.bot_bottle("pushes", "ls", "--json", slug).stdout)
    assert not listed, listed
    for line in done.stderr.decode().splitlines():
        if " has " in line or " does not have " in line:
            at, ref = (world.bare, "topic") if f"bottle/{slug}/topic" in line else (world.shop.project, "main")
            tip = head(at, f"refs/heads/bottle/{slug}/{ref}")
            assert (" has " in line) == bool(tip and tip[:12] in line), f"{line}, but it is at {tip}"


def reported(world: World, slug: str) -> str:
    """What the operator can read of this bottle's pushes."""
    words = world.bot_bottle("pushes", "ls", "--all", "--json", slug)
    assert words.returncode == 0, words.stderr.decode()
    logs = sorted((world.shop.bottles().parent / "audit").glob(f"{slug}.*.jsonl"))  # what was decided after the end has its own
    lines = [line for log in logs for line in log.read_text().splitlines()]
    return str(words.stdout.decode()) + "\n".join(line for line in lines if re.search(r'"event": ?"(push|settled|review)"', line))


def check_audit(world: World, slug: str, *, may_lack_end: bool) -> None:
    """The log is what was written, up to its end mark where somebody lived who could write one."""
    done = world.bot_bottle("audit", "verify", slug)
    allowed = (WHOLE, UNENDED) if may_lack_end else (WHOLE,)
    assert done.returncode in allowed, f"audit ({done.returncode}): {(done.stdout + done.stderr).decode()}"


def check_removed(world: World, slug: str) -> None:
    """The commands that follow clean up and work; the bottle's branches go with it."""
    cleaned = world.bot_bottle("clean")
    assert cleaned.returncode == 0, f"clean: {cleaned.stderr.decode()}"
    stage = world.shop.bottles() / slug
    if stage.exists():
        removed = world.bot_bottle("rm", "-f", slug)
        assert removed.returncode == 0, f"rm: {removed.stderr.decode()}"
    assert not stage.exists(), "rm left the folder"
    strays = [path.name for path in world.shop.bottles().glob("*")] if world.shop.bottles().exists() else []
    assert not strays, f"left beside the bottles: {strays}"
    for at, ref in ((world.shop.project, "main"), (world.bare, "topic")):
        git("update-ref", "-d", f"refs/heads/bottle/{slug}/{ref}", at=at)
