"""More real agents work in a bottle against the stand-in: each reads, edits, runs, and never holds the key that the API sees."""

import json
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import standin
from chat import chat_results
from gemini import gemini_results
from scene import Stage

OLD = "    return [total_cents // people] * people\n"
NEW = "    share, rest = divmod(total_cents, people)\n    return [share + (n < rest) for n in range(people)]\n"
TASK = "The tests fail. Fix it."


@dataclass(frozen=True, kw_only=True)
class Client:
    """How to start one agent without a terminal, and where its key arrives."""

    name: str
    variables: dict[str, str]
    args: tuple[str, ...]
    header: str
    format: str
    path: str
    results: Callable[[standin.Json], list[str]]
    mode: str = "bind"


WORK: list[standin.Step] = [
    {"say": "I look around.", "run": "pwd; git status --short; env | grep -i _KEY"},
    {"read": "receipt.py"},
    {"edit": "receipt.py", "old": OLD, "new": NEW},
    {"run": "python3 -m unittest 2>&1 | tail -3"},
    {"run": "curl -sS --max-time 20 https://forum.example.com/ || echo curl said $?"},
    {"say": "All four tests pass."},
]

CLIENTS: tuple[Client, ...] = (
    Client(
        name="gemini",
        variables={"GEMINI_API_KEY": "KEY", "GEMINI_MODEL": "gemini-2.5-flash"},
        args=("-p", TASK),
        header="x-goog-api-key",
        format="{}",
        path="/v1beta/models/gemini-2.5-flash:streamGenerateContent",
        results=gemini_results,
    ),
    Client(
        name="qwen",
        variables={"OPENAI_API_KEY": "KEY", "OPENAI_MODEL": "qwen3-coder-plus"},
        args=("-p", TASK),
        header="authorization",
        format="Bearer {}",
        path="/v1/chat/completions",
        results=chat_results,
    ),
    Client(
        name="opencode",
        variables={"ANTHROPIC_API_KEY": "KEY"},
        args=("run", "--model", "anthropic/claude-sonnet-4-5", TASK),
        header="x-api-key",
        format="{}",
        path="/v1/messages",
        results=standin.claude_results,
    ),
    Client(
        name="copilot",
        variables={
            "COPILOT_PROVIDER_API_KEY": "KEY",
            "COPILOT_PROVIDER_BASE_URL": "https://api.openai.com/v1",
            "COPILOT_MODEL": "gpt-4.1",
        },
        args=("-p", TASK),
        header="authorization",
        format="Bearer {}",
        path="/v1/chat/completions",
        results=chat_results,
    ),
)
CLIENTS += (replace(CLIENTS[2], mode="copy"),)
"""opencode reads the project's own settings in a copy, and cannot in a shared folder."""


def manifest(stage: Stage, agent: str) -> Path:
    """The stand-in in the place of the API."""
    connect = {f"{host}:443": stage.model.address for host in standin.HOSTS}
    egress = {"upstream": {"connect": connect, "ca": [str(stage.model.ca_file)]}}
    path = stage.folder / "bottle.yaml"
    path.write_text(
        json.dumps(
            {"version": 1, "agent": agent, "prompt": "Be brief, and STAY-IN-CHARACTER.", "egress": egress, "supervise": {}}
        )
    )
    path.chmod(0o644)
    return path


@pytest.mark.slow
@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: f"{client.name}-{client.mode}")
def test_a_real_agent_works_sealed_and_never_holds_the_key(
    client: Client, stage: Callable[[str, list[standin.Step]], Stage]
) -> None:
    scene = stage(client.name, WORK)
    variables = {name: scene.key if value == "KEY" else value for name, value in client.variables.items()}
    options = (
        "-q",
        "-f",
        str(manifest(scene, client.name)),
        "-w",
        str(scene.repository),
        "--mode",
        client.mode,
        "--name",
        "more",
    )
    run = scene.operator.bot_bottle("run", client.name, *options, "--", *client.args, **variables)

    assert run.returncode == 0, run.stdout + run.stderr
    assert "All four tests pass." in run.stdout, run.stdout + run.stderr
    calls = [seen for seen in scene.model.seen if seen.path.partition("?")[0] == client.path]
    results = max((client.results(seen.body) for seen in calls), key=len)
    changed = (
        scene.operator.bot_bottle("diff", "more").stdout
        if client.mode == "copy"
        else (scene.repository / "receipt.py").read_text()
    )
    assert "divmod" in changed, changed
    assert "OK" in results[3], results[3]
    assert "forum.example.com" in results[4], results[4]
    assert {seen.headers.get(client.header) for seen in calls} == {client.format.format(scene.key)}
    assert not any(scene.key in json.dumps(seen.body) for seen in scene.model.seen)
    assert any("STAY-IN-CHARACTER" in json.dumps(seen.body) for seen in calls), "the standing prompt did not reach the model"
    if client.name == "qwen":
        return  # it does not reach the supervise gate, which its preflight says
    offered = max((offers(seen.body) for seen in calls), key=len)
    assert any(name.endswith("request_permission") for name in offered), offered


def offers(body: standin.Json) -> list[str]:
    """The names of the tools that a request offers to the model, in any of the forms."""
    tools = body.get("tools") or []
    declared = [each for tool in tools for each in tool.get("functionDeclarations", [tool.get("function", tool)])]
    return [str(each.get("name", "")) for each in declared]


AIDER = (
    ({"OPENAI_API_KEY": "KEY", "AIDER_MODEL": "openai/gpt-4.1"}, "/v1/chat/completions", "authorization", "Bearer {}"),
    ({"ANTHROPIC_API_KEY": "KEY"}, "/v1/messages", "x-api-key", "{}"),
)


@pytest.mark.slow
@pytest.mark.parametrize(("variables", "path", "header", "format"), AIDER, ids=("openai", "anthropic"))
def test_aider_edits_and_commits_sealed_and_never_holds_the_key(
    variables: dict[str, str], path: str, header: str, format: str, stage: Callable[[str, list[standin.Step]], Stage]
) -> None:
    scene = stage("aider", WORK)
    keys = {name: scene.key if value == "KEY" else value for name, value in variables.items()}
    options = ("-q", "-f", str(manifest(scene, "aider")), "-w", str(scene.repository), "--mode", "bind", "--name", "more")
    run = scene.operator.bot_bottle("run", "aider", *options, "--", "--message", TASK, "receipt.py", **keys)

    assert run.returncode == 0, run.stdout + run.stderr
    assert "Applied edit to receipt.py" in run.stdout, run.stdout
    assert "divmod" in (scene.repository / "receipt.py").read_text()
    log = subprocess.run(("git", "log", "--format=%an"), cwd=scene.repository, capture_output=True, text=True, check=True)
    assert log.stdout.splitlines() == ["aider", "Me"]
    calls = [seen for seen in scene.model.seen if seen.path == path]
    assert {seen.headers.get(header) for seen in calls} == {format.format(scene.key)}
    assert any("STAY-IN-CHARACTER" in json.dumps(seen.body) for seen in calls), "the standing prompt did not reach the model"


@pytest.mark.slow
def test_amp_starts_and_asks_its_own_service_with_the_operators_key(stage: Callable[[str, list[standin.Step]], Stage]) -> None:
    """Amp works with its makers' service alone, which keeps its conversations: without an account this is how far it can come."""
    scene = stage("amp", WORK)
    run = scene.operator.bot_bottle(
        "run",
        "amp",
        "-q",
        "-f",
        str(manifest(scene, "amp")),
        "-w",
        str(scene.repository),
        "--",
        "-x",
        TASK,
        AMP_API_KEY=scene.key,
    )
    assert run.returncode == 1
    assert "getUserInfo failed: 404" in run.stdout + run.stderr
    assert {(seen.path.partition("?")[0], seen.headers.get("authorization")) for seen in scene.model.seen} == {
        ("/api/internal", f"Bearer {scene.key}")
    }


@pytest.mark.slow
def test_copilot_asks_github_for_the_account_with_the_operators_token(stage: Callable[[str, list[standin.Step]], Stage]) -> None:
    """Without an account this is how far GitHub's own service can be tried; a model API of one's own is tried in full above."""
    scene = stage("copilot", WORK)
    options = ("-q", "-f", str(manifest(scene, "copilot")), "-w", str(scene.repository))
    run = scene.operator.bot_bottle("run", "copilot", *options, "--", "-p", TASK, GH_TOKEN=scene.key)
    assert run.returncode == 1
    asked = {(seen.path, seen.headers.get("authorization")) for seen in scene.model.seen}
    assert asked == {("/copilot_internal/user", f"Bearer {scene.key}")}
