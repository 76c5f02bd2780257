"""Held pushes on disk: numbers, tokens, decisions, and files that are not what we write."""

from pathlib import Path

import pytest

from bot_bottle.errors import BadUsage, BottleError
from bot_bottle.gates.git_gate.check import MOST as MOST_TOLD
from bot_bottle.gates.git_gate.check import verdict_of
from bot_bottle.gates.git_gate.hold import MOST, Hold, Holds, State, awaited_row, told_lines
from bot_bottle.gates.git_gate.records import Allowed, Finding, Held, PushRules, RefUpdate, Rejected
from bot_bottle.record import replace

ZERO, A, B = "0" * 40, "a" * 40, "b" * 40
RULES = PushRules(prefixes=("refs/heads/**",))
HELD = Held(findings=(Finding(rule="path-protected", where="x", why="y", holds=True),), why="Look.")
WORK = RefUpdate("refs/heads/bottle/a/work", ZERO, A)


@pytest.fixture
def holds(tmp_path: Path) -> Holds:
    return Holds(tmp_path / "held")


def kept(holds: Holds, *updates: RefUpdate, repository: str = "shop") -> Hold:
    hold = holds.make(repository, updates or (WORK,), HELD)
    holds.write(hold)
    return hold


def test_a_hold_is_read_back_as_it_was(holds: Holds) -> None:
    assert holds.all() == ()
    hold = kept(holds)
    assert Holds(holds._folder).all() == (hold,)
    assert hold.number == 1
    assert kept(holds).number == 2


def test_the_token_is_about_the_very_ids(holds: Holds) -> None:
    tokens = {
        kept(holds).token,
        kept(holds, replace(WORK, new=B)).token,
        kept(holds, replace(WORK, ref="refs/heads/bottle/a/other")).token,
        kept(holds, repository="other").token,
        kept(holds, WORK, replace(WORK, ref="refs/heads/bottle/a/2")).token,
    }
    assert len(tokens) == 5


def test_refs_that_keep_it_are_the_gates_own(holds: Holds) -> None:
    hold = kept(holds, WORK, RefUpdate("refs/heads/bottle/a/gone", A, ZERO))
    assert hold.refs() == (("refs/bot-bottle/held/1/0", A),)


@pytest.mark.parametrize("wrong", ["", "1", "1-", "2-aaaaaaaaaaaa", "1-aaaaaaaaaaaa", "../1", "x"])
def test_only_number_and_token_name_a_hold(holds: Holds, wrong: str) -> None:
    hold = kept(holds)
    assert holds.named(hold.id) == hold
    with pytest.raises(BadUsage):
        holds.named(wrong)


def test_a_decided_hold_is_named_no_more(holds: Holds) -> None:
    hold = kept(holds)
    holds.decide(hold, "rejected", said="no", by="me")
    assert holds.waiting() == ()
    with pytest.raises(BadUsage, match="decided already"):
        holds.named(hold.id)


def test_a_newer_push_replaces_one_to_the_same_refs_only(holds: Holds) -> None:
    first = kept(holds)
    both = kept(holds, WORK, replace(WORK, ref="refs/heads/bottle/a/2"))
    elsewhere = kept(holds, repository="other")
    newest = kept(holds, replace(WORK, new=B))
    assert holds.replaced_by(newest) == (first,)
    assert both.state == elsewhere.state == "waiting"


def test_too_many_waiting_pushes_are_refused(holds: Holds) -> None:
    for _ in range(MOST):
        kept(holds)
    with pytest.raises(BottleError, match="already wait"):
        holds.make("shop", (WORK,), HELD)


def test_the_agent_is_told_once_and_not_of_what_it_replaced_itself(holds: Holds) -> None:
    one, two = kept(holds), kept(holds)
    holds.decide(one, "replaced", said="push 2")
    decided = holds.decide(two, "refused", said="hook declined")
    assert holds.untold("shop") == (decided,)
    assert "hook declined" in "".join(told_lines(decided))
    holds.write(replace(decided, told=True))
    assert holds.untold("shop") == ()


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"number": 1}', "\x00"])
def test_a_file_that_is_not_ours_is_an_error_and_no_empty_queue(holds: Holds, text: str) -> None:
    kept(holds)
    (holds._folder / "0002.json").write_text(text)
    with pytest.raises(BottleError):
        holds.all()


def refusal(rule: str, *, holds: bool = False) -> Finding:
    return Finding(rule=rule, where="x", why="y", holds=holds)


def test_one_finding_that_cannot_be_held_refuses_everything() -> None:
    assert verdict_of([], [], RULES) == Allowed()
    assert isinstance(verdict_of([], [], replace(RULES, review="hold")), Held)
    assert isinstance(verdict_of([refusal("a", holds=True)], [], RULES), Held)
    both = verdict_of([refusal("a", holds=True), refusal("b")], [], RULES)
    assert isinstance(both, Rejected)
    assert [one.rule for one in both.findings] == ["b", "a"]


def test_what_refuses_is_told_before_what_holds_and_not_more_than_can_be_read() -> None:
    many = [refusal(f"hold{number}", holds=True) for number in range(100)]
    answer = verdict_of([*many, refusal("leak")], [], RULES)
    assert isinstance(answer, Rejected)
    assert len(answer.findings) == MOST_TOLD + 1
    assert answer.findings[0].rule == "leak"
    assert "61 more" in answer.findings[-1].why
    assert isinstance(verdict_of(many, [], RULES), Held)


@pytest.mark.parametrize(
    ("state", "status", "words"),
    [
        ("waiting", "pending", ""),
        ("taken", "approved", "upstream has it"),
        ("refused", "denied", "did not take it: no space"),
        ("rejected", "denied", "no space"),
        ("replaced", "unavailable", "newer push"),
    ],
)
def test_an_agent_that_waits_hears_what_became_of_it(holds: Holds, state: State, status: str, words: str) -> None:
    decided = holds.decide(kept(holds), state, said="no space")
    assert holds.numbered(1) == decided
    row = awaited_row(decided)
    assert row["status"] == status
    assert words in " ".join(row.values())
    assert holds.numbered(2) is None
