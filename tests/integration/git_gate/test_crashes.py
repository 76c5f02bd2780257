"""The gate is killed in the middle of a push: what the client was told and what the upstream has agree; a retry settles it."""

import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from forge import PASSWORD, SLUG, Forge, commit, gated, git, head, operator_repository

from bot_bottle.manifest.spec import GitUpstream

ROUNDS = int(os.environ.get("BOT_BOTTLE_KILL_ROUNDS", "6"))
WAIT_S = 30.0


@contextmanager
def gate_process(config: Path, port: int) -> Iterator["subprocess.Popen[bytes]"]:
    """The gate, started anew on the same folder."""
    program = Path(__file__).resolve().parents[2] / "support/gate_process.py"
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen((sys.executable, str(program), str(config), str(port)), env=env, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        try:
            yield process
        finally:
            process.kill()


def wait_for_line(path: Path, count: int, client: "subprocess.Popen[bytes]") -> None:
    """Until the journal has so many lines, or the client is done."""
    deadline = time.monotonic() + WAIT_S
    while time.monotonic() < deadline and client.poll() is None:
        if path.exists() and path.read_bytes().count(b"\n") >= count:
            return
    assert client.poll() is not None


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["local", "https"])
def test_a_killed_gate_loses_nothing_and_repeats_nothing(tmp_path: Path, kind: str) -> None:
    forge = Forge(tmp_path / "forge")
    try:
        if kind == "local":
            upstream = operator_repository(tmp_path / "project")
            one = GitUpstream(where="test", path=upstream)
        else:
            upstream = forge.repository("project")
            one = GitUpstream(where="test", url=forge.url("project"), credential="forge")
        with gated(tmp_path / "gate", (one,), ca=forge.ca) as gate:
            work = gate.clone(gate.url("project") if kind == "local" else forge.url("project"))
            config = tmp_path / "gate.json"
            config.write_text(json.dumps({**gate.plan.config(), "password": PASSWORD}))
            port = gate.port
            bottle = gate
        _rounds(bottle.home, work, upstream, config, port)
    finally:
        forge.close()


def _rounds(home: Path, work: Path, upstream: Path, config: Path, port: int) -> None:
    chance = random.Random(1)  # moments, not secrets
    journal = config.parent / "gate/stage/git/project.journal"
    ref = f"refs/heads/bottle/{SLUG}/main"
    env = {"PATH": os.environ["PATH"], "HOME": str(home), "GIT_TERMINAL_PROMPT": "0"}
    told_taken = 0
    for number in range(ROUNDS):
        before = head(upstream, ref)
        made = commit(work, {"count.txt": f"{number}\n"})
        lines = journal.read_bytes().count(b"\n") if journal.exists() else 0
        with gate_process(config, port) as gate:
            push = ("git", "push", "origin", "main")
            with subprocess.Popen(push, cwd=work, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as client:
                wait_for_line(journal, lines + 1, client)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    client.wait(chance.choice((0.001, 0.01, 0.03, 0.1)))
                os.kill(gate.pid, signal.SIGKILL)
                _, words = client.communicate(timeout=WAIT_S)
        has = head(upstream, ref)
        assert has in {before, made}
        if client.returncode == 0:
            told_taken += 1
            assert has == made, words
        with gate_process(config, port):
            again = git("push", "origin", "main", at=work, check=False, HOME=str(home))
            assert again.returncode == 0, again.stderr
        assert head(upstream, ref) == made
        assert git("rev-list", "--count", made, at=upstream).stdout == f"{number + 2}\n"
    begun = [json.loads(line) for line in journal.read_text().splitlines()]
    assert {row["push"] for row in begun if "outcome" not in row} == {row["push"] for row in begun if "outcome" in row}
