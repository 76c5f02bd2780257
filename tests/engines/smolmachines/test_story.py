"""The whole story through the command line, as an ordinary user in the group kvm: run, exec, logs, ls, stop; and a real agent."""

import contextlib
import grp
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import standin
from plans import PATIENCE
from scene import Operator, git_repository, open_folder

USER = 1000
AGENTS = Path(os.environ.get("BOT_BOTTLE_TEST_AGENTS", "/opt/agents"))
"""Installed agents that everybody may read."""


@pytest.fixture(scope="module")
def operator(backend: object, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    """An ordinary user who may open /dev/kvm, or whoever runs the tests when that is one."""
    del backend
    home = open_folder(tmp_path_factory.mktemp("home"))
    prefix: tuple[str, ...] = ()
    if os.geteuid() == 0:
        group = grp.getgrgid(os.stat("/dev/kvm").st_gid)
        prefix = ("setpriv", f"--reuid={USER}", f"--regid={USER}", f"--groups={group.gr_gid}", "--inh-caps=-all", "--", "env")
    made = Operator(name="other", uid=USER if prefix else os.geteuid(), home=home, prefix=prefix, python=sys.executable)
    if AGENTS.is_dir():
        (home / ".cache/bot-bottle").mkdir(parents=True)
        (home / ".cache/bot-bottle/agents").symlink_to(AGENTS)
    (home / "patterns.toml").write_text(PATTERNS)
    if prefix:
        made.own(home)
    bot_bottle(made, "dlp", "scan", "--patterns", str(home / "patterns.toml"), "-")  # compiles the detectors' databases
    yield made
    for bottle in json.loads(bot_bottle(made, "ls", "--json").stdout):
        bot_bottle(made, "stop", bottle["slug"])


def bot_bottle(operator: Operator, *arguments: str, stdin: str = "", **variables: str) -> "subprocess.CompletedProcess[str]":
    """Run it to its end, with the patience of an emulated processor."""
    return subprocess.run(
        operator.command(*arguments),
        env=operator.env(**variables),
        cwd=operator.home,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=120 * PATIENCE,
        check=False,
    )


PATTERNS = """[[rules]]
id = "never-seen"
description = "Something that no test sends"
regex = 'never-[0-9]{40}'
"""
"""With rules of the operator's own the detectors load before the bottle starts. Otherwise they load while the probe waits for the
gate to answer, which takes longer on an emulated processor than the probe waits."""


def manifest(operator: Operator, folder: Path, **more: object) -> Path:
    """A manifest for the smallest machine that does."""
    more = {"dlp": {"patterns": [str(operator.home / "patterns.toml")]}, **more}
    image = {"rootfs": os.environ["BOT_BOTTLE_TEST_ROOT"]}
    text = {"backend": "smolmachines", "image": image, "limits": {"cpus": 1, "memory": "1536MiB"}, **more}
    path = folder / "bottle.yaml"
    path.write_text(json.dumps(text))
    path.chmod(0o644)
    return path


@pytest.fixture
def folder(tmp_path: Path, operator: Operator) -> Path:
    """A workspace of the operator's, with a manifest beside it."""
    open_folder(tmp_path)
    place = tmp_path / "project"
    place.mkdir()
    (place / "before.txt").write_text("before\n")
    if operator.prefix:
        operator.own(place)
    return place


def test_shared_folder_keeps_its_owner_and_exit_code_and_streams_pass(operator: Operator, folder: Path) -> None:
    options = ("-q", "-f", str(manifest(operator, folder.parent)), "-w", str(folder), "--mode", "bind", "--name", "shared")
    script = "cat before.txt > after.txt; cat; echo to-err >&2; exit 7"
    ran = bot_bottle(operator, "run", "shell", *options, "--", "sh", "-c", script, stdin="typed\n")
    assert (ran.returncode, ran.stdout) == (7, "typed\n"), ran.stderr
    assert ran.stderr.endswith("to-err\n")
    written = folder / "after.txt"
    assert (written.read_text(), written.stat().st_uid) == ("before\n", operator.uid)


def test_bottle_in_the_background_is_worked_in_watched_and_stopped(operator: Operator, folder: Path) -> None:
    options = ("-q", "-f", str(manifest(operator, folder.parent)), "-w", str(folder), "--name", "back", "--detach")
    started = bot_bottle(operator, "run", "shell", *options, "--", "sh", "-c", "echo says hello; sleep 600")
    assert started.returncode == 0, started.stderr
    inside = bot_bottle(operator, "exec", "back", "--", "sh", "-c", "ls; id -u; exit 5")
    assert (inside.returncode, inside.stdout.split()) == (5, ["before.txt", str(operator.uid)]), inside.stderr
    (listed,) = json.loads(bot_bottle(operator, "ls", "--json").stdout)
    assert (listed["slug"], listed["state"], listed["backend"]) == ("back", "running", "smolmachines")
    plan = json.loads(bot_bottle(operator, "inspect", "--json", "back").stdout)["plan"]
    assert plan["machine_name"].startswith("bb-back-")
    stopped = bot_bottle(operator, "stop", "--time", "1", "back")
    assert stopped.returncode == 0, stopped.stderr
    assert engine_machines(operator) == []


def test_killed_keeper_leaves_no_machine(operator: Operator, folder: Path) -> None:
    options = ("-q", "-f", str(manifest(operator, folder.parent)), "-w", str(folder), "--name", "killed", "--detach")
    assert bot_bottle(operator, "run", "shell", *options, "--", "sleep", "600").returncode == 0
    status = json.loads((operator.home / ".local/state/bot-bottle/bottles/killed/status.json").read_text())
    os.kill(status["keeper_pid"], 9)
    deadline = time.monotonic() + 30 * PATIENCE
    while [state for state in engine_machines(operator) if state == "running"]:
        assert time.monotonic() < deadline
        time.sleep(0.5)
    removed = bot_bottle(operator, "rm", "killed")
    assert removed.returncode == 0, removed.stderr
    assert engine_machines(operator) == [], removed.stderr


def engine_machines(operator: Operator) -> list[str]:
    """The states of all machines that the engine knows."""
    code = (
        "import os\nfrom bot_bottle.backends.smolmachines.engine import engine_env, find_engine\n"
        "from bot_bottle.host.paths import state_dir\n"
        "engine = find_engine(os.environ)\n"
        "words = [str(engine.program), 'machine', 'ls', '--json', '--state-dir', str(state_dir() / 'vm')]\n"
        "os.execve(words[0], words, engine_env(os.environ, library=engine.library))"
    )
    done = subprocess.run((*operator.prefix, operator.python, "-c", code), env=operator.env(), capture_output=True, check=True)
    return [str(row["state"]) for row in json.loads(done.stdout)]


FIXED = "    share, rest = divmod(total_cents, people)\n    return [share + (n < rest) for n in range(people)]\n"
WORK: list[standin.Step] = [
    {"say": "I look around.", "run": "pwd && git remote -v && uname -r"},
    {"read": "receipt.py"},
    {"edit": "receipt.py", "old": "    return [total_cents // people] * people\n", "new": FIXED},
    {
        "run": "git -c user.name=Claude -c user.email=claude@example.com commit -qam 'Share every cent' "
        "&& git push origin HEAD 2>&1"
    },
    {"say": "It is pushed."},
]


def test_real_agent_edits_a_file_and_pushes_through_the_git_gate(operator: Operator, tmp_path: Path) -> None:
    if not (operator.home / ".cache/bot-bottle/agents/claude").is_dir():
        pytest.skip("Claude Code is not installed here")
    open_folder(tmp_path)
    repository = git_repository(tmp_path / "receipt")
    with contextlib.ExitStack() as stack:
        model = stack.enter_context(standin.standing_in(WORK, tmp_path))
        connect = {f"{host}:443": model.address for host in standin.HOSTS}
        roots = tmp_path / "roots.pem"
        shutil.copy(model.ca_file, roots)
        roots.chmod(0o644)
        if operator.prefix:
            operator.own(repository)
        path = manifest(
            operator,
            tmp_path,
            agent="claude",
            egress={"upstream": {"connect": connect, "ca": [str(roots)]}},
            git={"upstreams": [{"path": str(repository)}]},
        )
        options = ("-q", "-f", str(path), "-w", str(repository), "--mode", "clone", "--name", "agent")
        key = "e2e-key-" + os.urandom(16).hex()
        ran = bot_bottle(operator, "run", "claude", *options, "--", "-p", "Fix it and push.", ANTHROPIC_API_KEY=key)
        calls = [seen for seen in model.seen if seen.path.partition("?")[0] == "/v1/messages"]
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "It is pushed." in ran.stdout
    results = max((standin.claude_results(one.body) for one in calls), key=len)
    assert "bottle/agent/" in results[3], results
    assert os.uname().release not in results[0]
    assert {one.headers.get("x-api-key") for one in calls} == {key}
    safe = ("git", "-c", f"safe.directory={repository}", "log", "-1", "--format=%s", "bottle/agent/main")
    assert subprocess.run(safe, cwd=repository, capture_output=True, text=True, check=False).stdout == "Share every cent\n"
