"""The real Claude Code and the real Codex work in a bottle, and never hold the key that the API sees."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import standin
from scene import Operator, Stage, git_repository

from bot_bottle.agents.endpoint import PLACEHOLDER

SEARCH = """python3 - <<'END'
import hashlib, os
start, length, digest, known = {start!r}, {length}, {digest!r}, {known!r}
found, controls, read = [], 0, 0
def holds_key(text):
    at = text.find(start)
    while at >= 0:
        if hashlib.sha256(text[at : at + length]).hexdigest() == digest:
            return True
        at = text.find(start, at + 1)
    return False
def look(path):
    global controls, read
    try:
        with open(path, "rb") as file:
            text = file.read(8 << 20)
    except OSError:
        return
    read += 1
    controls += known in text
    if holds_key(text):
        found.append(path)
for process in filter(str.isdigit, os.listdir("/proc")):
    for name in ("environ", "cmdline", "maps", "status"):
        look(f"/proc/{{process}}/{{name}}")
for top in (os.path.expanduser("~"), os.getcwd(), "/run", "/tmp", "/etc", "/var/tmp"):
    for folder, _, names in os.walk(top):
        for name in names:
            path = os.path.join(folder, name)
            if os.path.isfile(path) and not os.path.islink(path):
                look(path)
print("SEARCHED", read > 50, "PLACEHOLDER", controls > 0, "KEY", found)
END"""
"""Looks for the key in every process and file that the agent can see, knowing its first letters and its hash: with the key
itself it would find itself, and the gate would stop it. That the placeholder is found shows that the search works."""


PIP = ".venv/bin/pip install --quiet --disable-pip-version-check"


@dataclass(frozen=True, kw_only=True)
class Client:
    """How to start one agent without a terminal, and where its key arrives."""

    name: str
    variable: str
    args: tuple[str, ...]
    header: str
    format: str
    path: str
    results: Callable[[standin.Json], list[str]]


CLIENTS = (
    Client(
        name="claude",
        variable="ANTHROPIC_API_KEY",
        args=("-p", "The tests fail. Fix it."),
        header="x-api-key",
        format="{}",
        path="/v1/messages",
        results=standin.claude_results,
    ),
    Client(
        name="codex",
        variable="OPENAI_API_KEY",
        args=("exec", "The tests fail. Fix it."),
        header="authorization",
        format="Bearer {}",
        path="/v1/responses",
        results=standin.codex_results,
    ),
)


def manifest(stage: Stage, client: Client) -> Path:
    """The stand-in in the place of the API; pip and npm by their presets."""
    connect = {f"{host}:443": stage.model.address for host in standin.HOSTS}
    egress = {"presets": ["pip", "npm"], "upstream": {"connect": connect, "ca": [str(stage.model.ca_file)]}}
    path = stage.folder / "bottle.yaml"
    path.write_text(
        json.dumps({"version": 1, "agent": client.name, "prompt": "Be brief, and STAY-IN-CHARACTER.", "egress": egress})
    )
    path.chmod(0o644)
    return path


def work(key: str) -> list[standin.Step]:
    """A day's work: look, edit, test, install from both registries, knock at a closed door, look for the key."""
    search = SEARCH.format(
        start=key[:8].encode(), length=len(key), digest=hashlib.sha256(key.encode()).hexdigest(), known=PLACEHOLDER.encode()
    )
    return [
        {"say": "I look around.", "run": "pwd && git status --short && git log --oneline && id -u"},
        {"read": "receipt.py"},
        {
            "edit": "receipt.py",
            "old": "    return [total_cents // people] * people\n",
            "new": "    share, rest = divmod(total_cents, people)\n    return [share + (n < rest) for n in range(people)]\n",
        },
        {"run": "python3 -m unittest 2>&1 | tail -3"},
        {"run": f"python3 -m venv .venv && {PIP} iniconfig && ls .venv/lib/*/site-packages"},
        {"run": "npm install --no-audit --no-fund --prefix tools ms 2>&1 && ls tools/node_modules"},
        {"run": "curl -sS --max-time 20 https://forum.example.com/ || echo curl said $?"},
        {"run": search},
        {"say": "All four tests pass."},
    ]


@pytest.mark.slow
@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
def test_a_real_agent_works_sealed_and_never_holds_the_key(client: Client, stage: Callable[[list[standin.Step]], Stage]) -> None:
    scene = stage([])
    scene.model.script[:] = work(scene.key)
    operator = scene.operator
    options = ("-q", "-f", str(manifest(scene, client)), "-w", str(scene.repository), "--mode", "bind", "--name", "e2e")
    run = operator.bot_bottle("run", client.name, *options, "--", *client.args, **{client.variable: scene.key})

    assert run.returncode == 0, run.stdout + run.stderr
    assert "All four tests pass." in run.stdout
    calls = [seen for seen in scene.model.seen if seen.path.partition("?")[0] == client.path]
    results = max((client.results(seen.body) for seen in calls), key=len)
    check_work(results, scene.repository)
    check_key(scene, calls, client, results[-1])
    check_left_behind(scene, operator.home)
    assert any("STAY-IN-CHARACTER" in json.dumps(seen.body) for seen in calls), "the standing prompt did not reach the model"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("client", "variable", "prefix"),
    [(CLIENTS[0], "ANTHROPIC_BASE_URL", ""), (CLIENTS[1], "OPENAI_BASE_URL", "/v1")],
    ids=("claude", "codex"),
)
def test_a_gateway_on_the_operators_loopback_is_reached_without_a_manifest(
    client: Client, variable: str, prefix: str, operator: Operator, tmp_path: Path
) -> None:
    repository = operator.own(git_repository(tmp_path / "receipt"))
    with standin.standing_in([{"run": "pwd"}, {"say": "I was here."}], tmp_path, tls=False) as gateway:
        variables = {variable: f"http://localhost:{gateway.port}{prefix}", client.variable: "the-gateways-key"}
        run = operator.bot_bottle("run", client.name, "-q", "-w", str(repository), "--", *client.args, **variables)
        assert run.returncode == 0, run.stdout + run.stderr
        assert "I was here." in run.stdout
        calls = [seen for seen in gateway.seen if seen.path.partition("?")[0] == client.path]
        assert {seen.headers.get(client.header) for seen in calls} == {client.format.format("the-gateways-key")}


@pytest.mark.slow
def test_claude_works_with_the_hosts_own_login_and_never_holds_its_token(stage: Callable[[list[standin.Step]], Stage]) -> None:
    scene, client = stage([]), CLIENTS[0]
    search = SEARCH.format(
        start=scene.key[:8].encode(),
        length=len(scene.key),
        digest=hashlib.sha256(scene.key.encode()).hexdigest(),
        known=PLACEHOLDER.encode(),
    )
    scene.model.script[:] = [{"run": search}, {"say": "I was here."}]
    login = scene.operator.home / ".claude/.credentials.json"
    login.parent.mkdir()
    login.write_text(json.dumps({"claudeAiOauth": {"accessToken": scene.key, "refreshToken": "x", "expiresAt": 0}}))
    scene.operator.own(login.parent)
    run = scene.operator.bot_bottle(
        "run", "claude", "-q", "-f", str(manifest(scene, client)), "-w", str(scene.repository), "--", *client.args
    )
    assert run.returncode == 0, run.stdout + run.stderr
    assert "I was here." in run.stdout
    calls = [seen for seen in scene.model.seen if seen.path.partition("?")[0] == client.path]
    assert {seen.headers.get("authorization") for seen in calls} == {f"Bearer {scene.key}"}
    assert any("oauth" in seen.headers.get("anthropic-beta", "") for seen in calls), "it asked as with a key"
    results = max((client.results(seen.body) for seen in calls), key=len)
    assert "SEARCHED True PLACEHOLDER True KEY []" in results[-1], results[-1]


def check_work(results: list[str], repository: Path) -> None:
    """Each tool did its work, and its result is in the operator's folder."""
    looked, _, _, tested, pip, npm, denied, _ = results
    assert "Begin" in looked
    assert "1000" in looked.split(), "the agent does not run as uid 1000"
    assert "OK" in tested, tested
    assert "iniconfig" in pip, pip
    assert "ms" in npm.split(), npm
    assert "forum.example.com" in denied, denied
    assert "divmod" in (repository / "receipt.py").read_text()
    assert (repository / "tools" / "node_modules" / "ms" / "package.json").is_file()


def check_key(scene: Stage, calls: list[standin.Seen], client: Client, searched: str) -> None:
    """Every call reached the API with the real key; inside, only the placeholder was to be found."""
    assert {seen.headers.get(client.header) for seen in calls} == {client.format.format(scene.key)}
    assert "SEARCHED True PLACEHOLDER True KEY []" in searched, searched
    assert not any(scene.key in json.dumps(seen.body) for seen in scene.model.seen)


def check_left_behind(scene: Stage, home: Path) -> None:
    """No file of the bottle, its stage dir or the repository holds the key."""
    stage_dir = home / ".local" / "state" / "bot-bottle" / "bottles" / "e2e"
    assert (stage_dir / "events.jsonl").is_file()
    for top in (home, scene.repository):
        for path in top.rglob("*"):
            if path.is_file() and not path.is_symlink() and path.stat().st_size < 50_000_000:
                assert scene.key.encode() not in path.read_bytes(), path
