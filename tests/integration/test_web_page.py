"""The page over real sockets: the link works once, the stream tells changes, and nobody without the key gets anything."""

import http.client
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from fake_door import HOSTILE, FakeDoor, ask, bottle, snapshot

from bot_bottle.dashboard.web.serve import CONNECTIONS, STREAMS, Page
from bot_bottle.errors import BottleError

JSON = {"Content-Type": "application/json"}


class Browser:
    """What a browser at our own origin sends."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.headers: dict[str, str] = {}
        self.origin = f"http://127.0.0.1:{page.port}"

    def ask(self, method: str, path: str, body: object = None, **headers: str) -> tuple[int, dict[str, str], bytes]:
        """One exchange: status, headers, body."""
        connection = http.client.HTTPConnection("127.0.0.1", self.page.port, timeout=10)
        own = {"Origin": self.origin, **JSON} if method == "POST" else {}
        try:
            content = None if body is None else json.dumps(body).encode()
            connection.request(method, path, content, {**own, **self.headers, **headers})
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            connection.close()

    def log_in(self) -> int:
        """Open a new link."""
        status, headers, body = self.ask("POST", "/login", {"token": self.page.link().partition("#")[2]})
        if status == 200:
            cookie = headers["Set-Cookie"].partition(";")[0]
            self.headers = {"Cookie": cookie, "X-Bot-Bottle-Key": json.loads(body)["key"]}
        return status

    def stream(self) -> http.client.HTTPConnection:
        """A connection whose answer is the stream."""
        connection = http.client.HTTPConnection("127.0.0.1", self.page.port, timeout=10)
        connection.request("GET", "/events", headers=self.headers)
        return connection


def told(answer: http.client.HTTPResponse) -> dict[str, Any]:  # Any: JSON
    """The next event."""
    line = answer.readline()
    assert answer.readline() == b"\n"
    snapshot: dict[str, Any] = json.loads(line.removeprefix(b"data: "))  # Any: JSON
    return snapshot


@pytest.fixture
def door() -> FakeDoor:
    return FakeDoor(now=snapshot(bottle("claude-shop"), asks=(ask(reason=HOSTILE),)), printed=("4 passed",))


@pytest.fixture
def page(door: FakeDoor) -> Iterator[Page]:
    made = Page(door)
    thread = threading.Thread(target=made.serve)
    thread.start()
    yield made
    made.stop()
    thread.join()


def test_a_link_opens_the_page_once_and_a_newer_link_ends_an_older_one(page: Page) -> None:
    first, second = page.link().partition("#")[2], page.link().partition("#")[2]
    browser = Browser(page)
    assert browser.ask("POST", "/login", {"token": first})[0] == 401
    status, headers, _ = browser.ask("POST", "/login", {"token": second})
    assert status == 200
    assert {"HttpOnly", "SameSite=Strict"} <= {part.strip() for part in headers["Set-Cookie"].split(";")}
    assert browser.ask("POST", "/login", {"token": second})[0] == 401


def test_the_page_itself_holds_nothing_and_lets_nothing_in(page: Page) -> None:
    for path in ("/", "/page.js", "/page.css", "/icon.svg"):
        status, headers, body = Browser(page).ask("GET", path)
        assert status == 200
        assert "claude-shop" not in body.decode()
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe" not in policy
    assert b"innerHTML" not in Browser(page).ask("GET", "/page.js")[2].replace(b"no innerHTML here", b"")


def test_the_stream_tells_the_snapshot_and_each_change(page: Page, door: FakeDoor) -> None:
    browser = Browser(page)
    assert browser.log_in() == 200
    connection = browser.stream()
    answer = connection.getresponse()
    assert told(answer)["inbox"]["asks"][0]["title"] == ask().title
    door.now = snapshot(bottle("claude-shop"))
    assert told(answer)["inbox"]["asks"] == []
    connection.close()


def test_an_approval_reaches_the_door(page: Page, door: FakeDoor) -> None:
    browser = Browser(page)
    browser.log_in()
    assert browser.ask("POST", "/approve", {"id": ask().id, "scope": "once"})[0] == 200
    assert door.done == [("approve", ask().id, {"scope": "once", "narrow": {}})]


def test_a_refusal_of_the_gate_is_told_whole(page: Page, door: FakeDoor) -> None:
    door.fails = BottleError("It is gone.", facts=("a fact",), next="Look again.")
    browser = Browser(page)
    browser.log_in()
    status, _, body = browser.ask("POST", "/approve", {"id": ask().id, "scope": "once"})
    assert status == 409
    assert json.loads(body) == {"what": "It is gone.", "facts": ["a fact"], "next": "Look again."}


@pytest.mark.parametrize("without", ["Cookie", "X-Bot-Bottle-Key"])
def test_half_of_a_session_gets_nothing(without: str, page: Page, door: FakeDoor) -> None:
    browser = Browser(page)
    browser.log_in()
    del browser.headers[without]
    assert browser.ask("GET", "/events")[0] == 401
    assert browser.ask("GET", "/log?slug=claude-shop")[0] == 401
    assert browser.ask("POST", "/approve", {"id": ask().id, "scope": "once"})[0] == 401
    assert door.done == []


def test_a_rebound_name_or_another_origin_gets_nothing(page: Page, door: FakeDoor) -> None:
    browser = Browser(page)
    browser.log_in()
    assert browser.ask("GET", "/", Host="evil.example")[0] == 421
    assert browser.ask("POST", "/approve", {"id": ask().id, "scope": "once"}, Origin="https://evil.example")[0] == 403
    assert door.done == []


def test_it_listens_on_loopback_alone(page: Page) -> None:
    assert page._server.server_address[0] == "127.0.0.1"


def test_streams_and_connections_are_bounded(page: Page) -> None:
    browser = Browser(page)
    browser.log_in()
    streams = [browser.stream() for _ in range(STREAMS)]
    answers = [each.getresponse() for each in streams]
    assert {each.status for each in answers} == {200}
    assert browser.ask("GET", "/events")[0] == 503
    idle = [http.client.HTTPConnection("127.0.0.1", page.port, timeout=10) for _ in range(CONNECTIONS + 4)]
    for each in idle:
        each.connect()
    with pytest.raises((OSError, http.client.HTTPException)):
        browser.ask("GET", "/")
    for each in (*streams, *idle):
        each.close()


def test_a_held_push_is_shown_and_goes_on_by_its_exact_id(page: Page, door: FakeDoor) -> None:
    push = ask(2, id="claude-shop/2-beef", kind="push", title="push main to shop")
    door.now, door.diff = snapshot(bottle("claude-shop"), asks=(push,)), ("-old", "+new")
    browser = Browser(page)
    browser.log_in()
    assert json.loads(browser.ask("GET", "/push?id=claude-shop/2-beef")[2]) == {"lines": ["-old", "+new"]}
    assert browser.ask("GET", "/push?id=claude-shop/2-dead")[0] == 409
    assert browser.ask("POST", "/approve", {"id": "claude-shop/2-dead"})[0] == 400
    assert browser.ask("POST", "/approve", {"id": push.id})[0] == 200
    assert door.done == [("approve", push.id, {})]


def test_the_log_is_lines_of_text(page: Page) -> None:
    browser = Browser(page)
    browser.log_in()
    assert json.loads(browser.ask("GET", "/log?slug=claude-shop")[2]) == {"lines": ["4 passed"]}
    assert browser.ask("GET", "/elsewhere")[0] == 404
