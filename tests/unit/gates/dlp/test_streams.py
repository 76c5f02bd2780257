"""A body cut into any chunks is judged as the whole is, and nothing of a secret is released before it is found."""

import base64
import gzip
import itertools
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot_bottle.gates.dlp.detectors.catalogue import OUTGOING
from bot_bottle.gates.dlp.engine import REACH
from bot_bottle.gates.dlp.own import OwnSecret
from bot_bottle.gates.dlp.pieces import LASTS, Fragments, Recent
from bot_bottle.gates.dlp.records import Finding, View
from bot_bottle.gates.dlp.scan import STEP, BodyScan, Scanner

SECRET = b"hT7-kPq_29.vLx/Ww+4mZzR1"
SECRETS = (OwnSecret("API", SECRET),)
SCANNERS = {engine: Scanner(OUTGOING, key=b"k", secrets=SECRETS, engine=engine) for engine in ("hyperscan", "aho-corasick")}
FORMS = (
    SECRET,
    base64.b64encode(SECRET),
    SECRET.hex().encode(),
    gzip.compress(SECRET, mtime=0),
    base64.b64encode(gzip.compress(SECRET, mtime=0)),
)


def filler(size: int, seed: int) -> bytes:
    words = (
        b"the ",
        b"quick ",
        b"brown ",
        b"fox() ",
        b"= 42;\\n ",
        b'"key": ',
        b"src/lib/some_module_name.py ",
        b"camelCaseIdentifierName ",
    )
    dice = random.Random(seed)
    return b"".join(dice.choice(words) for _ in range(size // 5))[:size]


def told(found: list[Finding]) -> set[tuple[str, str, tuple[str, ...]]]:
    return {(one.rule, one.fingerprint, one.via) for one in found}


def streamed(body: bytes, cuts: list[int], engine: str) -> list[Finding]:
    scan = BodyScan(SCANNERS[engine], "body", "the body")
    places = sorted({0, len(body), *(cut % (len(body) + 1) for cut in cuts)})
    found = [one for start, end in itertools.pairwise(places) for one in scan.feed(body[start:end])]
    return found + scan.finish()


@settings(max_examples=60, deadline=None)
@given(
    form=st.sampled_from(FORMS), at=st.integers(0, 900_000), size=st.integers(0, 900_000), cuts=st.lists(st.integers(0, 2_000_000), max_size=12),
    seed=st.integers(0, 5), engine=st.sampled_from(sorted(SCANNERS)),
)  # fmt: skip
def test_chunks_do_not_change_the_verdict(*, form: bytes, at: int, size: int, cuts: list[int], seed: int, engine: str) -> None:
    text = filler(size, seed)
    at = min(at, len(text))
    body = text[:at] + b' "' + form + b'" ' + text[at:]
    whole = SCANNERS[engine].scan((View("body", "the body", body),))
    assert any(one.kind == "own" for one in whole)
    assert told(streamed(body, cuts, engine)) == told(whole)


def test_one_byte_at_a_time_finds_the_same() -> None:
    body = b"x" * 300 + SECRET + b"y" * 300
    for engine, scanner in SCANNERS.items():
        assert told(streamed(body, list(range(len(body))), engine)) == told(scanner.scan((View("body", "the body", body),)))


@pytest.mark.parametrize("at", [STEP - 5, STEP, STEP + REACH - 3, STEP + REACH, 2 * STEP - 10, 3 * STEP + 7])
@pytest.mark.parametrize("form", FORMS, ids=range(len(FORMS)))
def test_a_secret_across_the_edge_of_a_step_is_found_before_its_first_byte_is_released(form: bytes, at: int) -> None:
    body = filler(at - 1, 1) + b" " + form + b" " + filler(2 * STEP, 2)
    scan = BodyScan(SCANNERS["hyperscan"], "body", "the body")
    for start in range(0, len(body), 50_000):
        released = scan.released
        if any(one.kind == "own" for one in scan.feed(body[start : start + 50_000])):
            assert released <= at
            return
    assert any(one.kind == "own" for one in scan.finish())


def test_a_secret_deep_inside_a_megabyte_of_base64_is_found() -> None:
    noise = random.Random(3).randbytes(600_000)
    for shift in range(3):
        packed = base64.b64encode(noise[: 500_000 + shift] + b" token=AKIA" + b"IOSFODNN7EXAMPLE " + noise)
        rules = {one.rule for one in SCANNERS["hyperscan"].scan((View("body", "b", b'{"image": "' + packed + b'"}'),))}
        assert "aws-access-key" in rules


def test_offsets_of_findings_are_offsets_in_the_body() -> None:
    body = filler(3 * STEP, 4) + b" " + SECRET
    (one,) = [one for one in SCANNERS["hyperscan"].scan((View("body", "b", body),)) if one.kind == "own"]
    assert one.start is not None
    assert body[one.start : one.end] == SECRET


@pytest.mark.parametrize("engine", SCANNERS)
def test_a_secret_in_pieces_is_found_whatever_stands_between(engine: str) -> None:
    watch = Fragments(SECRETS, engine=engine)
    watch.next_request()
    text = b'{"a": "' + SECRET[:9] + b'", "zz": {"b": "' + SECRET[9:17] + b'"}, "c": ["' + SECRET[15:] + b'"]}'
    assert [match.kind for match in watch.look(text)] == ["own"]


def test_a_secret_over_several_requests_is_found_and_old_pieces_are_forgotten() -> None:
    watch = Fragments(SECRETS)
    pieces = (SECRET[:10], SECRET[8:18], SECRET[14:])
    results = []
    for piece in pieces:
        watch.next_request()
        results.append(bool(watch.look(b"v=" + piece)))
    assert results == [False, False, True]
    watch.look(pieces[0])
    for _ in range(2 * LASTS):
        watch.next_request()
    assert watch.look(pieces[1] + b" " + pieces[2]) == []


def test_a_token_cut_over_two_requests_is_seen_in_the_second() -> None:
    recent, scanner = Recent(), SCANNERS["hyperscan"]
    assert recent.join("a.example", (b"AKIAIOS",)) is None
    assert recent.join("b.example", (b"FODNN7EXAMPLE",)) is None
    view = recent.join("a.example", (b"FODNN7EXAMPLE",))
    assert view is not None
    assert {one.rule for one in scanner.scan((view,))} == {"aws-access-key"}


def test_what_is_kept_per_host_is_bounded() -> None:
    recent = Recent()
    for number in range(1000):
        recent.join(f"h{number % 100}.example", (b"x" * 400,))
    kept = vars(recent)["_values"]
    assert len(kept) <= 64
    assert max(map(len, kept.values())) <= 2048
