"""Draws the pictures of the dashboard and the page in docs/images from records: .venv/bin/python scripts/screens.py

The dashboard's are what Textual draws of its screens; Chromium makes them PNG, and opens the page in two sizes.
"""

import asyncio
import os
import re
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "support"))

from browser import chromium  # noqa: E402  # the path is set above
from fake_door import NOW, FakeDoor, Told, ask, bottle, decision, grant, snapshot  # noqa: E402  # the path is set above

from bot_bottle.bottles.starting import Asking, Progress  # noqa: E402
from bot_bottle.dashboard.app import Dashboard  # noqa: E402
from bot_bottle.dashboard.web.serve import Page  # noqa: E402

PICTURES = ROOT / "docs" / "images"
SIZE = (110, 30)
STEPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("overview", ()),
    ("ask", ("tab", "enter")),
    ("bottle-traffic", ("escape", "shift+tab", "enter")),
    ("bottle-log", ("2",)),
    ("bottle-plan", ("3",)),
    ("bottle-grants", ("4",)),
    ("new", ("escape", "n")),
    ("preflight", ("enter",)),
)

FETCHED = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)
"""Fonts from elsewhere: a picture fetches nothing; the reader's own monospaced font does."""

PLAN = (
    ("bottle", "claude-shop-7f3a", "bottle.yaml"),
    ("agent", "claude 2.1.197", ""),
    ("workspace", "/home/me/shop → /work/shop (a copy: your folder is not touched)", ""),
    ("agent", "Claude Code asks no permission (--dangerously-skip-permissions)", "the bottle is the sandbox"),
    ("network", "allow POST https://api.anthropic.com/v1/messages", "agent claude"),
    ("scan", "credentials and 2 more secrets do not leave in any encoding", ""),
    ("sealed by", "kernel namespaces (bubblewrap): no network but its own loopback, on it only egress, supervise", ""),
)


def door() -> FakeDoor:
    """An afternoon's bottles."""
    views = (
        bottle(
            "claude-shop-7f3a",
            waiting=1,
            latest=(
                decision("allow"),
                decision("deny", method="GET", host="forum.example.com", path="/splitting-bills", why="no rule allows this host"),
                decision("allow", ts=NOW + 3),
            ),
        ),
        bottle("codex-blog-11c0", agent="codex", backend="gvisor", created=NOW - 7300, workspace="/home/me/blog"),
        bottle("gemini-docs-90ab", agent="gemini", state="ended", exit_code=0, has_unlanded_work=True, created=NOW - 9000),
    )
    made = FakeDoor(
        now=snapshot(
            *views,
            asks=(ask(slug="claude-shop-7f3a", id="claude-shop-7f3a/1-uve3xnisol"),),
            grants=(grant(slug="claude-shop-7f3a"),),
        ),
        printed=("$ python3 -m unittest", "Ran 4 tests in 0.001s", "", "OK"),
        preflight=PLAN,
    )
    made.start = Told(
        [Progress(text="docker: step 3 of 7: RUN apt-get install git"), Asking(slug=PLAN[0][1], preflight=PLAN)], []
    )
    return made


async def draw(folder: Path) -> None:
    """Every screen as SVG, one after the other."""
    os.environ["TZ"] = "UTC"
    time.tzset()
    os.chdir("/tmp")  # what the form shows as its folder
    source = door()
    app = Dashboard(source, every_s=3600)
    async with app.run_test(size=SIZE) as pilot:
        for name, keys in STEPS:
            await pilot.press(*keys)
            for _ in range(10):
                await pilot.pause(0.05)
            picture = app.export_screenshot(title="bot-bottle dashboard")
            (folder / f"{name}.svg").write_text(FETCHED.sub("", picture))
        assert source.start is not None
        source.start.give_up()


def photograph(folder: Path) -> None:
    """The screens and the page as PNG."""
    for name, _ in STEPS:
        width, height = re.findall(r'viewBox="0 0 ([0-9.]+) ([0-9.]+)"', (folder / f"{name}.svg").read_text())[0]
        with chromium(folder / name, size=(int(float(width)), int(float(height)) + 140)) as window:
            window.open((folder / f"{name}.svg").as_uri())
            window.picture(PICTURES / f"{name}.png")
    page = Page(door())
    thread = threading.Thread(target=page.serve)
    thread.start()
    for name, size in (("page-phone", (412, 1000)), ("page-wide", (1200, 800))):
        with chromium(folder / name, size=size) as window:
            window.open(page.link())
            window.wait_for("forum.example.com", "#asks")
            window.picture(PICTURES / f"{name}.png")
    page.stop()
    thread.join()


def main() -> None:
    """All pictures."""
    PICTURES.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        asyncio.run(draw(Path(name)))
        photograph(Path(name))


if __name__ == "__main__":
    main()
