"""The page in a real browser of a phone's size: what is shown, what a finger does, and a real bottle that goes on after a yes."""

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import standin
from browser import Chromium, chromium, missing
from fake_door import HOSTILE, FakeDoor, ask, bottle, decision, grant, snapshot
from scene import Operator

from bot_bottle.dashboard.web.serve import Page

pytestmark = [pytest.mark.slow, pytest.mark.skipif(bool(missing()), reason=missing())]

AGENT = """
import json, os, pathlib, subprocess, urllib.request
servers = json.loads((pathlib.Path.home() / ".config/bot-bottle/mcp.json").read_text())["mcpServers"]
server = servers["supervise"]
def call(name, **arguments):
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": name, "arguments": arguments}}
    headers = {**server["headers"], "Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
    request = urllib.request.Request(server["url"], json.dumps(body).encode(), headers)
    text = urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=280).read().decode()
    lines = [line[6:] for line in text.splitlines() if line.startswith("data: {")]
    return json.loads(lines[-1] if lines else text)["result"]["structuredContent"]
def fetch():
    command = ["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", "https://forum.example.com/x"]
    done = subprocess.run(command, capture_output=True)
    return done.stdout.decode()
print("BEFORE", fetch(), flush=True)
asked = call("request_permission", kind="egress", host="forum.example.com", methods=["GET"], reason="I want to <b>read</b>.")
while True:
    answer = call("await_decision", id=asked["id"])
    if answer["status"] != "pending":
        break
print("ANSWERED", answer["status"], flush=True)
print("AFTER", fetch(), flush=True)
import time; time.sleep(60)
"""


@contextmanager
def served(door: FakeDoor) -> Iterator[Page]:
    """The page on records."""
    page = Page(door)
    thread = threading.Thread(target=page.serve)
    thread.start()
    try:
        yield page
    finally:
        page.stop()
        thread.join()


@pytest.fixture
def window(tmp_path: Path) -> Iterator[Chromium]:
    """A phone."""
    with chromium(tmp_path) as made:
        yield made


def test_a_link_works_once_and_leaves_no_trace_in_the_address(window: Chromium) -> None:
    with served(FakeDoor(now=snapshot(bottle("claude-shop")))) as page:
        link = page.link()
        window.open(link)
        window.wait_for("claude-shop", "#bottles")
        assert window.run("return location.href") == f"http://127.0.0.1:{page.port}/"
        window.run("sessionStorage.clear(); location.href = 'about:blank'")
        window.open(link)
        window.wait_for("used already", "#notice")
        assert "claude-shop" not in window.text()


def test_what_a_bottle_says_is_text_on_the_page(window: Chromium) -> None:
    evil = f"{HOSTILE} <img src=x onerror=document.title='owned'><script>document.title='owned'</script>"
    views = (bottle("claude-shop", why=evil, latest=(decision("deny", host=evil, why=evil),)),)
    door = FakeDoor(
        now=snapshot(*views, asks=(ask(title=evil, reason=evil, evidence=(evil,), risks=((evil, "high", evil),)),)),
        printed=(evil,),
    )
    with served(door) as page:
        window.open(page.link())
        window.wait_for("<img src=x", "#asks")
        window.click("//summary[text()='Output']")
        window.wait_for("<img src=x", "#bottles pre")
        assert window.run("return document.querySelectorAll('img, main script').length") == 0
        assert window.run("return document.title") == "(1) bot-bottle"
        assert [line for line in window.console() if "favicon" not in line] == []


def test_a_finger_answers_on_a_phone(window: Chromium) -> None:
    door = FakeDoor(now=snapshot(bottle("claude-shop"), asks=(ask(),), grants=(grant(),)))
    with served(door) as page:
        window.open(page.link())
        window.wait_for("forum.example.com", "#asks")
        assert window.run("return document.documentElement.scrollWidth <= innerWidth"), "nothing is wider than the screen"
        heights = "return Math.min(...[...document.querySelectorAll('button, input')].map((each) => each.offsetHeight))"
        assert window.run(heights) >= 44
        window.click("//button[text()='30 minutes']")
        window.wait_for("Approved", "#notice")
        window.write("//input[@placeholder='why not; the agent reads it']", "No need.")
        window.click("//button[text()='Deny']")
        window.wait_for("Denied", "#notice")
        window.click("//button[text()='Revoke']")
        window.wait_for("Revoked", "#notice")
    assert door.done == [
        ("approve", ask().id, {"scope": "for", "narrow": {}, "seconds": 1800.0}),
        ("deny", ask().id, "No need."),
        ("revoke", "claude-shop", "g1"),
    ]


def test_a_change_is_seen_without_a_reload_and_what_is_typed_stays(window: Chromium) -> None:
    door = FakeDoor(now=snapshot(bottle("claude-shop"), asks=(ask(),)))
    with served(door) as page:
        window.open(page.link())
        window.wait_for("forum.example.com", "#asks")
        window.write("//input[@placeholder='why not; the agent reads it']", "because")
        door.now = snapshot(bottle("claude-shop"), bottle("codex-blog"), asks=(ask(), ask(2, title="push to main")))
        window.wait_for("push to main", "#asks")
        window.wait_for("codex-blog", "#bottles")
        assert window.run("return document.querySelector('form input').value") == "because"


def test_a_held_push_is_read_and_decided_on_a_phone(window: Chromium) -> None:
    push = ask(2, id="claude-shop/2-beef", kind="push", title="push main to shop")
    door = FakeDoor(now=snapshot(bottle("claude-shop"), asks=(push,)), diff=("-old", "+<b>new</b>"))
    with served(door) as page:
        window.open(page.link())
        window.wait_for("push main to shop", "#asks")
        window.click("//summary[text()='Commits and diff']")
        window.wait_for("+<b>new</b>", "#asks pre")
        window.click("//button[text()='Push it upstream']")
        window.wait_for("Approved", "#notice")
    assert door.done == [("approve", push.id, {})]


@pytest.fixture
def operator(tmp_path: Path) -> Iterator[Operator]:
    """Whoever runs the tests, with a home of their own; their bottles end with the test."""
    for program in ("bwrap", "curl"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    home = tmp_path / "home"
    home.mkdir()
    made = Operator(name="self", uid=os.getuid(), home=home, prefix=(), python=sys.executable)
    yield made
    for each in json.loads(made.bot_bottle("ls", "--json").stdout):
        made.bot_bottle("stop", each["slug"])


@contextmanager
def web(operator: Operator) -> Iterator[str]:
    """The real `bot-bottle web`; the link that it prints."""
    running = subprocess.Popen(
        operator.command("web"), env=operator.env(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        assert running.stdout is not None
        yield running.stdout.readline().strip()
    finally:
        running.terminate()
        running.wait(20)
        assert running.stdout is not None
        running.stdout.close()


def test_a_bottle_goes_on_after_a_yes_in_the_browser(window: Chromium, operator: Operator, tmp_path: Path) -> None:
    project = tmp_path / "project"
    project.mkdir()
    (project / "agent.py").write_text(AGENT)
    with standin.standing_in([], tmp_path, ("forum.example.com",)) as forum, web(operator) as link:
        upstream = {"connect": {"forum.example.com:443": forum.address}, "ca": [str(forum.ca_file)]}
        manifest = tmp_path / "bottle.yaml"
        manifest.write_text(
            json.dumps({"version": 1, "agent": "shell", "supervise": {"enabled": True}, "egress": {"upstream": upstream}})
        )
        options = ("-q", "-d", "-f", str(manifest), "-w", str(project), "--name", "reader")
        started = operator.bot_bottle("run", "shell", *options, "--", "python3", "agent.py")
        assert started.returncode == 0, started.stderr

        def log() -> str:
            return operator.bot_bottle("logs", "reader").stdout

        window.open(link)
        window.wait_for("I want to <b>read</b>.", "#asks")
        assert forum.seen == []
        window.click("//button[text()='Once']")
        window.wait_for("Approved", "#notice")
        window.until(lambda: "AFTER" in log(), "the bottle goes on")
        said = log()
        assert "BEFORE 403" in said
        assert "ANSWERED approved" in said
        assert "AFTER 404" in said, "the forum's own answer"
        assert [seen.path for seen in forum.seen] == ["/x"]
        window.wait_for("reader", "#bottles")
