"""From the operator's key press to the effect inside the bottle: an agent asks, its request is refused until it is approved.

Two ways of pressing: `bot-bottle approve ID` as a command, and the control socket, as the dashboard and the page use it. The moment
of the effect is told by the bottle: it tries again every five milliseconds. Run: python bench/approve.py [ROUNDS]
"""

import http.server
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from outcome import OURS, Bar, Figure, tell

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "src"))
LIMIT_MS = 200.0

INSIDE = """
import json, os, sys, time, urllib.request, urllib.error
conf = json.load(open(os.path.expanduser("~/.config/bot-bottle/mcp.json")))["mcpServers"]["supervise"]
direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
def ask(path):
    asked = {"host": "plain.example.com", "ports": [80], "scheme": "http", "methods": ["GET"], "paths": [path], "reason": "bench"}
    call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "request_permission", "arguments": asked}}
    headers = {**conf["headers"], "content-type": "application/json"}
    direct.open(urllib.request.Request(conf["url"], data=json.dumps(call).encode(), headers=headers)).close()
for number in range(int(sys.argv[1])):
    ask(f"/{number}")
    while True:
        try:
            urllib.request.urlopen(f"http://plain.example.com/{number}").close()
            break
        except urllib.error.HTTPError as error:
            error.close()
            time.sleep(0.005)
    print(time.time(), flush=True)
"""


class Answering(http.server.BaseHTTPRequestHandler):
    """The server behind the name."""

    def do_GET(self) -> None:
        """Anything."""
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Silent."""


def measure(rounds: int, press: str, port: int) -> list[float]:
    """Milliseconds from the press to the effect, a value a round."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        (home / "work").mkdir()
        (home / "work" / "inside.py").write_text(INSIDE)
        connect = {"plain.example.com:80": f"127.0.0.1:{port}"}
        text = {"agent": "shell", "supervise": {"enabled": True}, "egress": {"upstream": {"connect": connect}}}
        (home / "b.yaml").write_text(json.dumps(text))
        env = {**os.environ, "HOME": folder, "PYTHONPATH": str(ROOT / "src")}
        base = [sys.executable, "-m", "bot_bottle"]
        start = [*base, "run", "-q", "-f", f"{folder}/b.yaml", "-w", f"{folder}/work", "--name", "bench", "shell"]
        command = [*start, "--", "python3", "inside.py", str(rounds)]
        with subprocess.Popen(command, env=env, stdout=subprocess.PIPE, text=True, cwd=folder) as run:
            assert run.stdout is not None
            try:
                return [one_round(press, base, env, run.stdout.readline) for _ in range(rounds)]
            finally:
                run.terminate()
                run.wait()
                subprocess.run([*base, "rm", "-f", "bench"], env=env, check=False, capture_output=True)


def one_round(press: str, base: list[str], env: dict[str, str], effect: "object") -> float:
    """Wait for the ask, press, and wait for the bottle to tell of the effect."""
    from bot_bottle.bottles import asks

    os.environ["HOME"] = env["HOME"]
    while not (pending := asks.read_inbox().pending):
        time.sleep(0.02)
    time.sleep(0.2)  # the key is pressed by a person who has read it
    began = time.time()
    if press == "command":
        subprocess.run([*base, "approve", pending[0].id], env=env, check=True, capture_output=True)
    else:
        asks.approve(pending[0], {"scope": "session"}, host=env)
    return (float(effect()) - began) * 1000  # type: ignore[operator]  # a readline


def main() -> int:
    """Print both distributions; exit 1 when the median of either is over the limit."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 20
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    over = False
    figures, bars = [], []
    for press in ("command", "socket"):
        found = sorted(measure(rounds, press, server.server_address[1]))
        print(
            f"{press:8} p50 {statistics.median(found):6.1f} ms  p90 {found[int(rounds * 0.9) - 1]:6.1f} ms  max {found[-1]:6.1f} ms"
        )
        over |= statistics.median(found) > LIMIT_MS
        middle = round(statistics.median(found), 1)
        figures.append(
            Figure(what="from the approval to its effect inside, median", value=middle, unit="ms", of=f"{OURS} ({press})")
        )
        bars.append(Bar(what=f"by {press}, ms", value=middle, bar=LIMIT_MS))
    server.shutdown()
    tell("approve", figures, bars)
    return int(over)


if __name__ == "__main__":
    sys.exit(main())
