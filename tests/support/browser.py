"""A headless Chromium by chromedriver: as much of the W3C WebDriver protocol as the tests use.

https://www.w3.org/TR/webdriver2/
"""

import base64
import json
import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

Json = dict[str, Any]  # Any: JSON
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
"""The key of an element's reference (WebDriver 2, 12.1)."""
WAIT_S = 20.0


class Chromium:
    """One window."""

    def __init__(self, address: str, session: str) -> None:
        self._base = f"{address}/session/{session}"

    def _ask(self, method: str, path: str, body: Json | None = None) -> Any:  # Any: JSON
        return command(method, self._base + path, body)

    def open(self, url: str) -> None:
        """Go there."""
        self._ask("POST", "/url", {"url": url})

    def run(self, script: str) -> Any:  # Any: JSON
        """What the script returns."""
        return self._ask("POST", "/execute/sync", {"script": script, "args": []})

    def text(self, selector: str = "body") -> str:
        """The text of the first match as it is rendered."""
        element = self._ask("POST", "/element", {"using": "css selector", "value": selector})[ELEMENT]
        return str(self._ask("GET", f"/element/{element}/text"))

    def click(self, path: str) -> None:
        """Click the first match of an XPath, as a finger does: it must be in view and not covered."""
        element = self._ask("POST", "/element", {"using": "xpath", "value": path})[ELEMENT]
        self._ask("POST", f"/element/{element}/click", {})

    def write(self, path: str, text: str) -> None:
        """Type into the first match."""
        element = self._ask("POST", "/element", {"using": "xpath", "value": path})[ELEMENT]
        self._ask("POST", f"/element/{element}/value", {"text": text})

    def wait_for(self, text: str, selector: str = "body") -> None:
        """Until the text is there."""
        self.until(lambda: text in self.text(selector), f"{text!r} in {selector}")

    def until(self, met: Callable[[], bool], what: str) -> None:
        """Until it is so."""
        deadline = time.monotonic() + WAIT_S
        while not met():
            if time.monotonic() > deadline:
                raise AssertionError(f"it did not come to {what}; the page says:\n{self.text()}")
            time.sleep(0.05)

    def picture(self, path: Path) -> None:
        """What the window shows, as PNG."""
        path.write_bytes(base64.b64decode(self._ask("GET", "/screenshot")))

    def console(self) -> list[str]:
        """What the browser complained of: refused scripts, broken policies."""
        return [str(entry["message"]) for entry in self._ask("POST", "/se/log", {"type": "browser"})]


def command(method: str, url: str, body: Json | None = None) -> Any:  # Any: JSON
    """One command; its value. AssertionError with the driver's words when it fails."""
    content = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, content, {"Content-Type": "application/json"}, method=method)
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=60) as answer:
            return json.load(answer)["value"]
    except urllib.error.HTTPError as error:
        raise AssertionError(f"{method} {url}: {error.read().decode(errors='replace')[:400]}") from None


def missing() -> str:
    """Why there is no browser here; empty when there is one."""
    lacking = [program for program in ("chromium", "chromedriver") if shutil.which(program) is None]
    return f"{' and '.join(lacking)} are not installed" if lacking else ""


@contextmanager
def chromium(folder: Path, *, size: tuple[int, int] = (412, 915)) -> Iterator[Chromium]:
    """A window of this size, a phone's when nothing is said, with a profile in `folder`."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    env = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ} | {"HOME": str(folder)}
    driver = subprocess.Popen(
        ("chromedriver", f"--port={port}"),
        env=env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        stdin=subprocess.DEVNULL,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        wait_ready(address)
        options = ["--headless=new", "--disable-gpu", "--disable-dev-shm-usage", f"--user-data-dir={folder}/profile"]
        options += ["--no-sandbox"] if os.getuid() == 0 else []
        options += [f"--window-size={size[0]},{size[1]}", "--no-first-run", "--disable-background-networking"]
        wanted = {"browserName": "chrome", "goog:chromeOptions": {"args": options}, "goog:loggingPrefs": {"browser": "ALL"}}
        made = command("POST", f"{address}/session", {"capabilities": {"alwaysMatch": wanted}})
        try:
            window = Chromium(address, made["sessionId"])
            yield window
        finally:
            command("DELETE", f"{address}/session/{made['sessionId']}")
    finally:
        driver.terminate()
        driver.wait(20)


def wait_ready(address: str) -> None:
    """Until the driver answers."""
    deadline = time.monotonic() + WAIT_S
    while True:
        try:
            if command("GET", f"{address}/status")["ready"]:
                return
        except (OSError, AssertionError):
            if time.monotonic() > deadline:
                raise
        time.sleep(0.05)
