"""The operator is told on every way that they set, by real programs and a real server, and each can check who told them."""

import hashlib
import hmac
import http.server
import json
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from shop import Shop
from terminal import Terminal

pytestmark = pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed")

ASKING = Path(__file__).parent / "inside" / "asking.py"
KEY = "a-key-of-the-operator"
WAIT_S = 60.0


class Receiver(http.server.BaseHTTPRequestHandler):
    """Keeps what is posted."""

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        posted.append((self.headers["x-bot-bottle-signature"] or "", body))
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Silent."""


posted: list[tuple[str, bytes]] = []


@pytest.fixture
def receiver() -> Iterator[str]:
    """A webhook's address on loopback."""
    posted.clear()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/hook?team=one"
    server.shutdown()
    thread.join()
    server.server_close()


def is_signed(signature: str, body: bytes) -> bool:
    """As docs/how-to/supervise.md says that a receiver checks it."""
    moment, _, mac = signature.removeprefix("t=").partition(",v1=")
    expected = hmac.new(KEY.encode(), f"{moment}.".encode() + body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(mac, expected) and abs(time.time() - int(moment)) < 2 * WAIT_S


def program(folder: Path, name: str, script: str) -> Path:
    """An executable shell script."""
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def test_desktop_command_and_webhook_are_all_told_and_signed(shop: Shop, receiver: str) -> None:
    shutil.copy(ASKING, shop.project / "asking.py")
    home = shop.home
    tools = home / "tools"
    program(
        tools,
        "notify-send",
        f'for word in "$@"; do printf "%s\\n" "$word"; done > {home}/shown.new; mv {home}/shown.new {home}/shown',
    )
    hook = program(
        tools, "tell", f'printf %s "$BOT_BOTTLE_SIGNATURE" > {home}/signed; cat > {home}/told.new; mv {home}/told.new {home}/told'
    )
    notify = {"desktop": True, "command": [str(hook)], "webhook": receiver, "key": {"env": "NOTIFY_KEY"}}
    manifest = home / "b.yaml"
    manifest.write_text(json.dumps({"agent": "shell", "supervise": {"enabled": True, "notify": notify}}))
    start = ("run", "-q", "-d", "-f", str(manifest), "--name", "telling", "shell", "--", "python3", "asking.py")
    path = f"{tools}:{shop.env()['PATH']}"
    assert shop.bot_bottle(*start, NOTIFY_KEY=KEY, PATH=path).returncode == 0
    wait_until(lambda: bool(posted) and (home / "told").exists() and (home / "shown").exists())
    signature, body = posted[0]
    assert is_signed(signature, body)
    assert json.loads(body)["title"] == "send GET / to plain.example.com by plain http"
    told = (home / "told").read_bytes()
    assert json.loads(told)["bottle"] == "telling"
    assert is_signed((home / "signed").read_text(), told)
    shown = (home / "shown").read_text()
    assert "telling asks" in shown
    assert "send GET / to plain.example.com" in shown
    assert len(posted) == 1, "once, however long it waits"
    kept = (shop.bottles() / "telling" / "events.jsonl").read_text()
    assert "notification-failed" not in kept


def test_a_watching_terminal_rings_its_bell(shop: Shop) -> None:
    shutil.copy(ASKING, shop.project / "asking.py")
    manifest = shop.home / "b.yaml"
    manifest.write_text(json.dumps({"agent": "shell", "supervise": {"enabled": True}}))
    with Terminal(shop.argv("asks", "--watch"), env=shop.env(), cwd=shop.project) as screen:
        start = ("run", "-q", "-d", "-f", str(manifest), "--name", "ringing", "shell", "--", "python3", "asking.py")
        assert shop.bot_bottle(*start).returncode == 0
        screen.wait_for(b"plain.example.com", timeout_s=WAIT_S)
        screen.wait_for(b"\a", timeout_s=WAIT_S)


def wait_until(holds: object) -> None:
    """Try again until it is true."""
    assert callable(holds)
    deadline = time.monotonic() + WAIT_S
    while not holds():
        assert time.monotonic() < deadline, "it never came about"
        time.sleep(0.05)
