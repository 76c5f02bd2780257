"""Asking and answering around real bottles: what is inside can ask, and cannot be its own operator by any socket or file."""

import http.server
import json
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from shop import Shop

pytestmark = pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed")

INSIDE = Path(__file__).parent / "inside" / "own_operator.py"
ASKING = Path(__file__).parent / "inside" / "asking.py"
DEADLINE_S = 60.0


@pytest.fixture
def web() -> Iterator[int]:
    """A server on loopback that a bottle may reach once it is allowed to."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield int(server.server_address[1])
    server.shutdown()
    thread.join()
    server.server_close()


class Answering(http.server.BaseHTTPRequestHandler):
    """Answers every GET."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-length", "5")
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, format: str, *args: object) -> None:
        """Silent."""


def manifest(shop: Shop, port: int, **supervise: object) -> str:
    """No rule, but a server behind the name."""
    text = {
        "agent": "shell",
        "supervise": {"enabled": True, **supervise},
        "egress": {"upstream": {"connect": {"plain.example.com:80": f"127.0.0.1:{port}"}}},
    }
    path = shop.home / "asking.yaml"
    path.write_text(json.dumps(text))
    return str(path)


def stage_dir(shop: Shop, name: str) -> Path:
    """Where the bottle's things are on the host."""
    return shop.home / ".local" / "state" / "bot-bottle" / "bottles" / name


def test_what_is_inside_cannot_be_its_own_operator(shop: Shop, web: int) -> None:
    shutil.copy(INSIDE, shop.project / "inside.py")
    folder = stage_dir(shop, "own")
    names = ("supervise.json", "supervise.token", "bundle.sock", "bundle.json", "keeper.sock", "plan.json", "status.json")
    policy = shop.home / ".config" / "bot-bottle" / "policy.yaml"
    policy.parent.mkdir(parents=True)
    policy.write_text("version: 1\n")
    paths = json.dumps([*(str(folder / name) for name in (*names, "events.jsonl", "sources.json")), str(policy)])
    command = ("python3", "inside.py", paths, "token-of-another-bottle")
    done = shop.bot_bottle("run", "-q", "-f", manifest(shop, web), "--name", "own", "shell", "--", *command)
    lines = done.stdout.decode().splitlines()
    assert lines[0] == "FILED pending", done.stderr.decode()
    assert lines[1:] == ["PORTS [3128, 3130]", "OTHER BOTTLE'S TOKEN 401", "STATUS pending", "FETCH 403"]
    events = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
    assert not [event for event in events if event["event"] == "approved"]
    assert policy.read_text() == "version: 1\n"


def test_a_request_is_approved_used_and_taken_back(shop: Shop, web: int) -> None:
    shutil.copy(ASKING, shop.project / "asking.py")
    start = ("run", "-q", "-d", "-f", manifest(shop, web), "--name", "ask", "shell", "--", "sh", "-c", "python3 asking.py > out")
    assert shop.bot_bottle(*start).returncode == 0
    out = stage_dir(shop, "ask") / "workspace" / "out"
    ask = wait_for_ask(shop)
    assert ask["title"] == "send GET / to plain.example.com by plain http"
    stale = ask["id"][:-1] + ("a" if ask["id"][-1] != "a" else "b")
    assert shop.bot_bottle("approve", stale).returncode == 2
    approved = shop.bot_bottle("approve", ask["id"], "--for", "10m")
    assert approved.returncode == 0, approved.stderr
    assert shop.bot_bottle("approve", ask["id"]).returncode != 0, "it is answered already"
    wait_until(lambda: out.read_text().splitlines()[-1] == "200")
    listed = json.loads(shop.bot_bottle("grants", "ls", "--json").stdout)
    assert [(one["name"], one["scope"], one["ended"]) for one in listed] == [("g1", "for", "")]
    assert shop.bot_bottle("grants", "revoke", "ask/g1").returncode == 0
    wait_until(lambda: out.read_text().splitlines()[-1] == "403")


def test_an_approval_for_always_is_in_the_policy_and_in_the_next_bottle(shop: Shop, web: int) -> None:
    shutil.copy(ASKING, shop.project / "asking.py")
    policy = shop.home / ".config" / "bot-bottle" / "policy.yaml"
    policy.parent.mkdir(parents=True)
    policy.write_text("# mine\nlimits: {pids: 500}  # enough\n")
    policy.chmod(0o600)
    start = (
        "run",
        "-q",
        "-d",
        "-f",
        manifest(shop, web),
        "--name",
        "always",
        "shell",
        "--",
        "sh",
        "-c",
        "python3 asking.py > out",
    )
    assert shop.bot_bottle(*start).returncode == 0
    done = shop.bot_bottle("approve", wait_for_ask(shop)["id"], "--always")
    assert done.returncode == 0, done.stderr
    assert b"+    - {host: plain.example.com" in done.stderr
    text = policy.read_text()
    assert text.startswith("# mine\nlimits: {pids: 500}  # enough\negress:\n  rules:\n    - {host: plain.example.com")
    fetch = "import urllib.request as r; print(r.urlopen('http://plain.example.com/').status)"
    again = shop.bot_bottle("run", "-q", "-f", manifest(shop, web), "shell", "--", "python3", "-c", fetch)
    assert again.stdout == b"200\n", again.stderr


def test_a_running_bottle_lives_by_a_changed_manifest_after_reload(shop: Shop, web: int) -> None:
    shutil.copy(ASKING, shop.project / "asking.py")
    path = manifest(shop, web)
    start = ("run", "-q", "-d", "-f", path, "--name", "re", "shell", "--", "sh", "-c", "python3 asking.py > out")
    assert shop.bot_bottle(*start).returncode == 0
    out = stage_dir(shop, "re") / "workspace" / "out"
    wait_until(lambda: out.read_text().splitlines()[-1] == "403")
    said = json.loads(Path(path).read_text())
    said["egress"]["rules"] = [{"host": "plain.example.com", "scheme": "http"}]
    said["limits"] = {"pids": 99}
    Path(path).write_text(json.dumps(said))
    done = shop.bot_bottle("policy", "reload", "re")
    assert done.returncode == 0, done.stderr
    assert b"now" in done.stdout
    assert b"limits" in done.stderr
    wait_until(lambda: out.read_text().splitlines()[-1] == "200")
    del said["egress"]["rules"]
    Path(path).write_text(json.dumps(said))
    assert b"no more" in shop.bot_bottle("policy", "reload", "re").stdout
    wait_until(lambda: out.read_text().splitlines()[-1] == "403")
    Path(path).write_text("egress: [")
    assert shop.bot_bottle("policy", "reload", "re").returncode == 122


def test_an_unattended_run_is_answered_told_and_summed_up(shop: Shop, web: int) -> None:
    shutil.copy(ASKING, shop.project / "asking.py")
    told = shop.home / "told.json"
    hook = {"command": ["sh", "-c", f"cat > {told}.new; mv {told}.new {told}"]}
    path = manifest(shop, web, unattended="deny", notify=hook)
    start = ("run", "-d", "-f", path, "--name", "alone", "shell", "--", "sh", "-c", "python3 asking.py > out")
    assert shop.bot_bottle(*start).returncode == 0
    wait_until(told.exists)
    said = json.loads(told.read_text())
    assert (said["bottle"], said["state"]) == ("alone", "denied")
    assert "token" not in said
    listed = json.loads(shop.bot_bottle("asks", "-a", "--json").stdout)
    assert [one["state"] for one in listed] == ["denied"]
    assert shop.bot_bottle("asks", "--json").stdout.strip() == b"[]"


def test_a_command_has_no_gate_to_ask_unless_it_is_wanted(shop: Shop) -> None:
    seen = shop.bot_bottle("run", "-q", "--name", "plain", "shell", "--", "sh", "-c", "ls -a ~/.config/bot-bottle; exit 3")
    assert seen.returncode == 3
    assert b"mcp.json" not in seen.stdout
    assert not (stage_dir(shop, "plain") / "supervise.token").exists()


def test_the_plan_and_the_log_hold_no_token(shop: Shop, web: int) -> None:
    shutil.copy(ASKING, shop.project / "asking.py")
    start = ("run", "-q", "-d", "-f", manifest(shop, web), "--name", "tok", "shell", "--", "sh", "-c", "python3 asking.py > out")
    assert shop.bot_bottle(*start).returncode == 0
    wait_for_ask(shop)
    folder = stage_dir(shop, "tok")
    token = (folder / "supervise.token").read_text()
    assert len(token) >= 32
    assert token in (folder / "home" / ".config" / "bot-bottle" / "mcp.json").read_text()
    for name in ("plan.json", "bundle.json", "events.jsonl", "supervise.json", "sources.json", "status.json"):
        assert token not in (folder / name).read_text(), name
    assert token not in shop.bot_bottle("inspect", "tok", "--json").stdout.decode()


def wait_for_ask(shop: Shop) -> dict[str, str]:
    """The first request that waits."""
    found: list[dict[str, str]] = []

    def look() -> bool:
        found[:] = json.loads(shop.bot_bottle("asks", "--json").stdout or b"[]")
        return bool(found)

    wait_until(look)
    return found[0]


def wait_until(holds: object) -> None:
    """Try again until it is true; what is not there yet is not true."""
    assert callable(holds)
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        try:
            if holds():
                return
        except (FileNotFoundError, IndexError):
            pass
        time.sleep(0.05)
    pytest.fail("it never came about")
