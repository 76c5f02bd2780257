"""The dashboard by its keys, against records: what each key sends, what is drawn, and that nothing from a bottle is markup.

The screens are compared as text with `screens/`. After a change: BOT_BOTTLE_WRITE_SNAPSHOTS=1 pytest THIS_FILE, then read them.
"""

import asyncio
import html
import os
import re
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from fake_door import HOSTILE, NOW, FakeDoor, Told, ask, bottle, decision, grant, snapshot
from textual.pilot import Pilot
from textual.widgets import DataTable, Input

from bot_bottle.bottles.starting import Asking, Began, Failed, Progress
from bot_bottle.dashboard.app import Dashboard
from bot_bottle.dashboard.asking import AskScreen
from bot_bottle.dashboard.begin import BeginScreen, PreflightScreen
from bot_bottle.dashboard.bottle import BottleScreen
from bot_bottle.dashboard.confirm import Confirm
from bot_bottle.dashboard.overview import Overview
from bot_bottle.dashboard.push import PushScreen
from bot_bottle.errors import BottleError

SCREENS = Path(__file__).parent / "screens"
WIDE = (140, 40)
SMALL = (80, 24)
Play = Callable[[Pilot[None], Dashboard], Awaitable[None]]


@pytest.fixture(autouse=True)
def universal_time(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The screens show clocks."""
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def play(door: FakeDoor, script: Play, *, size: tuple[int, int] = SMALL) -> None:
    """Run the dashboard without a terminal, and the script on it."""

    async def run() -> None:
        app = Dashboard(door, every_s=3600)
        async with app.run_test(size=size, notifications=True) as pilot:
            await settled(pilot, app)
            await script(pilot, app)

    asyncio.run(run())


async def settled(pilot: Pilot[None], app: Dashboard) -> None:
    """All threads have told what they found, and it is drawn."""
    for _ in range(2):
        await app.workers.wait_for_complete()
        await pilot.pause()


async def until(pilot: Pilot[None], met: Callable[[], bool]) -> None:
    """Wait for a condition, ten seconds at most."""
    for _ in range(500):
        if met():
            return
        await pilot.pause(0.02)
    raise AssertionError("it did not come to that")


def lines(app: Dashboard) -> list[str]:
    """The screen as text, from the picture that Textual draws of it."""
    cells = re.findall(r'<text class="[^"]*-r\d+" x="([\d.]+)" y="([\d.]+)"[^>]*>(.*?)</text>', app.export_screenshot())
    rows: dict[float, list[str]] = {}
    for x, y, text in cells:
        row, at = rows.setdefault(float(y), []), round(float(x) / 12.2)
        row += [" "] * (at - len(row))
        row[at:] = list(html.unescape(text).replace("\xa0", " "))
    return ["".join(rows[y]).rstrip() for y in sorted(rows)]


def same(app: Dashboard, name: str) -> None:
    """Compare with the kept screen."""
    now = "\n".join(lines(app)) + "\n"
    path = SCREENS / f"{name}.txt"
    if os.environ.get("BOT_BOTTLE_WRITE_SNAPSHOTS"):
        path.write_text(now)
    assert now == path.read_text()


def full() -> FakeDoor:
    """Three bottles, one of which asks."""
    views = (
        bottle("claude-shop", waiting=1),
        bottle("codex-blog", agent="codex", backend="gvisor", answers=False, created=NOW - 7300, workspace="/home/me/blog"),
        bottle("qwen-old", agent="qwen", state="ended", exit_code=0, has_unlanded_work=True, created=NOW - 200_000),
    )
    return FakeDoor(
        now=snapshot(*views, asks=(ask(),), grants=(grant(),)), printed=("$ make test", "4 passed"), preflight=PREFLIGHT
    )


PREFLIGHT = (
    ("bottle", "claude-shop", "bottle.yaml"),
    ("network", "allow POST https://api.anthropic.com/v1/messages", "agent claude"),
)


@pytest.mark.parametrize(("name", "size"), [("overview-80", SMALL), ("overview-140", WIDE)])
def test_the_first_screen_shows_bottles_and_asks(name: str, size: tuple[int, int]) -> None:
    async def script(pilot: Pilot[None], app: Dashboard) -> None:
        same(app, name)

    play(full(), script, size=size)


def test_without_a_bottle_it_says_how_to_start_one() -> None:
    async def script(pilot: Pilot[None], app: Dashboard) -> None:
        assert "Press n" in lines(app)[0]

    play(FakeDoor(now=snapshot()), script)


async def open_ask(pilot: Pilot[None], app: Dashboard) -> None:
    """Tab to the asks, Enter."""
    await pilot.press("tab", "enter")
    await settled(pilot, app)
    assert isinstance(app.screen, AskScreen)


def test_one_key_approves_exactly_what_is_shown() -> None:
    door = full()

    async def script(pilot: Pilot[None], app: Dashboard) -> None:
        for key in "yot":
            app.screen.query_one("#bottles", DataTable).focus()
            await open_ask(pilot, app)
            await pilot.press(key)
            await settled(pilot, app)
            assert isinstance(app.screen, Overview)

    play(door, script)
    scopes: list[dict[str, object]] = [{"scope": "session"}, {"scope": "once"}, {"scope": "for", "seconds": 1800.0}]
    assert door.done == [("approve", "claude-shop/1-abcd", {"narrow": {}} | said) for said in scopes]


def test_an_answer_is_carried_out_though_its_screen_is_gone_by_then(monkeypatch: pytest.MonkeyPatch) -> None:
    door, deeds = full(), []
    monkeypatch.setattr(Dashboard, "act", lambda _app, deed, _done: deeds.append(deed))

    async def script(pilot: Pilot[None], app: Dashboard) -> None:
        await open_ask(pilot, app)
        await pilot.press("y")
        await settled(pilot, app)
        assert isinstance(app.screen, Overview)
        await asyncio.get_running_loop().run_in_executor(None, deeds[0], door)

    play(door, script)
    assert [name for name, *_ in door.done] == ["approve"]


def test_an_ask_is_shown_whole() -> None:
    async def script(pilot: Pilot[None], app: Dashboard) -> None:
        await open_ask(pilot, app)
        same(app, "ask-80")

    play(full(), script)


def test_a_denial_carries_the_reason_that_is_typed() -> None:
    door = full()

    async def script(pilot: Pilot[None], app: Dashboard) -> None:
        await open_ask(pilot, app)
        await pilot.press("d", "n", "y", "o", "enter")
        await settled(pilot, app)

    play(door, script)
    assert door.done == [("deny", "claude-shop/1-abcd", "nyo")]


def test_less_can_be_given_than_was_asked() -> None:
    door = full()

    async def script(pilot: Pilot[None], app: Dashboard) -> None:
        await open_ask(pilot, app)
        await pilot.press("w")
        app.screen.query_one("#said", Input).value = "paths=/a,/b"
        await pilot.press("enter")
        await settled(pilot, app)

    play(door, script)
    assert door.done == [("approve", "claude-shop/1-abcd", {"scope": "session", "narrow": {"paths": ["/a", "/b"]}})]


def test_a_mistyped_narrowing_gives_nothing_and_says_why() -> None:
    door = full()

    async def script(pilot: Pilot[None], app: Dashboard) -> None:
        await open_ask(pilot, app)
        await pilot.press("w", "x", "enter")
        await settled(pilot, app)
        assert isinstance(app.screen, AskScreen)
        assert any("KEY=VALUE" in text for text in lines(app))

    play(door, script)
    assert door.done == []


def test_escape_leaves_the_line_and_then_the_ask_and_answers_nothing() -> None:
    door = full()

    async def script(pilot: Pilot[None], app: Dashboard) -> None:
        await open_ask(pilot, app)
        await pilot.press("d", "x", "escape")
        assert app.screen.query_one("#said", Input).value == ""
        await pilot.press("escape")
        assert isinstance(app.screen, Overview)

    play(door, script)
    assert door.done == []


def test_a_question_is_answered_by_the_number_of_a_choice() -> None:
    door = FakeDoor(now=snapshot(bottle("claude-shop"), asks=(ask(kind="question", choices=("sqlite", "postgres")),)))

    async def script(pilot: Pilot[None], app: Dashboard) -> None:
        await open_ask(pilot, app)
        await pilot.press("y")
        assert door.done == [], "a question has no yes"
        await pilot.press("2")
        await settled(pilot, app)

    play(door, script)
    assert door.done == [("approve", "claude-shop/1-abcd", {"scope": "once", "narrow": {}, "answer": "postgres"})]


def test_for_always_shows_what_would_be_written_and_writes_it_after_a_yes() -> None:
    door = full()
    door.diff = ("@@ -0,0 +1,3 @@", "+egress:", "+  rules:", "+  - {host: forum.example.com}")

    async def script(pilot: Pilot[None], app: Dashboard) -> None:
        for key in ("n", "y"):
            app.screen.query_one("#bottles", DataTable).focus()
            await open_ask(pilot, app)
            await pilot.press("f")
            await until(pilot, lambda: isinstance(app.screen, Confirm))
            await pilot.pause()
            assert any("+  - {host: forum.example.com}" in text for text in lines(app))
            await pilot.press(key)
            await settled(pilot, app)
            assert door.done == ([] if key == "n" else [("always", ask().id, door.diff)])
            if key == "n":
                await pilot.press("escape")

    play(door, script)


PUSH = (
    "push       claude-shop/2-beef",
    "finding    a.py: a token",
    "diff --git a/a.py b/a.py",
    "@@ -1 +1 @@",
    "-old",
    f"+{HOSTILE}",
)


@pytest.mark.parametrize("key", ["y", "d"])
def test_a_held_push_is_decided_on_its_whole_diff(key: str) -> None:
    push = ask(2, id="claude-shop/2-beef", kind="push", title="push main to shop", reason="", evidence=())
    door = FakeDoor(now=snapshot(bottle("claude-shop"), asks=(push,)), diff=PUSH)

    async def script(pilot: Pilot[None], app: Dashboard) -> None:
        await pilot.press("tab", "enter")
        await settled(pilot, app)
        assert isinstance(app.screen, PushScreen)
        shown = "\n".join(lines(app))
        assert all(line in shown for line in PUSH)
        await pilot.press(key)
        if key == "d":
            await pilot.press("n", "o", "enter")
        await settled(pilot, app)
        assert isinstance(app.screen, Overview)

    play(door, script)
    assert door.done == [("approve", push.id, {}) if key == "y" else ("deny", push.id, "no")]


def test_an_ask_that_changes_while_it_is_read_closes_before_it_can_be_approved() -> None:
    door = full()

    async def script(pilot: Pilot[None], app: Dashboard) -> None:
        await open_ask(pilot, app)
        app.show(snapshot(bottle("claude-shop"), asks=(ask(id="claude-shop/1-efgh", title="reach **.example.com"),)))
        await pilot.pause()
        assert isinstance(app.screen, Overview)
        await pilot.press("y")
        await settled(pilot, app)

    play(door, script)
    assert door.done == []


def test_an_ask_that_somebody_else_answers_closes() -> None:
    async def script(pilot: Pilot[None], app: Dashboard) -> None:
        await open_ask(pilot, app)
        app.show(snapshot(bottle("claude-shop"), asks=(ask(state="denied", answered_by="ann"),)))
        await pilot.pause()
        assert isinstance(app.screen, Overview)
        assert any("denied by ann" in text for text in lines(app))

    play(full(), script)


def test_what_a_bottle_says_is_shown_as_text_and_never_as_markup() -> None:
    views = (bottle("claude-shop", agent="claude", latest=(decision("deny", host=HOSTILE, why=HOSTILE),), why=HOSTILE),)
    door = FakeDoor(
        now=snapshot(*views, asks=(ask(title=HOSTILE, reason=HOSTILE, evidence=(HOSTILE,)),)),
        printed=(HOSTILE,),
        preflight=((HOSTILE, HOSTILE, HOSTILE),),
        fails=BottleError(HOSTILE, facts=(HOSTILE,)),
    )

    async def script(pilot: Pilot[None], app: Dashboard) -> None:
        assert any("[red]" in text for text in lines(app))
        await open_ask(pilot, app)
        assert sum("[link=" in text for text in lines(app)) >= 3
        await pilot.press("y")
        await settled(pilot, app)
        assert any("[red]" in text for text in lines(app)), "the notice"
        await pilot.press("shift+tab", "enter")
        await settled(pilot, app)
        assert isinstance(app.screen, BottleScreen)
        for tab in ("1", "2", "3"):
            await pilot.press(tab)
            await settled(pilot, app)
            assert any("[red]" in text for text in lines(app)[3:]), tab

    play(door, script, size=WIDE)


def test_a_bottle_has_four_tabs() -> None:
    async def script(pilot: Pilot[None], app: Dashboard) -> None:
        await pilot.press("enter")
        await settled(pilot, app)
        for key, name in (("1", "traffic"), ("2", "log"), ("3", "plan"), ("4", "grants")):
            await pilot.press(key)
            await settled(pilot, app)
            same(app, f"bottle-{name}-80")

    play(full(), script)


def test_a_grant_is_revoked_where_it_is_listed() -> None:
    door = full()

    async def script(pilot: Pilot[None], app: Dashboard) -> None:
        await pilot.press("enter")
        await settled(pilot, app)
        await pilot.press("r")
        await settled(pilot, app)
        assert door.done == [], "r on another tab revokes nothing"
        await pilot.press("4", "r")
        await settled(pilot, app)

    play(door, script)
    assert door.done == [("revoke", "claude-shop", "g1")]


def test_a_bottle_is_ended_by_y_alone() -> None:
    door = full()

    async def script(pilot: Pilot[None], app: Dashboard) -> None:
        for key in ("n", "enter", "escape"):
            await pilot.press("s", key)
            await settled(pilot, app)
            assert door.done == [], key
        await pilot.press("s", "y")
        await settled(pilot, app)

    play(door, script)
    assert door.done == [("stop", "claude-shop")]


def test_a_refused_deed_is_told_with_what_to_do_next() -> None:
    door = full()
    door.fails = BottleError("It is gone.", next="Look again.")

    async def script(pilot: Pilot[None], app: Dashboard) -> None:
        await open_ask(pilot, app)
        await pilot.press("y")
        await settled(pilot, app)
        shown = "\n".join(lines(app))
        assert "It is gone." in shown
        assert "Look again." in shown

    play(door, script)


def test_the_cursor_stays_on_its_bottle_when_others_come_and_go() -> None:
    async def script(pilot: Pilot[None], app: Dashboard) -> None:
        await pilot.press("down")
        app.show(snapshot(bottle("new-one"), *app.shown.bottles))
        await pilot.pause()
        assert app.screen.query_one("#bottles", DataTable).cursor_row == 2
        await pilot.press("enter")
        assert isinstance(app.screen, BottleScreen)
        assert app.screen.slug == "codex-blog"

    play(full(), script)


async def fill_form(pilot: Pilot[None], app: Dashboard, folder: Path) -> None:
    """n, the folder, Enter."""
    await pilot.press("n")
    await pilot.pause()
    assert isinstance(app.screen, BeginScreen)
    app.screen.query_one("#folder", Input).value = str(folder)
    app.screen.query_one("#args", Input).value = '-p "Fix the tests"'
    app.screen.query_one("#args", Input).focus()
    await pilot.press("enter")
    await until(pilot, lambda: isinstance(app.screen, PreflightScreen))


def asking(*, words: str = "allow POST https://api.anthropic.com/v1/messages") -> Asking:
    return Asking(slug="claude-shop", preflight=(("bottle", "claude-shop", ""), ("network", words, "agent claude")))


def test_the_plan_is_shown_before_anything_starts_and_stays_clean_while_things_are_built(tmp_path: Path) -> None:
    door = full()
    progress = [Progress(text=f"installing layer {number}") for number in range(40)]
    door.start = Told([*progress, asking()], [Began(slug="claude-shop")])

    async def script(pilot: Pilot[None], app: Dashboard) -> None:
        await fill_form(pilot, app, tmp_path)
        await until(pilot, lambda: any("y start" in text for text in lines(app)))
        same(app, "preflight-80")
        assert door.start is not None
        await pilot.press("enter", "space")
        assert door.start.answered == []
        await pilot.press("y")
        await until(pilot, lambda: isinstance(app.screen, Overview))

    play(door, script)
    assert door.start.answered == [True]
    ((_, wanted),) = door.done
    assert wanted.folder == tmp_path
    assert wanted.args == ("-p", "Fix the tests")


@pytest.mark.parametrize("key", ["n", "escape"])
def test_a_plan_that_is_declined_starts_nothing(key: str, tmp_path: Path) -> None:
    door = full()
    door.start = Told([asking()], [Began(slug="claude-shop")])

    async def script(pilot: Pilot[None], app: Dashboard) -> None:
        await fill_form(pilot, app, tmp_path)
        await until(pilot, lambda: any("y start" in text for text in lines(app)))
        await pilot.press(key)
        await until(pilot, lambda: isinstance(app.screen, Overview))

    play(door, script)
    assert door.start.answered == [False]


def test_a_start_that_fails_says_why(tmp_path: Path) -> None:
    door = full()
    door.start = Told([Failed(code=122, words=("bottle.yaml has mistakes.", "agent: claud"))], [])

    async def script(pilot: Pilot[None], app: Dashboard) -> None:
        await fill_form(pilot, app, tmp_path)
        await until(pilot, lambda: any("bottle.yaml has mistakes." in text for text in lines(app)))
        await pilot.press("y", "escape")
        assert door.start is not None
        door.start.give_up()

    play(door, script)


def test_an_unreadable_command_line_or_folder_is_told_in_the_form(tmp_path: Path) -> None:
    async def script(pilot: Pilot[None], app: Dashboard) -> None:
        await pilot.press("n")
        await pilot.pause()
        app.screen.query_one("#args", Input).value = '"open'
        app.screen.query_one("#args", Input).focus()
        await pilot.press("enter")
        await pilot.pause()
        assert isinstance(app.screen, BeginScreen)
        assert any("cannot be read" in text for text in lines(app))

    play(full(), script)


def test_it_can_be_made_smaller_and_larger_while_it_runs() -> None:
    async def script(pilot: Pilot[None], app: Dashboard) -> None:
        for size in ((40, 12), WIDE, SMALL):
            await pilot.resize_terminal(*size)
            await pilot.pause()
            assert any("claude-shop" in text for text in lines(app))

    play(full(), script)
