"""The demo: the real Claude Code, sealed in a bottle, repairs a small repository, playing against a stand-in model.

Nothing leaves this machine. The stand-in listens on loopback; the manifest's `egress.upstream.connect` tells the gate to dial
it for the API's real host name, so that the client inside is the unmodified one, with its usual addresses and checks.
"""

import difflib
import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import standin

from bot_bottle.host.paths import bottle_dir

HERE = Path(__file__).resolve().parent
API = "api.anthropic.com"
TASK = "The tests of this project fail. Find out why, fix it, and tell me what was wrong."
SHOWN_LINES = 12
"""Lines of one tool result that are shown."""
TIME_LIMIT_S = 180


def main() -> int:
    """Run the demo; 0 when the agent did its work and the key stayed outside."""
    with tempfile.TemporaryDirectory(prefix="bot-bottle-demo-") as name:
        folder = Path(name)
        repository = folder / "receipt"
        shutil.copytree(HERE / "repository", repository, ignore=shutil.ignore_patterns("__pycache__"))
        script = json.loads((HERE / "script.json").read_text())
        with standin.standing_in(script, folder, (API,)) as model:
            return play(model, folder, repository)


def play(model: standin.StandIn, folder: Path, repository: Path) -> int:
    """One run of the agent, and the account of it."""
    key, slug = f"demo-key-{secrets.token_hex(8)}", f"demo-{secrets.token_hex(3)}"
    manifest = folder / "bottle.yaml"
    manifest.write_text(manifest_text(model))
    try:
        heading(f"Claude Code in the bottle {slug}, on a copy of examples/demo/repository")
        code = run_agent(slug, manifest, repository, key)
        if code != 0:
            return code
        heading("What it changed")
        changed = show_changes(HERE / "repository", repository)
        heading("What the gate allowed and refused")
        refused = show_decisions(bottle_dir(slug) / "events.jsonl")
        heading("Who held the key")
        kept = show_key(model, key)
    finally:
        remove(slug)
    return 0 if changed and refused and kept else 1


def manifest_text(model: standin.StandIn) -> str:
    """The manifest of the demo: the agent's own defaults, and the stand-in in the place of the API."""
    connect = {f"{API}:443": model.address}
    upstream = {"connect": connect, "ca": [str(model.ca_file)]}
    return json.dumps({"version": 1, "agent": "claude", "egress": {"upstream": upstream}}, indent=2)  # JSON is YAML


def run_agent(slug: str, manifest: Path, repository: Path, key: str) -> int:
    """`bot-bottle run claude`, its steps shown as they come; the exit code."""
    options = ("-f", str(manifest), "-w", str(repository), "--mode", "bind", "--name", slug)
    task = ("-p", TASK, "--output-format", "stream-json", "--verbose")
    command = (sys.executable, "-m", "bot_bottle", "run", "claude", *options, "--", *task)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("ANTHROPIC_", "CLAUDE_"))}
    environment["ANTHROPIC_API_KEY"] = key
    with subprocess.Popen(command, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        for line in running.stdout:
            for shown in describe(line):
                print(shown, flush=True)
        return running.wait(TIME_LIMIT_S)


def remove(slug: str) -> None:
    """Remove the bottle's records, if it came that far."""
    if bottle_dir(slug).is_dir():
        command = (sys.executable, "-m", "bot_bottle", "rm", "-f", slug)
        subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, timeout=60, check=False)


def describe(line: str) -> Iterator[str]:
    """One line of Claude Code's own stream, for people. Everything in it comes out of the bottle: control characters are cut."""
    try:
        event = json.loads(line)
    except ValueError:
        yield plain(line)
        return
    content = event.get("message", {}).get("content", []) if isinstance(event, dict) else []
    for block in content if isinstance(content, list) else []:
        if block.get("type") == "text":
            yield f"\n  {plain(block['text'])}"
        elif block.get("type") == "tool_use":
            yield f"    {block['name']}: {plain(first_words(block['input']))}"
        elif block.get("type") == "tool_result":
            lines = standin.text_of(block.get("content")).splitlines()
            yield from (f"      | {plain(each)}" for each in lines[:SHOWN_LINES])


def first_words(asked: dict[str, Any]) -> str:  # Any: JSON
    """The part of a tool call that says what it is about."""
    return str(asked.get("command") or asked.get("file_path") or asked).splitlines()[0]


def plain(text: str) -> str:
    """Text from inside as text: printable characters only."""
    return "".join(char if char.isprintable() else " " for char in text).rstrip()


def show_changes(before: Path, after: Path) -> bool:
    """Print a diff of the Python files; whether there is one. Runs no program in a folder that the agent wrote to."""
    differences: list[str] = []
    for path in sorted(after.glob("*.py")):
        old = (before / path.name).read_text().splitlines() if (before / path.name).exists() else []
        new = path.read_text(errors="replace").splitlines()
        differences += difflib.unified_diff(old, new, f"a/{path.name}", f"b/{path.name}", lineterm="")
    for line in differences:
        print(f"  {plain(line)}")
    return bool(differences)


def show_decisions(events: Path) -> int:
    """Print what left and what did not; the number of refusals."""
    decisions = [event for event in map(json.loads, events.read_text().splitlines()) if event.get("event") == "decision"]
    counted = Counter(
        (event["verdict"], f"{event.get('method', '')} {event['host']}{event.get('path') or ''}") for event in decisions
    )
    for (verdict, what), count in sorted(counted.items()):
        print(f"  {verdict:5}  {count:2} x  {plain(what)}")
    return sum(count for (verdict, _), count in counted.items() if verdict == "deny")


def show_key(model: standin.StandIn, key: str) -> bool:
    """Whether the API saw the key that the agent never held."""
    calls = [seen for seen in model.seen if seen.path.startswith("/v1/messages")]
    arrived = sum(seen.headers.get("x-api-key") == key for seen in calls)
    leaked = sum(key in json.dumps(seen.body) for seen in model.seen)
    print(f"  {arrived} of {len(calls)} model calls reached the API with the key {key}, set by the gate.")
    print(f"  Inside, it was a placeholder; the key stands in {leaked} of the texts that the agent sent.")
    return arrived == len(calls) > 0 and leaked == 0


def heading(text: str) -> None:
    """A headline."""
    print(f"\n== {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
