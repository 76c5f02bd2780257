"""More real agents work in a bottle against the stand-in: each reads, edits, runs, and never holds the key that the API sees."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
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
    script: list[standin.Step] = field(default_factory=list)


WORK: list[standin.Step] = [
    {"say": "I look around.", "run": "pwd; git status --short; env | grep -i _KEY"},
    {"read": "receipt.py"},
    {"edit": "receipt.py", "old": OLD, "new": NEW},
    {"run": "python3 -m unittest 2>&1 | tail -3"},
    {"run": "curl -sS --max-time 20 https://forum.example.com/ || echo curl said $?"},
    {"say": "All four tests pass."},
]

CLIENTS = (
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


def manifest(stage: Stage, client: Client) -> Path:
    """The stand-in in the place of the API."""
    connect = {f"{host}:443": stage.model.address for host in standin.HOSTS}
    egress = {"upstream": {"connect": connect, "ca": [str(stage.model.ca_file)]}}
    path = stage.folder / "bottle.yaml"
    path.write_text(
        json.dumps({"version": 1, "agent": client.name, "prompt": "Be brief, and STAY-IN-CHARACTER.", "egress": egress})
    )
    path.chmod(0o644)
    return path


@pytest.mark.slow
@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
def test_a_real_agent_works_sealed_and_never_holds_the_key(
    client: Client, stage: Callable[[str, list[standin.Step]], Stage]
) -> None:
    scene = stage(client.name, WORK)
    variables = {name: scene.key if value == "KEY" else value for name, value in client.variables.items()}
    options = ("-q", "-f", str(manifest(scene, client)), "-w", str(scene.repository), "--mode", "bind", "--name", "more")
    run = scene.operator.bot_bottle("run", client.name, *options, "--", *client.args, **variables)

    assert run.returncode == 0, run.stdout + run.stderr
    assert "All four tests pass." in run.stdout, run.stdout + run.stderr
    calls = [seen for seen in scene.model.seen if seen.path.partition("?")[0] == client.path]
    results = max((client.results(seen.body) for seen in calls), key=len)
    assert "divmod" in (scene.repository / "receipt.py").read_text()
    assert "OK" in results[3], results[3]
    assert "forum.example.com" in results[4], results[4]
    assert {seen.headers.get(client.header) for seen in calls} == {client.format.format(scene.key)}
    assert not any(scene.key in json.dumps(seen.body) for seen in scene.model.seen)
    assert any("STAY-IN-CHARACTER" in json.dumps(seen.body) for seen in calls), "the standing prompt did not reach the model"
