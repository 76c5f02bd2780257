"""One inbox: what agents ask and what the git gates hold, answered by the id that was shown."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bot_bottle.bottles import asks, pushes
from bot_bottle.bottles.asks import AskView, Inbox
from bot_bottle.bottles.pushes import HeldPush
from bot_bottle.errors import BadUsage, BottleError
from bot_bottle.gates.egress.presets import PresetResult
from bot_bottle.gates.git_gate.hold import Hold
from bot_bottle.gates.git_gate.records import Finding, RefUpdate
from bot_bottle.host import paths
from bot_bottle.plans.bottle import GUEST_CA, JAVA_ROOTS, GuestFile

HELD = HeldPush(
    slug="b1",
    hold=Hold(
        number=1,
        repository="team/repo",
        updates=(RefUpdate(ref="refs/heads/bottle/b1/x\x1b[2J", old="0" * 40, new="1" * 40),),
        findings=(Finding(rule="protected-path", where="ci.yaml", why="it runs on your machines"),),
        why="a protected path changed",
        at=5.0,
    ),
)
ASK = AskView(
    id="b1/1-aaaaaaaaaa",
    slug="b1",
    number=1,
    kind="egress",
    state="pending",
    title="send GET / to a.example.com",
    reason="x",
    at=9.0,
)


@pytest.fixture
def inbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """A bottle with one request and one held push; what was decided."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    (paths.bottle_dir("b1") / "git" / "held").mkdir(parents=True)
    done: list[tuple[Any, ...]] = []
    monkeypatch.setattr(pushes, "held", lambda slug, decided_too: [HELD])
    monkeypatch.setattr(pushes, "find", lambda text: HELD if text == HELD.id else pytest.fail(text))

    def decide(one: HeldPush, *, approves: bool, said: str) -> tuple[str, str]:
        done.append((one.id, approves, said))
        return ("taken" if approves else "rejected"), ""

    monkeypatch.setattr(pushes, "decide", decide)
    monkeypatch.setattr(asks, "has_gate", lambda slug: True)
    monkeypatch.setattr(asks, "read_gate", lambda slug: Inbox(asks=(ASK,)))
    return done


def test_pushes_and_requests_stand_in_one_list(inbox: list[tuple[Any, ...]]) -> None:
    found = asks.read_inbox()
    assert [one.kind for one in found.pending] == ["push", "egress"]
    push = found.pending[0]
    assert push.title.isprintable()
    assert push.risks == (("protected-path", "high", "ci.yaml: it runs on your machines"),)


def test_a_push_is_answered_by_its_own_id(inbox: list[tuple[Any, ...]]) -> None:
    push = asks.find_ask(HELD.id)
    asks.approve(push, {"scope": "session"}, host={})
    asks.deny(push, reason="No.", alternative="Split it.")
    assert inbox == [(HELD.id, True, ""), (HELD.id, False, "No. Split it.")]


def test_a_push_that_the_upstream_refuses_is_a_failure(inbox: list[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pushes, "decide", lambda one, *, approves, said: ("refused", "stale info"))
    with pytest.raises(BottleError, match="stale info"):
        asks.approve(asks.find_ask(HELD.id), {}, host={})


def test_an_id_names_one_thing(inbox: list[tuple[Any, ...]]) -> None:
    assert asks.find_ask("b1/1-aaaaaaaaaa") == ASK
    assert asks.find_ask("1-aaaaaaaaaa") == ASK
    with pytest.raises(BadUsage, match="2 requests"):
        asks.find_ask("b1/1")
    for unknown in ("b1/1-bbbbbbbbbb", "b1/7-aaaaaaaaaa", "7", ""):
        with pytest.raises(BadUsage, match="waits"):
            asks.find_ask(unknown)


def test_an_old_id_is_answered_with_what_it_is_now(inbox: list[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pushes, "held", lambda slug, decided_too: [])
    with pytest.raises(BadUsage, match="not what it was") as caught:
        asks.find_ask("b1/1-bbbbbbbbbb")
    assert ASK.id in caught.value.next


def test_a_bottle_that_ends_meanwhile_is_left_out(inbox: list[tuple[Any, ...]], monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(slug: str) -> Inbox:
        raise BottleError("The bottle's gates do not answer.")

    monkeypatch.setattr(asks, "read_gate", gone)
    assert [one.kind for one in asks.read_inbox().asks] == ["push"]
    with pytest.raises(BottleError, match="do not answer"):
        asks.read_inbox("b1")


def test_what_is_settled_does_not_wait() -> None:
    assert Inbox(asks=(ASK, replace(ASK, state="denied"))).pending == (ASK,)


def test_a_preset_that_is_given_later_tells_the_agent_to_make_what_a_start_would_have_made() -> None:
    files = (
        GuestFile(path=".cargo/config.toml", content="[registries.a]\n"),
        GuestFile(path=".cache/x/.keep", content=""),
        GuestFile(path=JAVA_ROOTS, content=""),
    )
    said = asks.preset_note(PresetResult(env=(("A", "b"), ("C", "d")), files=files)).splitlines()
    assert said[0] == "Set in the environment of the tool: A=b C=d"
    assert said[1] == "Write into ~/.cargo/config.toml: [registries.a]"
    assert said[2] == ""
    assert said[3] == "Make a file ~/.cache/x/.keep"
    assert f"keytool -importcert -noprompt -storepass changeit -file {GUEST_CA} -keystore ~/{JAVA_ROOTS}" in said[4]


def test_a_preset_that_needs_nothing_more_says_nothing_more() -> None:
    assert asks.preset_note(PresetResult()) == ""
