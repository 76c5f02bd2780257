"""Logs of real bottles: whole after an end, honest after a kill or on a full disk, and without a secret in them."""

import fcntl
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from shop import Shop

pytestmark = pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed")

WHOLE, ALTERED, UNENDED = 0, 1, 3
WAIT_S = 30.0


def verify(shop: Shop, *named: str) -> tuple[int, list[dict[str, Any]]]:
    """Exit code and reports."""
    done = shop.bot_bottle("audit", "verify", "--json", *named)
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()]


def logs(shop: Shop) -> list[Path]:
    return sorted((shop.home / ".local/state/bot-bottle/audit").glob("*.jsonl"))


def events(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def names(path: Path) -> list[str]:
    return [f"{event['gate']} {event['event']}" for event in events(path)]


def wait_for(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_S
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def run_shell(shop: Shop, script: str, *options: str) -> "subprocess.CompletedProcess[bytes]":
    return shop.bot_bottle("run", "-q", "--name", "one", *options, "shell", "--", "sh", "-c", script)


@contextmanager
def detached(shop: Shop, script: str = "sleep 4321") -> Iterator[dict[str, Any]]:
    """A running bottle: its status."""
    assert run_shell(shop, script, "-d").returncode == 0
    yield json.loads((shop.bottles() / "one" / "status.json").read_text())
    shop.bot_bottle("stop", "-t", "0", "one")


def test_a_bottles_log_tells_its_story_and_is_whole(shop: Shop) -> None:
    run_shell(shop, "curl -s -m 5 https://nobody.example/x")
    assert verify(shop)[0] == WHOLE
    (path,) = logs(shop)
    assert names(path) == [
        "keeper begin",
        "keeper containment",
        "keeper started",
        "egress decision",
        "keeper ended",
        "keeper end",
    ]
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    started = events(path)[2]
    assert started["plan"] != started["policy"]
    assert ["agent", "shell", ""] in [[*line[:2], ""] for line in started["preflight"]]


def test_the_end_is_signed_before_anybody_can_ask(shop: Shop) -> None:
    for number in range(3):
        shop.bot_bottle("run", "-q", "--name", f"n{number}", "shell", "--", "true")
        assert verify(shop, f"n{number}")[0] == WHOLE


def test_a_log_outlives_its_bottle(shop: Shop) -> None:
    run_shell(shop, "true")
    assert shop.bot_bottle("rm", "one").returncode == 0
    code, (report,) = verify(shop, "one")
    assert (code, report["state"]) == (WHOLE, "whole")
    assert b"containment" in shop.bot_bottle("audit", "show", "one").stdout


def test_a_start_that_fails_has_a_log_too(shop: Shop) -> None:
    assert shop.bot_bottle("run", "-q", "--name", "one", "shell", "--", "/no/such/program").returncode == 127
    code, (report,) = verify(shop, "one")
    assert (code, report["state"]) == (WHOLE, "whole")


def test_a_keeper_that_is_killed_leaves_a_log_without_an_end_up_to_its_last_event(shop: Shop) -> None:
    with detached(shop, "curl -s -m 5 https://nobody.example/x; sleep 4321") as status:
        (path,) = logs(shop)
        wait_for(lambda: "egress decision" in names(path))
        assert verify(shop, "one")[1][0]["state"] == "runs"
        os.kill(status["keeper_pid"], signal.SIGKILL)
        wait_for(lambda: verify(shop, "one")[1][0]["state"] != "runs")
        code, (report,) = verify(shop, "one")
        assert (code, report["state"], report["events"]) == (UNENDED, "unended", 4)
        assert b"ended without an end mark, up to event 4" in shop.bot_bottle("audit", "verify", "one").stdout
    shop.bot_bottle("ls", "-a")  # puts in order what died
    code, (report,) = verify(shop, "one")
    assert (code, report["state"], report["closed"]) == (UNENDED, "unended", "its keeper was ended from outside")
    assert names(path)[-1] == "keeper closed"
    shop.bot_bottle("rm", "-f", "one")
    assert verify(shop, "one")[0] == UNENDED


def test_a_killed_bundle_ends_its_bottle_and_the_log_says_so(shop: Shop) -> None:
    with detached(shop):
        process, _began = json.loads((shop.bottles() / "one/bundle.pid").read_text())
        os.kill(process, signal.SIGKILL)
        wait_for(lambda: verify(shop, "one")[1][0]["state"] == "whole")
    (path,) = logs(shop)
    assert "its gates ended" in events(path)[-2]["why"]


@pytest.mark.parametrize("how", ["edit", "truncate", "forge"])
def test_a_log_that_is_changed_while_the_bottle_runs_ends_it(shop: Shop, how: str) -> None:
    with detached(shop):
        (path,) = logs(shop)
        wait_for(lambda: "keeper started" in names(path))
        time.sleep(1.5)  # the keeper looks once a second; what it has not looked at yet it cannot miss
        log = path.read_bytes()
        if how == "truncate":
            os.truncate(path, len(log) - 100)
        elif how == "edit":
            path.write_bytes(log.replace(b'"holes":[]', b'"holes":{}'))
            with open(path, "ab") as file:
                file.write(b"x\n")
        else:
            with open(path, "ab") as file:
                file.write(b'{"prev":"' + b"0" * 64 + b'","seq":4,"ts":1,"gate":"egress","event":"decision"}\n')
        status = shop.bottles() / "one" / "status.json"
        wait_for(lambda: json.loads(status.read_text())["state"] == "ended")
        assert "its log was changed by something else" in json.loads(status.read_text())["why"]
    assert verify(shop, "one")[0] == ALTERED


def test_any_change_after_the_end_shows(shop: Shop) -> None:
    run_shell(shop, "true")
    (path,) = logs(shop)
    assert verify(shop, "one")[0] == WHOLE
    log = path.read_bytes()
    for changed, code in (
        (log.replace(b'"asked":', b'"Asked":'), ALTERED),
        (b"".join(log.splitlines(keepends=True)[:-1]), UNENDED),
        (b"".join(log.splitlines(keepends=True)[1:]), ALTERED),
        (log + log.splitlines(keepends=True)[-1], ALTERED),
        (log, WHOLE),
    ):
        path.write_bytes(changed)
        assert verify(shop, "one")[0] == code, changed


def test_marks_are_signed_while_it_runs(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    from bot_bottle.bottles.audit import log as logs_of_keepers
    from bot_bottle.bottles.audit.key import trusted
    from bot_bottle.bottles.audit.verify import verify as check

    monkeypatch.setenv("HOME", str(shop.home))
    monkeypatch.setattr(logs_of_keepers, "MARK_EVERY_S", 0.0)
    stage = shop.home / "stage"
    stage.mkdir()
    kept = logs_of_keepers.BottleLog("one", stage)
    kept.begin({"agent": "shell"})
    kept.look()
    kept.mark_now_and_then()
    (path,) = logs(shop)
    wait_for(lambda: names(path) == ["keeper begin", "keeper mark"])
    kept.note("ended", {"code": 0})
    kept.end()
    with open(path, "rb") as file:
        fcntl.flock(file, fcntl.LOCK_SH)  # given back by the end mark
        assert check(file.read(), trusted()).state == "whole"
    assert names(path) == ["keeper begin", "keeper mark", "keeper ended", "keeper end"]


def fill(path: Path) -> None:
    """Take every block that is left."""
    with open(path, "wb") as file, suppress(OSError):
        while True:
            os.write(file.fileno(), bytes(4096))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")
def test_on_a_full_disk_the_log_stays_what_was_recorded_and_the_next_command_closes_it(shop: Shop) -> None:
    state = shop.home / ".local" / "state"
    state.mkdir(parents=True)
    subprocess.run(("mount", "-t", "tmpfs", "-o", "size=4m,mode=0700", "tmpfs", str(state)), check=True)
    try:
        with detached(shop, "while :; do curl -s -m 5 https://nobody.example/x; done; sleep 4321") as status:
            (path,) = logs(shop)
            wait_for(lambda: "egress decision" in names(path))
            filler = state / "filler"
            fill(filler)
            wait_for(lambda: not Path(f"/proc/{status['keeper_pid']}").exists())
            before = path.read_bytes()
            code, (report,) = verify(shop, "one")
            assert report["events"] == before.count(b"\n")
            assert report["torn"] == 0
            # whether the two last lines still fit into the log's last block is chance
            assert (code, report["state"]) in ((WHOLE, "whole"), (UNENDED, "unended"))
            filler.unlink()
            shop.bot_bottle("ls", "-a")
            assert verify(shop, "one")[1][0]["closed"] == ("its keeper was ended from outside" if code else "")
            assert path.read_bytes().startswith(before)
    finally:
        subprocess.run(("umount", "-l", str(state)), check=True)
