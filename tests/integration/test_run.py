"""`bot-bottle run` as a user types it, on the real namespaces backend."""

import json
import os
import shutil
import subprocess
import time

import pytest
from shop import Shop, lasting_of

pytestmark = pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed")


def test_the_commands_own_streams_and_exit_code_pass_through(shop: Shop) -> None:
    done = shop.bot_bottle("run", "-q", "shell", "--", "sh", "-c", "cat; echo err >&2; exit 7", stdin=b"typed\n")
    assert (done.returncode, done.stdout, done.stderr) == (7, b"typed\n", b"err\n")


def test_notices_go_to_standard_error_only(shop: Shop) -> None:
    done = shop.bot_bottle("run", "shell", "--", "echo", "out")
    assert done.stdout == b"out\n"
    assert b"sealed by" in done.stderr


@pytest.mark.parametrize(("script", "code"), [("kill -TERM $$", 143), ("exit 0", 0), ("exec /does/not/exist", 127)])
def test_exit_codes_are_a_shells(shop: Shop, script: str, code: int) -> None:
    assert shop.bot_bottle("run", "-q", "shell", "--", "sh", "-c", script).returncode == code


def test_a_missing_command_is_127(shop: Shop) -> None:
    assert shop.bot_bottle("run", "-q", "shell", "--", "no-such-command").returncode == 127


def test_ten_megabytes_pass_both_ways_unchanged(shop: Shop) -> None:
    payload = bytes(range(256)) * 40_000
    done = shop.bot_bottle("run", "-q", "shell", "--", "cat", stdin=payload)
    assert done.returncode == 0
    assert done.stdout == payload


def test_a_copy_leaves_the_folder_alone_and_land_takes_the_changes(shop: Shop) -> None:
    (shop.project / "old.txt").write_text("old\n")
    done = shop.bot_bottle("run", "--name", "c1", "shell", "--", "sh", "-c", "echo new > old.txt; echo more > made.txt")
    assert done.returncode == 0
    assert (shop.project / "old.txt").read_text() == "old\n"
    diff = shop.bot_bottle("diff", "c1").stdout.decode()
    assert "-old" in diff
    assert "+more" in diff
    assert shop.bot_bottle("rm", "c1").returncode == 2, "work that is nowhere else is not removed"
    assert shop.bot_bottle("land", "c1").returncode == 0
    assert (shop.project / "old.txt").read_text() == "new\n"
    assert (shop.project / "made.txt").read_text() == "more\n"
    assert shop.bot_bottle("rm", "c1").returncode == 0, "what was landed in full is nothing to keep"


def test_land_never_overwrites_what_the_operator_changed_meanwhile(shop: Shop) -> None:
    (shop.project / "a.txt").write_text("one\n")
    shop.bot_bottle("run", "-q", "--name", "c2", "shell", "--", "sh", "-c", "echo theirs > a.txt; echo b > b.txt")
    (shop.project / "a.txt").write_text("mine, longer\n")
    done = shop.bot_bottle("land", "c2")
    assert done.returncode == 125
    assert b"a.txt" in done.stderr
    assert (shop.project / "a.txt").read_text() == "mine, longer\n"
    assert not (shop.project / "b.txt").exists()


def test_land_neither_removes_nor_brings_back_what_the_operator_moved_meanwhile(shop: Shop) -> None:
    (shop.project / "dropped.txt").write_text("dropped\n")
    (shop.home / "old.txt").write_text("old\n")
    os.utime(shop.home / "old.txt", (1, 1))
    shop.bot_bottle("run", "-q", "--name", "c6", "shell", "--", "sh", "-c", "echo b > b.txt")
    (shop.home / "old.txt").rename(shop.project / "moved-in.txt")
    (shop.project / "dropped.txt").unlink()
    refused = shop.bot_bottle("land", "c6")
    assert refused.returncode == 125
    assert b"moved-in.txt" in refused.stderr
    assert [path.name for path in shop.project.iterdir()] == ["moved-in.txt"]
    assert shop.bot_bottle("land", "c6", "b.txt").returncode == 0, "a path that is named is taken alone"
    assert sorted(path.name for path in shop.project.iterdir()) == ["b.txt", "moved-in.txt"]


def test_land_leaves_out_hooks_links_and_agents_settings(shop: Shop) -> None:
    script = "mkdir -p .git/hooks .claude .vscode; ln -s /etc/passwd leak; echo ok > fine; "
    script += "for f in .git/hooks/pre-commit .claude/settings.json .vscode/tasks.json; do echo x > $f; done"
    shop.bot_bottle("run", "-q", "--name", "c3", "shell", "--", "sh", "-c", script)
    done = shop.bot_bottle("land", "c3")
    assert done.returncode == 0
    assert sorted(path.name for path in shop.project.iterdir()) == ["fine"]


def test_a_bottle_that_changed_nothing_leaves_only_its_record(shop: Shop) -> None:
    (shop.project / "a.txt").write_text("a")
    shop.bot_bottle("run", "-q", "--name", "c4", "shell", "--", "true")
    assert not (shop.bottles() / "c4" / "workspace").exists()
    assert not (shop.bottles() / "c4" / "ca").exists()
    assert shop.bot_bottle("inspect", "c4").returncode == 0


def test_inspect_still_tells_what_was_planned_when_the_bottle_has_ended(shop: Shop) -> None:
    shop.bot_bottle("run", "-q", "--name", "c5", "--allow", "docs.example.com", "shell", "--", "true")
    shown = json.loads(shop.bot_bottle("inspect", "--json", "c5").stdout)
    assert shown["plan"]["agent_command"][-1] == "true"
    assert b"docs.example.com" in shop.bot_bottle("inspect", "c5").stdout
    assert (shop.bottles() / "c5" / "plan.json").stat().st_mode & 0o777 == 0o600


def test_a_git_config_goes_in_without_its_credentials(shop: Shop) -> None:
    (shop.project / ".git").mkdir()
    (shop.project / ".git" / "config").write_text(
        '[remote "o"]\n\turl = https://me:t0ken@git.example.com/r.git\n[http]\n\textraheader = AUTHORIZATION: basic c2VjcmV0\n'
        "[credential]\n\thelper = store\n[core]\n\tbare = false\n"
    )
    done = shop.bot_bottle("run", "-q", "shell", "--", "cat", ".git/config")
    assert b"git.example.com" in done.stdout
    assert b"bare = false" in done.stdout
    for secret in (b"t0ken", b"c2VjcmV0", b"helper"):
        assert secret not in done.stdout


def test_a_dry_run_starts_nothing_and_leaves_nothing(shop: Shop) -> None:
    done = shop.bot_bottle("run", "shell", "--dry-run", "--json", "--name", "dry")
    plan = json.loads(done.stdout)
    assert plan["slug"] == "dry"
    assert plan["agent_command"]
    assert not (shop.bottles() / "dry").exists()


def test_a_name_is_given_once(shop: Shop) -> None:
    shop.bot_bottle("run", "-q", "--name", "twice", "shell", "--", "true")
    done = shop.bot_bottle("run", "-q", "--name", "twice", "shell", "--", "true")
    assert done.returncode == 2
    assert b"already a bottle named twice" in done.stderr


def test_detached_bottles_are_listed_entered_and_stopped(shop: Shop) -> None:
    started = shop.bot_bottle("run", "-q", "-d", "--name", "d1", "shell", "--", "sh", "-c", "echo here; sleep 600")
    assert (started.returncode, started.stdout) == (0, b"d1\n")
    assert b"d1" in shop.bot_bottle("ls").stdout
    inside = shop.bot_bottle("exec", "d1", "-e", "A=b", "--", "sh", "-c", "echo $A; cat; exit 3", stdin=b"in")
    assert (inside.returncode, inside.stdout) == (3, b"b\nin")
    wait_until(lambda: b"here" in shop.bot_bottle("logs", "d1").stdout)
    assert shop.bot_bottle("rm", "d1").returncode == 2
    assert shop.bot_bottle("stop", "d1", "-t", "1").returncode == 0
    assert b"d1" not in shop.bot_bottle("ls").stdout
    assert shop.bot_bottle("rm", "d1").returncode == 0
    assert lasting_of(shop) == []


def test_an_interrupt_reaches_the_command(shop: Shop) -> None:
    script = "trap 'echo got; exit 9' INT; echo ready; while :; do sleep 0.05; done"
    with subprocess.Popen(
        shop.argv("run", "-q", "shell", "--", "sh", "-c", script),
        env=shop.env(),
        cwd=shop.project,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        process.send_signal(2)
        assert process.stdout.read() == b"got\n"
        assert process.wait(20) == 9


def test_a_time_limit_ends_the_bottle_with_124(shop: Shop) -> None:
    (shop.project / "m.yaml").write_text("agent: shell\nlimits: {time: 1s}\n")
    done = shop.bot_bottle("run", "-f", "m.yaml", "shell", "--", "sleep", "60")
    assert done.returncode == 124
    assert b"time limit" in done.stderr


def test_nothing_of_the_operators_environment_is_inside(shop: Shop) -> None:
    done = shop.bot_bottle("run", "-q", "shell", "--", "env", SECRET_TOKEN="hunter2hunter2", AWS_PROFILE="prod")
    assert b"hunter2" not in done.stdout
    assert b"AWS_PROFILE" not in done.stdout
    assert str(shop.home).encode() not in done.stdout


def test_a_credential_that_is_not_there_is_named_and_nothing_starts(shop: Shop) -> None:
    (shop.project / "m.yaml").write_text(
        "agent: shell\negress: {rules: [{host: api.example.com}]}\n"
        "credentials: [{name: key, from: {env: NOT_SET}, to: {host: api.example.com, header: x-key}}]\n"
    )
    done = shop.bot_bottle("run", "-q", "-f", "m.yaml", "--name", "cred", "shell", "--", "true")
    assert done.returncode == 125
    assert b"NOT_SET" in done.stderr
    assert not (shop.bottles() / "cred").exists()


def wait_until(claim: object, *, timeout_s: float = 20.0) -> None:
    """Return once the claim holds; an AssertionError after the time-out."""
    assert callable(claim)
    deadline = time.monotonic() + timeout_s
    while not claim():
        assert time.monotonic() < deadline, "it did not come true"
        time.sleep(0.05)


def test_python_minus_m_is_the_program(shop: Shop) -> None:
    assert shop.bot_bottle("--version").stdout.startswith(b"bot-bottle, version ")
