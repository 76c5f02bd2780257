"""`bot-bottle clean`: what a crash left is brought in order, and what cannot be is said and seen again."""

import json
import os
import signal
import subprocess
import time

from shop import Shop

from bot_bottle.errors import ExitCode


def test_clean_brings_a_killed_bottle_in_order_and_keeps_its_work(shop: Shop) -> None:
    fake = {"BOT_BOTTLE_TEST_BACKENDS": "1"}
    words = ("run", "-q", "-d", "--backend", "fake", "--name", "one", "shell", "--", "sh", "-c", "echo x > made; exec sleep 600")
    assert shop.bot_bottle(*words, **fake).returncode == 0  # type: ignore[arg-type]  # variables, not the input
    stage = shop.bottles() / "one"
    deadline = time.monotonic() + 30
    while not (stage / "workspace/made").exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.kill(json.loads((stage / "status.json").read_text())["keeper_pid"], signal.SIGKILL)
    while (stage / "keeper.lock").exists() and json.loads((stage / "status.json").read_text())["state"] != "failed":
        assert time.monotonic() < deadline
        assert shop.bot_bottle("clean", **fake).returncode == 0  # type: ignore[arg-type]
    assert (stage / "workspace/made").exists()


def test_clean_with_nothing_to_do_does_nothing(shop: Shop) -> None:
    done = shop.bot_bottle("clean")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


def test_what_cannot_be_removed_now_is_said_and_stays_noted(shop: Shop) -> None:
    stage = shop.bottles() / "gone"
    stage.mkdir(parents=True, mode=0o700)
    status = {
        "slug": "gone", "state": "ended", "agent": "shell", "backend": "docker", "workspace": "/w", "mode": "copy",
        "created": 1.0, "ended": 2.0, "exit_code": 0, "why": "", "keeper_pid": None, "has_terminal": False,
    }  # fmt: skip
    (stage / "status.json").write_text(json.dumps(status))
    words = ["--host", f"unix://{shop.home}/no.sock"]
    (stage / "outside.json").write_text(json.dumps({"docker": words, "container": "bot-bottle-gone", "stage": str(stage)}))
    os.utime(stage)

    done = shop.bot_bottle("clean")

    assert done.returncode == ExitCode.FAILED
    assert b"bot-bottle-gone may be left" in done.stderr or b"docker is not installed" in done.stderr
    assert (stage / "outside.json").exists()
    assert shop.bot_bottle("ls").returncode == 0
    (stage / "outside.json").unlink()


def test_a_start_that_waits_for_a_yes_is_no_leftover(shop: Shop) -> None:
    words = shop.argv("run", "-d", "--json", "--confirm", "--backend", "fake", "--name", "slow", "shell", "--", "true")
    env = shop.env(BOT_BOTTLE_TEST_BACKENDS="1")
    with subprocess.Popen(words, env=env, cwd=shop.project, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as asking:
        assert asking.stdin is not None
        assert asking.stdout is not None
        assert b"preflight" in asking.stdout.readline()
        os.utime(shop.bottles() / "slow", (1, 1))  # the operator has looked at it for a long time
        assert shop.bot_bottle("ls").returncode == 0
        assert shop.bot_bottle("clean").returncode == 0
        asking.stdin.write(b"yes\n")
        asking.stdin.close()
        assert asking.wait(30) == 0
        assert (shop.bottles() / "slow").is_dir()


def test_a_start_that_was_killed_while_it_waited_is_a_leftover(shop: Shop) -> None:
    words = shop.argv("run", "-d", "--json", "--confirm", "--backend", "fake", "--name", "slow", "shell", "--", "true")
    env = shop.env(BOT_BOTTLE_TEST_BACKENDS="1")
    with subprocess.Popen(words, env=env, cwd=shop.project, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as asking:
        assert asking.stdout is not None
        assert b"preflight" in asking.stdout.readline()
        asking.kill()
    os.utime(shop.bottles() / "slow", (1, 1))
    assert shop.bot_bottle("clean").returncode == 0
    assert not (shop.bottles() / "slow").exists()


def test_records_of_a_push_that_waits_are_kept_however_old_they_are(shop: Shop) -> None:
    fake = {"BOT_BOTTLE_TEST_BACKENDS": "1"}
    shop.bot_bottle("run", "-q", "--backend", "fake", "--name", "old", "shell", "--", "true", **fake)  # type: ignore[arg-type]  # as above
    held = shop.bottles() / "old/git/held"
    held.mkdir(parents=True)
    hold = {"number": 1, "repository": "p", "updates": [], "findings": [], "why": "w", "at": 1.0}
    (held / "0001.json").write_text(json.dumps(hold))
    os.utime(shop.bottles() / "old", (1, 1))
    assert shop.bot_bottle("clean").returncode == 0
    assert (held / "0001.json").exists()


def test_gates_that_are_stopped_do_not_outlive_their_killed_keeper(shop: Shop) -> None:
    fake = {"BOT_BOTTLE_TEST_BACKENDS": "1"}
    words = ("run", "-q", "-d", "--backend", "fake", "--name", "one", "shell", "--", "sleep", "600")
    assert shop.bot_bottle(*words, **fake).returncode == 0  # type: ignore[arg-type]  # variables, not the input
    stage = shop.bottles() / "one"
    bundle = json.loads((stage / "bundle.pid").read_text())[0]
    keeper = json.loads((stage / "status.json").read_text())["keeper_pid"]
    with open(f"/proc/{bundle}/cmdline", "rb") as file:
        assert b"gates.bundle" in file.read()
    os.kill(bundle, signal.SIGSTOP)
    os.kill(keeper, signal.SIGKILL)
    deadline = time.monotonic() + 30
    while os.path.exists(f"/proc/{bundle}"):
        assert time.monotonic() < deadline
        assert shop.bot_bottle("ls", **fake).returncode == 0  # type: ignore[arg-type]  # variables, not the input
