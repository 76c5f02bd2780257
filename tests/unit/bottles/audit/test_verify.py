"""Whatever is done to a log between its writing and its reading shows, except by whoever holds the operator's key."""

import json
from collections.abc import Sequence

import pytest
from audit_logs import BEGIN, KEYS, OTHER, OWN, decision, whole, written
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from bot_bottle.bottles.audit.key import signer
from bot_bottle.bottles.audit.verify import Report, verify
from bot_bottle.gates.chain import digest

PLAIN = whole(*(decision(number) for number in range(1, 9)))
MARKED = whole(*(decision(number) for number in range(1, 5)), marks=True)
SPLICE = whole(*(decision(number) for number in range(1, 9)), id="1" * 32)


def lines(log: bytes) -> list[bytes]:
    return log.splitlines(keepends=True)


def check(log: bytes) -> Report:
    return verify(log, KEYS)


@pytest.mark.parametrize("log", [PLAIN, MARKED, SPLICE, whole()])
def test_what_was_written_is_whole_and_signed_to_its_last_line(log: bytes) -> None:
    found = check(log)
    assert (found.state, found.why) == ("whole", "")
    assert found.events == found.signed == len(lines(log))
    assert found.head == digest(lines(log)[-1])
    assert (found.slug, found.keys) == ("one", (OWN.id,))


@settings(max_examples=300, deadline=None)
@given(log=st.sampled_from([PLAIN, MARKED]), at=st.integers(0, 10_000), byte=st.integers(0, 255))
def test_no_byte_can_be_changed(log: bytes, at: int, byte: int) -> None:
    at %= len(log)
    assume(log[at] != byte)
    changed = log[:at] + bytes((byte,)) + log[at + 1 :]
    # the last line end is all that makes the end mark whole: without it the mark counts as a line that a crash cut off
    assert check(changed).state == ("unended" if at == len(log) - 1 else "altered")


@settings(max_examples=200, deadline=None)
@given(log=st.sampled_from([PLAIN, MARKED]), at=st.integers(0, 10_000))
def test_a_cut_off_log_is_never_whole(log: bytes, at: int) -> None:
    at %= len(log)
    found = check(log[:at])
    assert found.state == ("unended" if b"\n" in log[:at] else "altered")
    assert found.events == log[:at].count(b"\n")


@settings(max_examples=150, deadline=None)
@given(log=st.sampled_from([PLAIN, MARKED]), pick=st.data())
def test_no_line_can_be_taken_out(log: bytes, pick: st.DataObject) -> None:
    rows = lines(log)
    first = pick.draw(st.integers(0, len(rows) - 2))
    last = pick.draw(st.integers(first + 1, len(rows) - 1))
    assert check(b"".join(rows[:first] + rows[last:])).state == "altered"


@settings(max_examples=150, deadline=None)
@given(log=st.sampled_from([PLAIN, MARKED]), pick=st.data())
def test_no_lines_can_change_places(log: bytes, pick: st.DataObject) -> None:
    rows = lines(log)
    moved = pick.draw(st.permutations(rows))
    assume(moved != rows)
    assert check(b"".join(moved)).state == "altered"


@settings(max_examples=150, deadline=None)
@given(log=st.sampled_from([PLAIN, MARKED]), pick=st.data())
def test_no_line_can_be_put_in_or_said_twice(log: bytes, pick: st.DataObject) -> None:
    rows = lines(log)
    at = pick.draw(st.integers(0, len(rows)))
    put = pick.draw(
        st.sampled_from([*rows, b"\n", b"{}\n", b"x\n"]) | st.binary(min_size=1, max_size=64).map(lambda b: b + b"\n")
    )
    assert check(b"".join([*rows[:at], put, *rows[at:]])).state == "altered"


@settings(max_examples=150, deadline=None)
@given(pick=st.data())
def test_no_part_of_another_bottle_of_the_same_operator_fits(pick: st.DataObject) -> None:
    ours, theirs = lines(PLAIN), lines(SPLICE)
    here, there = pick.draw(st.integers(1, len(ours))), pick.draw(st.integers(0, len(theirs) - 1))
    assert check(b"".join(ours[:here] + theirs[there:])).state == "altered"


def relinked(rows: Sequence[bytes], at: int) -> bytes:
    """What somebody does who knows the form and has no key: every link after a change is made again."""
    made, prev = list(rows[:at]), digest(rows[at - 1])
    for number, row in enumerate(rows[at:], at + 1):
        line = json.dumps(json.loads(row) | {"prev": prev, "seq": number}, separators=(",", ":")).encode() + b"\n"
        made.append(line)
        prev = digest(line)
    return b"".join(made)


@settings(max_examples=100, deadline=None)
@given(log=st.sampled_from([PLAIN, MARKED]), pick=st.data())
def test_links_that_were_made_again_do_not_fit_the_signature(log: bytes, pick: st.DataObject) -> None:
    rows = lines(log)
    at = pick.draw(st.integers(1, len(rows) - 2))
    mended = relinked(rows[:at] + rows[at + 1 :], at)
    found = check(mended)
    assert found.state == "altered"
    assert "signature" in found.why or "keeper's name" in found.why


def test_a_log_that_somebody_else_signed_is_not_the_operators() -> None:
    found = check(whole(decision(1), key=OTHER))
    assert (found.state, found.why) == ("altered", "it is signed with a key that is not yours")


def test_without_an_end_mark_it_says_up_to_where() -> None:
    rows = lines(MARKED)
    found = check(b"".join(rows[:5]))
    assert (found.state, found.events, found.signed) == ("unended", 5, 4)


def test_half_a_line_that_a_crash_left_is_counted() -> None:
    rows = lines(PLAIN)
    found = check(b"".join(rows[:3]) + rows[3][:20])
    assert (found.state, found.events, found.torn) == ("unended", 3, 20)


def test_a_log_closed_by_a_later_command_is_still_without_an_end() -> None:
    closed = {"gate": "keeper", "event": "closed", "why": "its keeper was ended from outside", "sign": True}
    log = written([{**BEGIN, "id": "0" * 32}, decision(1), closed])
    found = check(log)
    assert (found.state, found.closed, found.events) == ("unended", "its keeper was ended from outside", 3)
    assert check(log + lines(log)[-1]).state == "altered"


def test_a_gate_cannot_speak_in_the_keepers_name() -> None:
    forged = {"gate": "keeper", "event": "containment", "asked": 1, "holes": []}
    rows = [{**BEGIN, "id": "0" * 32}, decision(1), forged, {"gate": "keeper", "event": "end", "sign": True, "own": [1]}]
    assert check(written(rows)).why == "there are lines in the keeper's name that it did not write"


@pytest.mark.parametrize("event", ["end", "closed", "mark", "broken"])
def test_a_gate_cannot_write_a_mark(event: str) -> None:
    log = written([{**BEGIN, "id": "0" * 32}, {"gate": "keeper", "event": event, "own": [1]}])
    assert check(log).why == "a mark is not signed"


def test_a_gate_cannot_speak_for_the_operator() -> None:
    said = {"gate": "operator", "event": "approve", "by": "op"}
    assert check(written([{**BEGIN, "id": "0" * 32}, said])).why == "what an operator did is not signed"
    signed = [{**BEGIN, "id": "0" * 32}, {**said, "sign": True}, {"gate": "keeper", "event": "end", "sign": True}]
    assert check(written(signed)).state == "whole"


def test_what_a_keeper_saw_change_stays_altered() -> None:
    broken = {"gate": "keeper", "event": "broken", "why": "it is shorter than it was", "sign": True}
    assert check(written([{**BEGIN, "id": "0" * 32}, broken])).state == "altered"


def test_a_signature_for_one_line_does_not_fit_another() -> None:
    rows = lines(PLAIN)
    signature = json.loads(rows[-1])["sig"]
    forged = rows[-2][:-2] + f',"key":"{OWN.id}","sig":"{signature}"}}\n'.encode()
    assert check(b"".join([*rows[:-2], forged])).why == "its signature is wrong"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b'"a":1,"a":2}', "it cannot be read as JSON"),
        (b'"a":NaN}', "it cannot be read as JSON"),
        (b'"a":"\xc3\xa9"}', "this is not a line of a log"),
        (b'"a":' + b"[" * 100_000 + b"}", "it cannot be read as JSON"),
        (b'"a":"' + b"x" * (1 << 20) + b'"}', "this is not a line of a log"),
    ],
)
def test_a_line_can_be_read_in_one_way_only(text: bytes, why: str) -> None:
    first = lines(PLAIN)[0]
    line = f'{{"prev":"{digest(first)}","seq":2,"ts":1,'.encode() + text + b"\n"
    assert check(first + line).why == why


@pytest.mark.parametrize(
    "begin",
    [
        {"gate": "egress", "event": "begin", "format": 1, "id": "0" * 32},
        {"gate": "keeper", "event": "begin", "format": 2, "id": "0" * 32},
        {"gate": "keeper", "event": "begin", "format": 1},
        {"gate": "keeper", "event": "containment"},
    ],
)
def test_a_log_begins_with_its_beginning(begin: dict[str, object]) -> None:
    assert check(written([begin])).state == "altered"


@settings(max_examples=200, deadline=None)
@given(log=st.binary(max_size=400))
def test_noise_is_altered_and_raises_nothing(log: bytes) -> None:
    assert check(log).state == "altered"


def test_the_last_line_of_another_signer_does_not_change_who_signs() -> None:
    sign = signer(OWN)
    assert sign(b"x") == sign(b"x")
    assert sign(b"x")[0] == OWN.id != OTHER.id
