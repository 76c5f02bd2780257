"""The real Claude Code and the real Codex ask through their own MCP clients, an operator answers, and work goes on."""

import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import standin
from scene import Operator, Stage
from test_agents import CLIENTS, Client

INSTALL = "npm install --no-audit --no-fund --fetch-retries 0 --prefix tools ms 2>&1; ls tools/node_modules"
UNTIL_REFUSED = 'for n in $(seq 100); do curl -sf -o /dev/null "$npm_config_registry/ms" || break; sleep 0.3; done'
AFRESH = "npm install --no-audit --no-fund --fetch-retries 0 --prefix again --cache again/cache ms 2>&1"
HELD_S = 6
DEADLINE_S = 120.0


def step(tool: str, **arguments: Any) -> standin.Step:
    """The agent calls one of the gate's tools."""
    return {"ask": tool, "with": json.dumps(arguments)}


SCRIPT: list[standin.Step] = [
    {"run": "pwd"},
    {"run": INSTALL},
    step("request_permission", kind="preset", name="npm", reason="the build needs ms"),
    step("await_decision", id="1", seconds=100),
    {"run": INSTALL},
    {"run": f"{UNTIL_REFUSED}; {AFRESH}"},
    step("request_permission", host="forum.example.com", methods=["POST"], reason="to tell everybody"),
    step("await_decision", id="2", seconds=100),
    step("ask_operator", question="Which of the two?", choices=["left", "right"]),
    step("await_decision", id="3", seconds=1),
    {"say": "I did what I could."},
]


def npm_registry(operator: Operator) -> str:
    """Where npm gets its packages, by this operator's own settings."""
    asked = subprocess.run(("npm", "config", "get", "registry"), env=operator.env(), capture_output=True, text=True, check=True)
    return asked.stdout.strip().removesuffix("/")


def manifest(scene: Stage, client: Client) -> Path:
    """No host is allowed but the model's."""
    connect = {f"{host}:443": scene.model.address for host in standin.HOSTS}
    egress = {"upstream": {"connect": connect, "ca": [str(scene.model.ca_file)]}}
    path = scene.folder / "bottle.yaml"
    env = {"npm_config_registry": npm_registry(scene.operator)}
    path.write_text(json.dumps({"agent": client.name, "egress": egress, "env": env}))
    path.chmod(0o644)
    return path


def answer(operator: Operator, kind: str, *words: str) -> None:
    """Wait until something of this kind is asked, and answer it with the id that is shown."""
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        asked = json.loads(operator.bot_bottle("asks", "--json").stdout or "[]")
        if found := [one for one in asked if one["kind"] == kind]:
            done = operator.bot_bottle(words[0], found[0]["id"], *words[1:])
            assert done.returncode == 0, done.stderr
            return
        time.sleep(0.1)
    pytest.fail(f"nobody asked for {kind}")


@pytest.mark.slow
@pytest.mark.parametrize("operator", ["as whoever runs the tests"], indirect=True)
@pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)
def test_a_real_agent_asks_and_goes_on_by_the_answers(client: Client, stage: Callable[[list[standin.Step]], Stage]) -> None:
    scene = stage(SCRIPT)
    operator = scene.operator
    options = ("-q", "-f", str(manifest(scene, client)), "-w", str(scene.repository), "--name", "asking")
    run = subprocess.Popen(
        operator.command("run", client.name, *options, "--", *client.args),
        env=operator.env(**{client.variable: scene.key}),
        cwd=operator.home,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        answer(operator, "preset", "approve", "--for", f"{HELD_S}s")
        answer(operator, "egress", "deny", "--reason", "Not in public.", "--alternative", "Write it into NOTES.")
        output, errors = run.communicate(timeout=DEADLINE_S)
    finally:
        run.kill()
        run.wait()
    assert run.returncode == 0, output + errors
    assert "I did what I could." in output
    check(max((client.results(seen.body) for seen in scene.model.seen if seen.path.startswith(client.path)), key=len))
    check_events(operator.home / ".local" / "state" / "bot-bottle" / "bottles" / "asking" / "events.jsonl")


def check(results: list[str]) -> None:
    """What the agent was told, in its own order."""
    _, blocked, asked, approved, installed, again, _, denied, _, waiting = results
    assert "403" in blocked, blocked
    assert "denied by bot-bottle" in blocked, blocked
    assert "pending" in asked
    assert "approved" in approved
    assert "added 1 package" in installed, installed
    assert "403" in again, again
    assert "denied" in denied
    assert "Not in public." in denied
    assert "Write it into NOTES." in denied
    assert "pending" in waiting


def check_events(log: Path) -> None:
    """Every ask and answer is in the log, with what was shown and who answered."""
    events = [json.loads(line) for line in log.read_text().splitlines()]
    told = [(event["event"], event.get("id")) for event in events if event["gate"] == "supervise"]
    assert [kind for kind, _ in told] == ["ask", "approved", "expired", "ask", "denied", "ask"]
    approved = next(event for event in events if event["event"] == "approved")
    assert approved["shown"]["delta"] == {"kind": "preset", "name": "npm"}
    assert approved["by"]
