"""The Python interface on real bottles: what it gives back, what it refuses, and that nothing is left running."""

import asyncio
import os
import shutil
import signal
import threading
import time
from collections.abc import Iterator

import pytest
from shop import Shop, processes_of

import bot_bottle

pytestmark = pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed")
SHELL = bot_bottle.Manifest(agent="shell")


@pytest.fixture(autouse=True)
def operator(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """This process is the operator's program."""
    for variable in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(variable, raising=False)
    for name, value in shop.env().items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(shop.project)
    yield
    for bottle in bot_bottle.running():
        bottle.stop(grace_s=0)


@pytest.fixture
def bottle() -> Iterator[bot_bottle.Bottle]:
    with bot_bottle.start(SHELL, name="one") as made:
        yield made
    made.remove(force=True)


def test_a_command_gives_its_code_and_both_streams(bottle: bot_bottle.Bottle) -> None:
    script = 'cat; echo "$WORD" >&2; pwd >&2; exit 3'
    done = bottle.exec(["sh", "-c", script], stdin=b"x" * 300_000, env={"WORD": "said"}, cwd="/tmp")
    assert (done.code, done.stdout, done.stderr) == (3, b"x" * 300_000, b"said\n/tmp\n")


def test_a_command_that_takes_too_long_is_ended(bottle: bot_bottle.Bottle) -> None:
    began = time.monotonic()
    with pytest.raises(bot_bottle.TimedOut, match=r"sleep took longer than 0\.2 s"):
        bottle.exec(["sleep", "4321"], timeout_s=0.2)
    assert time.monotonic() - began < 5
    assert "4321" not in bottle.exec(["ps", "-eo", "args"]).text


def test_a_command_that_prints_too_much_is_ended(bottle: bot_bottle.Bottle) -> None:
    with pytest.raises(bot_bottle.BottleError, match="printed more than 1000 bytes"):
        bottle.exec(["yes"], output_limit=1000)
    assert "yes" not in bottle.exec(["ps", "-eo", "comm"]).text.split()


def test_what_a_command_leaves_behind_is_not_waited_for(bottle: bot_bottle.Bottle) -> None:
    began = time.monotonic()
    assert bottle.exec(["sh", "-c", "sleep 60 & echo done"]).text == "done\n"
    assert time.monotonic() - began < 10


def test_a_command_that_its_bottle_takes_along_did_not_succeed(bottle: bot_bottle.Bottle) -> None:
    running = bottle.begin(["sleep", "60"])
    stopping = threading.Thread(target=bottle.stop, kwargs={"grace_s": 0})
    stopping.start()
    with pytest.raises(bot_bottle.BottleError, match="The bottle ended while sleep ran"):
        running.finish(timeout_s=30)
    stopping.join()


def test_the_command_line_tells_it_by_137(shop: Shop, bottle: bot_bottle.Bottle) -> None:
    codes: list[int] = []
    waiting = threading.Thread(
        target=lambda: codes.append(shop.bot_bottle("exec", "one", "--", "sh", "-c", "touch here; sleep 60").returncode)
    )
    waiting.start()
    copy = shop.bottles() / "one/workspace/here"
    deadline = time.monotonic() + 30
    while not copy.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    bottle.stop(grace_s=0)
    waiting.join()
    assert codes == [128 + signal.SIGKILL]


def test_files_go_in_and_come_out_and_land(shop: Shop, bottle: bot_bottle.Bottle) -> None:
    bottle.files.write("deep/er/run.sh", "#!/bin/sh\necho ran\n", executable=True)
    assert bottle.exec(["deep/er/run.sh"]).text == "ran\n"
    bottle.exec(["sh", "-c", "echo more >> deep/er/run.sh"])
    assert bottle.files.read("deep/er/run.sh").endswith(b"more\n")
    assert [(change.path, change.kind) for change in bottle.files.changed()] == [("deep/er/run.sh", "added")]
    assert "+echo ran" in bottle.files.diff()
    assert not (shop.project / "deep").exists()
    bottle.files.land()
    assert (shop.project / "deep/er/run.sh").stat().st_mode & 0o100


@pytest.mark.parametrize("path", ["link", "folder/secret", "../outside", "/etc/hostname", "pipe", "", ".", "a\0b", "deep"])
def test_no_path_leads_out_of_the_workspace(bottle: bot_bottle.Bottle, shop: Shop, path: str) -> None:
    secret = shop.home / "secret"
    secret.write_text("mine")
    bottle.exec(["sh", "-c", f"ln -s {secret} link; ln -s {shop.home} folder; mkfifo pipe; mkdir deep"])
    with pytest.raises(bot_bottle.BottleError):
        bottle.files.read(path)


def test_writing_replaces_a_link_and_never_follows_it(bottle: bot_bottle.Bottle, shop: Shop) -> None:
    secret = shop.home / "secret"
    secret.write_text("mine")
    bottle.exec(["sh", "-c", f"ln -s {secret} link; ln -s {shop.home} folder"])
    bottle.files.write("link", "theirs")
    with pytest.raises(bot_bottle.BottleError):
        bottle.files.write("folder/secret", "theirs")
    assert secret.read_text() == "mine"
    assert bottle.files.read("link") == b"theirs"


def test_decisions_say_what_was_refused_and_why(bottle: bot_bottle.Bottle) -> None:
    bottle.exec(["curl", "-s", "https://other.example.com/path"], timeout_s=50)
    deadline = time.monotonic() + 10
    while not bottle.decisions() and time.monotonic() < deadline:
        time.sleep(0.02)
    last = bottle.decisions()[-1]
    assert (last.verdict, last.host, last.path) == ("deny", "other.example.com", "/path")
    assert "no rule allows" in last.why.lower()


def test_a_plan_that_is_declined_starts_nothing(shop: Shop) -> None:
    shown: list[bot_bottle.Preflight] = []

    def decline(plan: bot_bottle.Preflight) -> bool:
        shown.append(plan)
        return False

    with pytest.raises(bot_bottle.Declined):
        bot_bottle.start(SHELL, name="never", confirm=decline)
    assert shown[0].name == "never"
    assert any(label == "sealed by" for label, _, _ in shown[0].rows)
    assert not (shop.bottles() / "never").exists()


def test_an_untrusted_manifest_of_the_folder_is_declined(shop: Shop) -> None:
    (shop.project / "bottle.yaml").write_text("agent: shell\negress: {rules: [{host: a.example.com}]}\n")
    with pytest.raises(bot_bottle.Declined, match="asks for more than your policy gives"):
        bot_bottle.start()


def test_errors_have_the_classes_of_the_command_line() -> None:
    with pytest.raises(bot_bottle.BadManifest) as raised:
        bot_bottle.start(bot_bottle.Manifest(agent="shel"))
    assert "did you mean shell" in raised.value.facts[0]
    with pytest.raises(bot_bottle.BadUsage, match="cannot be the name"):
        bot_bottle.start(SHELL, name="Not A Name")
    with pytest.raises(bot_bottle.NoSuchBottle):
        bot_bottle.find("nobody")
    with pytest.raises(bot_bottle.BadUsage, match="list of words"):
        bot_bottle.Bottle("any").exec("ls -l")


def test_a_bottle_outlives_its_program_and_is_found_again(shop: Shop) -> None:
    bot_bottle.start(SHELL, name="left")
    found = bot_bottle.find("left")
    assert [one.name for one in bot_bottle.running()] == ["left"]
    with pytest.raises(bot_bottle.TimedOut):
        found.wait(timeout_s=0.1)
    found.stop()
    found.stop()
    assert (found.status().state, bot_bottle.running()) == ("stopped", ())
    found.remove()


def test_a_waiting_shell_ends_at_once() -> None:
    bottle = bot_bottle.start(SHELL)
    began = time.monotonic()
    bottle.stop(grace_s=30)
    assert time.monotonic() - began < 10


def test_a_stop_gives_the_agents_own_code() -> None:
    script = "trap 'exit 7' TERM; touch ready; while :; do sleep 0.05; done"
    bottle = bot_bottle.start(SHELL, agent="shell", args=["sh", "-c", script])
    while not any(change.path == "ready" for change in bottle.files.changed()):
        time.sleep(0.02)
    assert bottle.stop() == 7


def test_python_files_of_the_workspace_do_not_run_here(shop: Shop) -> None:
    for name in ("json.py", "selectors.py", "click.py"):
        (shop.project / name).write_text(f"open({str(shop.home / 'ran')!r}, 'w')\nraise SystemExit(1)\n")
    with bot_bottle.start(SHELL):
        assert not (shop.home / "ran").exists()


def test_the_keeper_holds_nothing_of_the_program(shop: Shop) -> None:
    kept, writing = os.pipe()
    os.set_inheritable(writing, True)
    with bot_bottle.start(SHELL):
        os.close(writing)
        assert os.read(kept, 1) == b"", "somebody else holds the writing end"
    os.close(kept)


async def seen(bottle: bot_bottle.AsyncBottle, path: str) -> None:
    """Return once the bottle has made this file."""
    for _ in range(500):
        if any(change.path == path for change in await bottle.files.changed()):
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"{path} never came")


def test_a_cancelled_command_is_ended_and_a_cancelled_start_leaves_no_bottle(shop: Shop) -> None:
    async def script() -> None:
        async with await bot_bottle.start_async(SHELL, name="one") as bottle:
            running = asyncio.create_task(bottle.exec(["sh", "-c", "touch here; sleep 4321"]))
            await seen(bottle, "here")
            running.cancel()
            with pytest.raises(asyncio.CancelledError):
                await running
            assert "4321" not in (await bottle.exec(["ps", "-eo", "args"])).text
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(bottle.wait(), 0.1)
        starting = asyncio.create_task(bot_bottle.start_async(SHELL, name="two"))
        await asyncio.sleep(0)
        starting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await starting

    asyncio.run(script())
    assert bot_bottle.running() == ()
    deadline = time.monotonic() + 10
    while processes_of(shop) and time.monotonic() < deadline:
        time.sleep(0.02)  # a keeper has let go of its lock a moment before it is gone
    assert processes_of(shop) == []


def test_a_manifest_from_standard_input_is_read_to_its_end_mark(shop: Shop) -> None:
    done = shop.bot_bottle("run", "--dry-run", "-f", "-", stdin=b"agent: shell\nlimits: {pids: 77}\n...\nnot read\n")
    assert done.returncode == 0, done.stderr
    assert b"77 processes" in done.stdout
    done = shop.bot_bottle("run", "-f", "-", stdin=b"agent: shell\n")
    assert (done.returncode, b"the agent's own" in done.stderr) == (2, True)
    done = shop.bot_bottle("run", "--dry-run", "-f", "-", stdin=b"# " + b"x" * 1_100_000)
    assert done.returncode == 122


def test_with_json_an_error_is_one_object(shop: Shop) -> None:
    done = shop.bot_bottle("run", "-d", "--json", "--file=-", stdin=b"agent: shel\n")
    assert done.returncode == 122
    assert b'{"error": {"what": "The manifest has mistakes."' in done.stdout
