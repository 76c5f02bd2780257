"""`bot-bottle stop` keeps a bottle, and `bot-bottle start` runs it again, proved again."""

import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
from shop import Shop

from bot_bottle.errors import ExitCode

pytestmark = pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed")

LIFE = "echo life >> ~/lives; exec sleep 600"


def state(shop: Shop, slug: str) -> str:
    return str(json.loads((shop.bottles() / slug / "status.json").read_text())["state"])


def inside(shop: Shop, slug: str, script: str) -> str:
    done = shop.bot_bottle("exec", slug, "--", "sh", "-c", script)
    assert done.returncode == 0, done.stderr
    return done.stdout.decode()


def test_a_stopped_bottle_goes_on_in_its_own_home_and_workspace(shop: Shop) -> None:
    (shop.project / "given").write_text("given\n")
    assert shop.bot_bottle("run", "-q", "-d", "--name", "b1", "shell", "--", "sh", "-c", LIFE).returncode == 0
    inside(shop, "b1", "echo made > made; rm given")
    assert shop.bot_bottle("stop", "b1", "-t", "1").returncode == 0
    assert state(shop, "b1") == "stopped"
    again = shop.bot_bottle("start", "-d", "b1")
    assert again.returncode == 0, again.stderr
    assert b"sealed by" in again.stderr
    assert inside(shop, "b1", "cat made ~/lives; ls") == "made\nlife\nlife\nmade\n"
    told = [json.loads(line) for line in (shop.bottles() / "b1/events.jsonl").read_text().splitlines()]
    assert [one["holes"] for one in told if one["event"] == "containment"] == [[]], "this life has a log, and a proof, of its own"
    shop.bot_bottle("stop", "b1", "-t", "1")
    assert shop.bot_bottle("land", "b1").returncode == 0
    assert (shop.project / "made").read_text() == "made\n"
    assert shop.bot_bottle("start", "-d", "-q", "b1").returncode == 0, "what was landed is still the bottle's"
    shop.bot_bottle("stop", "b1", "-t", "1")
    verified = shop.bot_bottle("audit", "verify", "b1")
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert shop.bot_bottle("rm", "-f", "b1").returncode == 0
    assert not (shop.bottles() / "b1").exists()


def test_its_exit_code_and_streams_are_those_of_a_run(shop: Shop) -> None:
    shop.bot_bottle("run", "-q", "--name", "b2", "shell", "--", "sh", "-c", "cat >> seen; cat seen; exit 7", stdin=b"one\n")
    again = shop.bot_bottle("start", "-q", "b2", stdin=b"two\n")
    assert (again.returncode, again.stdout, again.stderr[:15]) == (7, b"one\ntwo\n", b"")


def test_one_that_changed_nothing_is_removed_without_force_and_not_by_a_sweep(shop: Shop) -> None:
    shop.bot_bottle("run", "-q", "-d", "--name", "b3", "shell", "--", "sleep", "600")
    shop.bot_bottle("stop", "b3", "-t", "1")
    shop.bot_bottle("clean")
    shop.bot_bottle("rm", "--ended")
    assert (shop.bottles() / "b3/home").is_dir()
    assert shop.bot_bottle("rm", "b3").returncode == 0
    assert not (shop.bottles() / "b3").exists()


def test_one_that_runs_or_of_which_nothing_is_left_is_not_started(shop: Shop) -> None:
    shop.bot_bottle("run", "-q", "-d", "--name", "b4", "shell", "--", "sleep", "600")
    running = shop.bot_bottle("start", "-d", "b4")
    assert running.returncode == ExitCode.USAGE
    assert b"runs" in running.stderr
    shop.bot_bottle("run", "-q", "--name", "b5", "shell", "--", "true")
    ended = shop.bot_bottle("start", "-d", "b5")
    assert ended.returncode == ExitCode.USAGE
    assert b"Nothing of the bottle b5 was kept." in ended.stderr
    assert shop.bot_bottle("start", "-d", "b6").returncode == ExitCode.NOT_FOUND


def test_what_changed_in_the_plan_since_is_said_before_it_starts(shop: Shop) -> None:
    (shop.project / "bottle.yaml").write_text("limits: {pids: 300}\n")
    shop.bot_bottle("run", "-q", "-d", "-f", "bottle.yaml", "--name", "b7", "shell", "--", "sleep", "600")
    shop.bot_bottle("stop", "b7", "-t", "1")
    (shop.project / "bottle.yaml").write_text("limits: {pids: 301}\n")
    again = shop.bot_bottle("start", "-d", "b7")
    assert again.returncode == 0, again.stderr
    assert b"gone since it ran last: limits 4 GiB of memory, 300 processes" in again.stderr
    assert b"new since it ran last: limits 4 GiB of memory, 301 processes" in again.stderr


def test_a_start_that_fails_loses_nothing(shop: Shop) -> None:
    (shop.project / "bottle.yaml").write_text("{}\n")
    shop.bot_bottle("run", "-q", "-d", "-f", "bottle.yaml", "--name", "b8", "shell", "--", "sh", "-c", LIFE)
    inside(shop, "b8", "echo work > work")
    shop.bot_bottle("stop", "b8", "-t", "1")
    (shop.project / "bottle.yaml").write_text("mounts: [{path: /nowhere, to: /opt/nowhere}]\n")
    assert shop.bot_bottle("start", "-d", "b8").returncode != 0
    (shop.project / "bottle.yaml").write_text("{}\n")
    failed = shop.bot_bottle("start", "-d", "b8", PATH="/usr/local/sbin", BOT_BOTTLE_RUNSC="/nowhere")
    assert failed.returncode != 0
    assert (shop.bottles() / "b8/workspace/work").read_text() == "work\n"
    assert shop.bot_bottle("start", "-d", "b8").returncode == 0
    assert inside(shop, "b8", "cat ~/lives work") == "life\nlife\nwork\n"


def test_one_whose_keeper_was_killed_goes_on_where_it_had_changes(shop: Shop) -> None:
    shop.bot_bottle("run", "-q", "-d", "--name", "b9", "shell", "--", "sh", "-c", LIFE)
    inside(shop, "b9", "echo work > work")
    os.kill(int(json.loads((shop.bottles() / "b9/status.json").read_text())["keeper_pid"]), signal.SIGKILL)
    deadline = time.monotonic() + 30
    while b'"running"' in shop.bot_bottle("ls", "-a", "--json").stdout:
        assert time.monotonic() < deadline
    assert shop.bot_bottle("start", "-d", "b9").returncode == 0
    assert inside(shop, "b9", "cat ~/lives work") == "life\nlife\nwork\n"


def test_a_clone_goes_on_with_its_branch_and_pushes_it(shop: Shop) -> None:
    git = ("git", "-c", "user.name=O", "-c", "user.email=o@example.com")
    for words in (("init", "-q", "-b", "main"), ("commit", "-q", "--allow-empty", "-m", "first")):
        subprocess.run([*git, *words], cwd=shop.project, check=True)
    shop.bot_bottle("run", "-q", "-d", "--mode", "clone", "--name", "b10", "shell", "--", "sh", "-c", LIFE)
    commit = "git -c user.name=A -c user.email=a@example.com commit -q --allow-empty -m"
    inside(shop, "b10", f"git checkout -q -b work; {commit} second")
    shop.bot_bottle("stop", "b10", "-t", "1")
    assert shop.bot_bottle("start", "-d", "b10").returncode == 0
    inside(shop, "b10", f"{commit} third; git push -q origin work")
    log = subprocess.run(["git", "log", "--format=%s", "bottle/b10/work"], cwd=shop.project, capture_output=True, check=True)
    assert log.stdout == b"third\nsecond\nfirst\n"


def test_a_shared_folder_has_nothing_to_keep_but_the_home(shop: Shop, tmp_path: Path) -> None:
    shop.bot_bottle("run", "-q", "-d", "--mode", "bind", "--name", "b11", "shell", "--", "sh", "-c", LIFE)
    shop.bot_bottle("stop", "b11", "-t", "1")
    assert shop.bot_bottle("start", "-d", "b11").returncode == 0
    assert inside(shop, "b11", "cat ~/lives") == "life\nlife\n"


def test_links_that_a_bottle_leaves_in_its_home_lead_the_next_start_nowhere(shop: Shop, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.mkdir()
    shop.bot_bottle("run", "-q", "-d", "--mode", "copy", "--name", "b12", "shell", "--", "sh", "-c", LIFE)
    given = {path.relative_to(shop.bottles() / "b12/home") for path in (shop.bottles() / "b12/home").rglob("*") if path.is_file()}
    tops = sorted({path.parts[0] for path in given if path.parts[0] != "lives"})
    inside(shop, "b12", f"cd; for name in {' '.join(tops)} x; do rm -rf $name; ln -s {victim} $name; done; chmod 777 .")
    shop.bot_bottle("stop", "b12", "-t", "1")
    assert shop.bot_bottle("start", "-d", "-q", "b12").returncode == 0
    assert list(victim.iterdir()) == []
