"""Does one thing many times in a bottle: `busy.py requests|pushes|asks COUNT FIRST`. The last line says how many went through."""

import json
import subprocess
import sys
import urllib.request
from pathlib import Path

KIND, COUNT, FIRST = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
IDENTITY = ("-c", "user.name=Agent", "-c", "user.email=agent@example.com")


def request(number: int) -> bool:
    """One request through egress, on a connection of its own."""
    with urllib.request.urlopen(f"http://plain.example.com/get/soak/{number}", timeout=60) as answer:
        return bool(answer.read() == b"ok")


def push(number: int) -> bool:
    """One commit and its push."""
    Path("soak.txt").write_text(f"{number}\n")
    subprocess.run(("git", *IDENTITY, "commit", "-qam", f"{number}"), check=True)
    return (
        subprocess.run(("git", "push", "-q", "origin", "HEAD:refs/heads/main"), check=False, capture_output=True).returncode == 0
    )


def ask(number: int) -> bool:
    """One question, which the operator's own rule denies."""
    conf = json.loads(Path("~/.config/bot-bottle/mcp.json").expanduser().read_text())["mcpServers"]["supervise"]
    what = {"host": f"n{number}.example.com", "methods": ["GET"], "reason": "to try"}
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "request_permission", "arguments": what}}
    headers = {**conf["headers"], "content-type": "application/json"}
    plain = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with plain.open(urllib.request.Request(conf["url"], data=json.dumps(call).encode(), headers=headers), timeout=60) as answer:
        return b"result" in answer.read()


def main() -> None:
    """Do it."""
    if KIND == "pushes" and not Path("soak.txt").exists():
        Path("soak.txt").write_text("")
        subprocess.run(("git", "add", "soak.txt"), check=True)
    one = {"requests": request, "pushes": push, "asks": ask}[KIND]
    print(sum(one(number) for number in range(FIRST, FIRST + COUNT)))


if __name__ == "__main__":
    main()
