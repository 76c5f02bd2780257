"""What the journal remembers, and how an upstream's answer is read."""

import json
import resource
from pathlib import Path

import pytest

from bot_bottle.errors import BottleError
from bot_bottle.gates.git_gate.forward import read_porcelain, reason
from bot_bottle.gates.git_gate.journal import Journal, read_journal
from bot_bottle.gates.git_gate.records import RefUpdate

A, ZERO = "a" * 40, "0" * 40
UPDATE = RefUpdate("refs/heads/x", ZERO, A)


def test_a_push_without_an_end_is_found_again(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    first = journal.begin([UPDATE])
    journal.end(first, "taken")
    second = journal.begin([UPDATE])
    found = Journal(tmp_path / "journal").open()
    assert [(one.number, one.updates) for one in found] == [(second, (UPDATE,))]


def test_numbers_go_on_after_a_restart(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    first = journal.begin([UPDATE])
    again = Journal(tmp_path / "journal")
    again.open()
    assert again.begin([UPDATE]) == first + 1


def test_a_line_that_a_crash_cut_off_had_not_happened() -> None:
    whole = json.dumps({"push": 1, "updates": [["refs/heads/x", ZERO, A]]})
    assert read_journal(whole[:30]) == ((), 0)
    assert [one.number for one in read_journal(whole + "\n")[0]] == [1]


def test_what_follows_a_line_that_a_crash_cut_off_is_whole(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    first = journal.begin([UPDATE])
    with open(tmp_path / "journal", "a") as file:
        file.write('{"push":2,"upda')
    again = Journal(tmp_path / "journal")
    again.open()
    again.begin([UPDATE])
    assert [one.number for one in Journal(tmp_path / "journal").open()] == [first, first + 1]


def test_a_line_that_does_not_fit_on_the_disk_is_not_there_at_all(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    first = journal.begin([UPDATE])
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, ((tmp_path / "journal").stat().st_size + 10, limits[1]))
    try:
        with pytest.raises(BottleError, match="cannot be written"):
            journal.begin([UPDATE])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    journal.end(first, "taken")
    assert Journal(tmp_path / "journal").open() == ()


@pytest.mark.parametrize("text", ["nonsense\n", "{}\n", '{"push": 1}\n', '{"push": 1, "updates": [["a"]]}\n', "[]\n"])
def test_a_journal_that_is_not_ours_is_refused(text: str) -> None:
    with pytest.raises(BottleError):
        read_journal(text)


def test_the_answer_for_each_ref_is_read() -> None:
    said = (
        "To https://git.example.com/x.git\n"
        f"*\t{A}:refs/heads/new\t[new branch]\n"
        f"!\t{A}:refs/heads/no\t[remote rejected] (pre-receive hook declined)\n"
        "-\t:refs/heads/gone\t[deleted]\n"
        f" \t{A}:refs/heads/on\taaaa..bbbb\n"
        "Done\n"
    )
    found = read_porcelain(said)
    assert {ref: flag for ref, (flag, _) in found.items()} == {
        "refs/heads/new": "*",
        "refs/heads/no": "!",
        "refs/heads/gone": "-",
        "refs/heads/on": " ",
    }


@pytest.mark.parametrize(
    ("summary", "why"),
    [
        ("[remote rejected] (pre-receive hook declined)", "pre-receive hook declined"),
        ("[rejected] (stale info)", "stale info"),
        ("[remote failure]", "remote failure"),
        ("something else", "something else"),
    ],
)
def test_the_reason_of_a_refusal_is_found(summary: str, why: str) -> None:
    assert reason(summary) == why
