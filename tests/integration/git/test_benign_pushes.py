"""Pushes that must pass, whatever else is refused."""

from pushes import BRANCH, RULES, SECRET, ZERO, Push

from bot_bottle.gates.git_gate.records import Allowed, Held, RefUpdate
from bot_bottle.record import replace

NEW = "refs/heads/bottle/red-fox/new"


def test_a_commit_on_a_new_branch(push: Push) -> None:
    pile = push.pile
    tip = pile.commit(pile.tree(push.known.with_files({"src/new.py": b"x = 1\n"})), push.known.main)
    assert push.judge([RefUpdate(NEW, ZERO, tip)]) == Allowed()


def test_a_branch_of_a_commit_that_is_there_without_any_object(push: Push) -> None:
    assert push.judge([RefUpdate(NEW, ZERO, push.known.side)]) == Allowed()


def test_an_edit_of_a_file_that_held_a_secret_before(push: Push) -> None:
    pile = push.pile
    old = push.known.files["src/fixture.py"]
    assert isinstance(old, bytes)
    assert SECRET in old
    tip = pile.commit(pile.tree(push.known.with_files({"src/fixture.py": old + b"MORE = 1\n"})), push.known.main)
    verdict = push.judge([RefUpdate(NEW, ZERO, tip)])
    assert isinstance(verdict, Allowed)
    assert "dlp own:DATABASE_PASSWORD" in {note.rule for note in verdict.notes}


def test_a_merge_of_main_that_brings_a_change_of_a_protected_path(push: Push) -> None:
    pile = push.pile
    tip = pile.commit(pile.tree(push.known.with_files({"side.txt": b"side\n"})), push.known.side, push.known.main)
    assert push.judge([RefUpdate(NEW, ZERO, tip)]) == Allowed()


def test_a_push_of_own_work_anew(push: Push) -> None:
    pile = push.pile
    tip = pile.commit(pile.tree(push.known.with_files({"work.txt": b"better\n"})), push.known.main)
    assert push.judge([RefUpdate(BRANCH, push.known.work, tip)]) == Allowed()


def test_a_branch_that_goes_forward_where_nothing_may_be_rewritten(push: Push) -> None:
    pile = push.pile
    side = pile.commit(pile.tree(push.known.with_files({"a.txt": b"a\n"})), push.known.main)
    tip = pile.commit(pile.tree(push.known.with_files({"b.txt": b"b\n"})), side, push.known.work)
    assert push.judge([RefUpdate(BRANCH, push.known.work, tip)], rules=replace(RULES, force="never")) == Allowed()


def test_a_branch_that_goes_forward_to_commits_that_are_known(push: Push) -> None:
    update = RefUpdate("refs/heads/bottle/blue-owl/old", push.known.first, push.known.main)
    assert push.judge([update], rules=replace(RULES, force="never")) == Allowed()


def test_a_branch_that_goes_forward_by_a_new_commit_on_known_ones(push: Push) -> None:
    pile = push.pile
    tip = pile.commit(pile.tree(push.known.with_files({"a.txt": b"a\n"})), push.known.main)
    update = RefUpdate("refs/heads/bottle/blue-owl/old", push.known.first, tip)
    assert push.judge([update], rules=replace(RULES, force="never")) == Allowed()


def test_a_review_holds_a_push_against_which_nothing_stands(push: Push) -> None:
    pile = push.pile
    tip = pile.commit(pile.tree(push.known.with_files({"a.txt": b"a\n"})), push.known.main)
    verdict = push.judge([RefUpdate(NEW, ZERO, tip)], rules=replace(RULES, review="hold"))
    assert isinstance(verdict, Held)
    assert verdict.findings == ()


def test_a_folder_that_is_renamed_with_many_files(push: Push) -> None:
    pile = push.pile
    inner = {f"f{number}.txt": b"%d" % number for number in range(300)}
    first = pile.commit(pile.tree(push.known.with_files({f"one/{name}": text for name, text in inner.items()})), push.known.main)
    tip = pile.commit(pile.tree(push.known.with_files({f"two/{name}": text for name, text in inner.items()})), first)
    assert push.judge([RefUpdate(NEW, ZERO, tip)]) == Allowed()
