"""pkt-lines and the head of a push: what is taken, and that everything else is refused."""

import pytest

from bot_bottle.errors import Refused
from bot_bottle.gates.git_gate.pktline import (
    Result,
    advertisement,
    band,
    is_ref,
    length,
    line,
    read_push,
    report,
)

A, B, ZERO = "a" * 40, "b" * 40, "0" * 40


def test_a_line_says_its_length_with_the_four_bytes_of_it() -> None:
    assert line("hello\n") == b"000ahello\n"


@pytest.mark.parametrize(
    "head", [b"0001", b"0002", b"0003", b"0004", b"fff1", b"ffff", b"00g0", b"-001", b" 123", b"+00a", b"0x1f"]
)
def test_a_length_that_no_line_has_is_refused(head: bytes) -> None:
    with pytest.raises(Refused):
        length(head)


def test_a_flush_has_no_length() -> None:
    assert length(b"0000") == 0


def test_a_long_message_is_cut_into_bands() -> None:
    parts = list(band(2, b"x" * 200_000))
    assert len(parts) == 4
    assert all(part[4:5] == b"\x02" and len(part) <= 65520 for part in parts)


def test_commands_and_capabilities_are_read() -> None:
    push = read_push([f"{ZERO} {A} refs/heads/x\0report-status side-band-64k\n".encode(), f"{A} {B} refs/heads/y".encode()])
    assert [one.ref for one in push.commands] == ["refs/heads/x", "refs/heads/y"]
    assert push.capabilities == {"report-status", "side-band-64k"}


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ([f"{ZERO} {A} refs/heads/x", f"{ZERO} {B} refs/heads/x"], "twice"),
        ([f"{ZERO} {B} refs/heads/x", f"shallow {A}"], "no object ids"),
        (["shallow x", f"{ZERO} {B} refs/heads/x"], "no object ids"),
        ([f"{ZERO} {A} refs/heads/x", f"{ZERO} {A} refs/heads/y\0quiet"], "first command"),
        (["push-cert\0quiet"], "signed"),
        ([f"{ZERO} {A} HEAD"], "no ref"),
        ([f"{ZERO} {A} refs/heads/../../config"], "no ref"),
        ([f"{ZERO} {A}refs/heads/x"], "no object ids"),
        ([f"{'A' * 40} {A} refs/heads/x"], "no object ids"),
        ([f"{ZERO} {'a' * 64} refs/heads/x"], "no object ids"),
        ([f"{ZERO} {'a' * 39} refs/heads/x"], "no object ids"),
    ],
)
def test_a_push_that_is_not_plain_is_refused(rows: list[str], why: str) -> None:
    with pytest.raises(Refused, match=why):
        read_push([row.encode() for row in rows])


def test_a_ref_that_is_not_utf8_is_refused() -> None:
    with pytest.raises(Refused, match="UTF-8"):
        read_push([f"{ZERO} {A} refs/heads/".encode() + b"\xff"])


@pytest.mark.parametrize(
    "name",
    [
        "refs/heads",
        "heads/x/y",
        "refs//x",
        "refs/heads/",
        "/refs/heads/x",
        "refs/heads/x.lock",
        "refs/heads/.x",
        "refs/heads/x.",
        "refs/heads/-x",
        "refs/heads/a..b",
        "refs/heads/a@{1}",
        "refs/heads/a b",
        "refs/heads/a:b",
        "refs/heads/a\\b",
        "refs/heads/a*",
        "refs/heads/a\x7f",
        "refs/heads/" + "x" * 1100,
    ],
)
def test_a_name_that_git_would_not_take_is_no_ref(name: str) -> None:
    assert not is_ref(name)


def test_names_of_branches_and_tags_are_refs() -> None:
    assert is_ref("refs/heads/bottle/a-b/topic_1")
    assert is_ref("refs/tags/v1.0")


def test_an_empty_repository_is_advertised_without_a_ref() -> None:
    said = advertisement("git-receive-pack", [], capabilities="atomic", known=[], zero=ZERO)
    assert said == line("# service=git-receive-pack\n") + b"0000" + line(f"{ZERO} capabilities^{{}}\0atomic\n") + b"0000"


def test_tips_without_a_name_are_advertised_as_such() -> None:
    said = advertisement("git-receive-pack", [(A, "refs/heads/x")], capabilities="atomic", known=[B], zero=ZERO)
    assert said.endswith(line(f"{B} .have\n") + b"0000")


def test_a_report_says_where_a_branch_went() -> None:
    one = Result(ref="refs/heads/x", renamed="refs/heads/bottle/s/x", old=ZERO, new=A)
    assert b"option refname refs/heads/bottle/s/x\n" in report([one], unpack="ok", second=True)
    assert b"option" not in report([one], unpack="ok", second=False)


def test_a_report_says_why_not() -> None:
    assert line("ng refs/heads/x too late\n") in report([Result(ref="refs/heads/x", why="too late")], unpack="ok", second=True)
