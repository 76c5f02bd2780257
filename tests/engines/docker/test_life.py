"""A bottle's life by the command line, in containers: everything that works on namespaces, and nothing left."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from docker_shop import IMAGE, DockerShop

from bot_bottle.backends.base import OUTSIDE
from bot_bottle.errors import ExitCode


def wait_until(claim: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 30
    while not claim():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)


def keeper_of(shop: DockerShop, slug: str) -> int:
    status = json.loads((shop.bottles() / slug / "status.json").read_text())
    return int(status["keeper_pid"])


def test_run_passes_streams_and_code_and_leaves_nothing(shop: DockerShop) -> None:
    done = shop.run("shell", "--", "sh", "-c", "cat; echo err >&2; exit 7", stdin=b"in\n")
    assert (done.returncode, done.stdout, done.stderr) == (7, b"in\n", b"err\n")
    assert shop.containers() == []


def test_result_of_a_copy_can_be_landed(shop: DockerShop) -> None:
    (shop.project / "old.txt").write_text("old\n")
    assert shop.run("--name", "one", "shell", "--", "sh", "-c", "echo new > new.txt; rm old.txt").returncode == 0
    assert (shop.project / "old.txt").exists()
    landed = shop.bot_bottle("land", "one")
    assert landed.returncode == 0, landed.stderr
    assert (shop.project / "new.txt").read_text() == "new\n"
    assert not (shop.project / "old.txt").exists()


def test_shared_folder_is_changed_at_once_and_its_hooks_are_not(shop: DockerShop) -> None:
    subprocess.run(["git", "init", "-q"], cwd=shop.project, check=True)
    os.chown(shop.project, 1000, 1000)
    script = "echo x > new.txt; echo evil > .git/hooks/post-checkout; echo evil >> .git/config; mv .git moved; ls -A"
    done = shop.run("--mode", "bind", "shell", "--", "sh", "-c", script)
    assert (shop.project / "new.txt").read_text() == "x\n", done.stderr
    assert (shop.project / "new.txt").stat().st_uid == 1000
    assert not (shop.project / ".git/hooks/post-checkout").exists()
    assert "evil" not in (shop.project / ".git/config").read_text()
    assert (shop.project / ".git").is_dir()


def test_roots_shared_folder_is_roots_inside_with_a_read_only_image(shop: DockerShop) -> None:
    script = "touch mine; touch /usr/x || touch /etc/x || echo closed"
    done = shop.run("--mode", "bind", "shell", "--", "sh", "-c", script)
    assert done.stdout == b"closed\n"
    assert (shop.project / "mine").stat().st_uid == os.getuid()


def test_detached_bottle_is_listed_execs_and_stops(shop: DockerShop) -> None:
    started = shop.run("-d", "--name", "long", "shell", "--", "sleep", "600")
    assert started.returncode == 0, started.stderr
    assert [name.rpartition("-")[0] for name in shop.containers()] == ["bot-bottle-long"]
    listed = json.loads(shop.bot_bottle("ls", "--json").stdout)
    assert [(one["slug"], one["backend"], one["state"]) for one in listed] == [("long", "docker", "running")]
    done = shop.bot_bottle("exec", "long", "--", "sh", "-c", "cat; exit 3", stdin=b"through")
    assert (done.returncode, done.stdout) == (3, b"through")
    assert shop.bot_bottle("stop", "long").returncode == 0
    assert shop.containers() == []


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_death_of_the_keeper_ends_the_container(shop: DockerShop, number: signal.Signals) -> None:
    shop.run("-d", "--name", "long", "shell", "--", "sleep", "600")
    os.kill(keeper_of(shop, "long"), number)
    wait_until(lambda: shop.containers() == [], "the container is left")
    listed = json.loads(shop.bot_bottle("ls", "-a", "--json").stdout)
    assert listed[0]["state"] in ("failed", "ended", "died")
    wait_until(lambda: not (shop.bottles() / "long" / OUTSIDE).exists() or bool(shop.bot_bottle("ls")), "the journal is left")


def test_container_removed_from_outside_is_noticed(shop: DockerShop) -> None:
    shop.run("-d", "--name", "long", "shell", "--", "sleep", "600")
    subprocess.run(["docker", "rm", "-f", *shop.containers()], env=os.environ | shop.env(), check=True, capture_output=True)
    wait_until(lambda: json.loads(shop.bot_bottle("ls", "-a", "--json").stdout)[0]["state"] == "ended", "nobody noticed")
    assert json.loads((shop.bottles() / "long/status.json").read_text())["exit_code"] == 137


def test_next_command_removes_what_a_killed_start_left(shop: DockerShop) -> None:
    """As when keeper and daemon were killed between making and starting the container: it is there, and never ran."""
    shop.run("-d", "--name", "long", "shell", "--", "sleep", "600")
    journal = (shop.bottles() / "long" / OUTSIDE).read_text()
    os.kill(keeper_of(shop, "long"), signal.SIGKILL)
    wait_until(lambda: shop.containers() == [], "the container is left")
    name = json.loads(journal)["container"]
    label = f"bot-bottle.stage={shop.bottles() / 'long'}"
    create = ["docker", "create", "--name", name, "--label", "bot-bottle=long", "--label", label]
    subprocess.run([*create, IMAGE, "true"], env=os.environ | shop.env(), check=True, capture_output=True)
    (shop.bottles() / "long" / OUTSIDE).write_text(journal)
    shop.bot_bottle("rm", "-f", "long")
    assert shop.containers() == []


def test_twenty_bottles_at_once(shop: DockerShop) -> None:
    started = [
        subprocess.Popen(
            shop.argv("run", "-q", "--backend", "docker", "--image", IMAGE, "--name", f"b{number}",
                      "shell", "--", "sh", "-c", f"echo {number}"),
            env=shop.env(), cwd=shop.project, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )
        for number in range(20)
    ]  # fmt: skip
    ended = [(process.communicate(timeout=200), process.returncode) for process in started]
    assert [(streams[0], code) for streams, code in ended] == [(f"{number}\n".encode(), 0) for number in range(20)], ended
    assert shop.containers() == []


def test_image_with_nothing_but_one_program_works(shop: DockerShop, tmp_path: Path) -> None:
    source = tmp_path / "hello.c"
    source.write_text('#include <stdio.h>\nint main(void) { puts("from nothing"); return 5; }\n')
    subprocess.run(["cc", "-static", "-o", str(tmp_path / "hello"), str(source)], check=True)
    tar = subprocess.run(["tar", "-C", str(tmp_path), "-c", "hello"], check=True, capture_output=True).stdout
    env = os.environ | shop.env()
    subprocess.run(["docker", "import", "-", "bot-bottle-nothing"], input=tar, env=env, check=True, capture_output=True)
    words = ["run", "-q", "--backend", "docker", "--image", "bot-bottle-nothing", "shell", "--", "/hello"]
    done = shop.bot_bottle(*words)
    subprocess.run(["docker", "image", "rm", "bot-bottle-nothing"], env=env, check=True, capture_output=True)
    assert (done.returncode, done.stdout) == (5, b"from nothing\n"), done.stderr


OPEN = "FROM {base}\nRUN mkdir -p /srv/data && chmod 777 /srv/data\n"
"""An image with a place that the agent can write to, beside its home."""


def test_stopped_bottle_keeps_what_it_changed_in_its_image_and_takes_it_along_when_removed(shop: DockerShop) -> None:
    (shop.project / "Dockerfile").write_text(OPEN.format(base=IMAGE))
    words = ("run", "-q", "-d", "--backend", "docker", "--image", "./Dockerfile", "--name", "kept", "shell", "--", "sleep", "600")
    assert shop.bot_bottle(*words).returncode == 0
    for life in range(2):
        shop.bot_bottle("exec", "kept", "--", "sh", "-c", f"echo {life} >> /srv/data/lives; echo {life} >> ~/lives")
        assert shop.bot_bottle("stop", "kept", "-t", "1").returncode == 0
        assert shop.containers() == []
        again = shop.bot_bottle("start", "-d", "kept")
        assert again.returncode == 0, again.stderr
        assert b"what it changed in its image before it was stopped" in again.stderr
    assert shop.bot_bottle("exec", "kept", "--", "cat", "/srv/data/lives").stdout == b"0\n1\n"
    assert shop.docker("image", "ls", "--quiet", "bot-bottle/kept").count("\n") == 0
    shop.bot_bottle("images", "prune", "--all")
    shop.bot_bottle("stop", "kept", "-t", "1")
    assert shop.bot_bottle("start", "-d", "-q", "kept").returncode == 0, "what a bottle needs was pruned"
    assert shop.bot_bottle("rm", "-f", "kept").returncode == 0
    assert shop.docker("image", "ls", "--quiet", "bot-bottle/kept") == ""
    assert not (shop.bottles() / "kept").exists()


def test_stopped_bottle_that_changed_nothing_leaves_no_image(shop: DockerShop) -> None:
    shop.run("-d", "--name", "same", "shell", "--", "sleep", "600")
    shop.bot_bottle("exec", "same", "--", "sh", "-c", "echo x > ~/x; echo x > /tmp/x")
    shop.bot_bottle("stop", "same", "-t", "1")
    assert shop.docker("image", "ls", "--quiet", "bot-bottle/kept") == ""
    assert shop.bot_bottle("rm", "same").returncode == 0


def test_second_start_that_docker_refuses_loses_nothing(shop: DockerShop) -> None:
    shop.run("-d", "--name", "again", "shell", "--", "sleep", "600")
    shop.bot_bottle("exec", "again", "--", "sh", "-c", "echo work > work; echo home > ~/home")
    name = shop.containers()[0]
    shop.bot_bottle("stop", "again", "-t", "1")
    shop.docker("create", "--name", name, IMAGE, "true")
    try:
        refused = shop.bot_bottle("start", "-d", "-q", "again")
        assert refused.returncode == ExitCode.FAILED
        assert b"There is a container of this name." in refused.stderr
    finally:
        shop.docker("rm", "-f", name)
    assert shop.bot_bottle("start", "-d", "-q", "again").returncode == 0
    assert shop.bot_bottle("exec", "again", "--", "sh", "-c", "cat work ~/home").stdout == b"work\nhome\n"
    shop.bot_bottle("rm", "-f", "again")
