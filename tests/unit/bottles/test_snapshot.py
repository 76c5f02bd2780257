"""A snapshot holds what the gates say, as text that cannot steer a screen, and never fails for one bottle that hangs."""

from pathlib import Path

import pytest

from bot_bottle.bottles import snapshot
from bot_bottle.bottles.status import Status, write_status
from bot_bottle.host import paths


@pytest.fixture
def status(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Status:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    paths.bottle_dir("b1").mkdir(parents=True)
    made = Status(
        slug="b1",
        state="ended",
        agent="claude",
        backend="namespaces",
        workspace="/w\x1b[2J",
        mode="copy",
        created=5.0,
        exit_code=0,
    )
    write_status(made)
    return made


def test_an_ended_bottle_is_shown_by_what_the_disk_says(status: Status) -> None:
    taken = snapshot.take(now=9.0)
    view = taken.bottle("b1")
    assert view is not None
    assert (taken.taken, view.state, view.agent, view.answers, view.is_running) == (9.0, "ended", "claude", False, False)
    assert view.workspace.isprintable()
    assert taken.bottle("b2") is None


def test_ended_bottles_can_be_left_out(status: Status) -> None:
    assert snapshot.take(ended_too=False).bottles == ()


def test_a_decision_of_hostile_texts_is_plain() -> None:
    event = {
        "event": "decision", "verdict": "deny", "method": "GET\x1b", "host": "a\u202e.example.com", "port": None, "path": "/\n",
        "why": "x" * 9000,
    }  # fmt: skip
    (one,) = snapshot.decisions([event, {"event": "done"}])
    assert all(text.isprintable() and len(text) <= 400 for text in (one.method, one.host, one.path, one.rule, one.why))
    assert one.port == 0


def test_only_the_latest_decisions_are_kept() -> None:
    events = [{"event": "decision", "host": f"h{number}.example.com"} for number in range(500)]
    found = snapshot.decisions(events)
    assert (len(found), found[-1].host) == (snapshot.LATEST, "h499.example.com")


def test_sums_are_read_from_the_gates_answers() -> None:
    row = {"allow": 3, "deny": 1, "bytes_out": 10, "bytes_in": 20, "connections": 2, "latest": []}
    assert snapshot.traffic_of(row) == snapshot.Traffic(allowed=3, denied=1, bytes_out=10, bytes_in=20, connections=2)
    cost = snapshot.cost_of({"usd": 1.5, "tokens": 7, "running": 0, "budget": {"usd": 5, "tokens": None}})
    assert cost == snapshot.Cost(usd=1.5, tokens=7, usd_limit=5, tokens_limit=None)


def test_a_plan_that_cannot_be_read_is_no_failure(status: Status) -> None:
    assert snapshot.preflight_of("b1") == ()
    (paths.bottle_dir("b1") / "plan.json").write_text("{")
    assert snapshot.preflight_of("b1") == ()
