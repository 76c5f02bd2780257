"""`bot-bottle clean`: what a crash left is brought in order, and what cannot be is said and seen again."""

import json
import os
import signal
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
