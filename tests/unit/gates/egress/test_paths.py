"""Request targets: one spelling, the same for the rules and for the server."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from bot_bottle.errors import Refused
from bot_bottle.gates.egress.paths import PATH_LIMIT, QUERY_KEYS_LIMIT, TARGET_LIMIT, canonical_target, readings, without_keys

SPELLINGS = [
    (b"/", "/"),
    (b"/v1/messages", "/v1/messages"),
    (b"/v1/messages/", "/v1/messages/"),
    (b"/%76%31/x", "/v1/x"),
    (b"/a%2db", "/a-b"),
    (b"/a%7Eb", "/a~b"),
    (b"/%e2%82%ac", "/%E2%82%AC"),
    ("/€".encode(), "/%E2%82%AC"),
    (b"/a/./b", "/a/b"),
    (b"/./", "/"),
    (b"/a/.", "/a/"),
    (b"/a/%2e/b", "/a/b"),
    (b"/@scope%2fname", "/@scope%2Fname"),
    (b"/a//b", "/a//b"),
    (b"/a%20b", "/a%20b"),
    (b"/a%25", "/a%25"),
    (b"/100%25/x", "/100%25/x"),
    (b"/...", "/..."),
    (b"/..a", "/..a"),
    (b"/.well-known/x", "/.well-known/x"),
    (b'/a"b', "/a%22b"),
]

NO_SPELLING = [
    b"",
    b"a",
    b"*",
    b"//example.com/",
    b"/.//x",
    b"/..",
    b"/../x",
    b"/a/../b",
    b"/a/..",
    b"/a/%2e%2e/b",
    b"/a/.%2E/b",
    b"/a/%2e./b",
    b"/a%2f..%2fb",
    b"/a%2f%2e%2e%2fb",
    b"/a/..%2fb",
    b"/a/..;/b",
    b"/a;x=1",
    b"/a%3bx",
    b"/a\\b",
    b"/a%5cb",
    b"/..%5c..%5c",
    b"/a%00b",
    b"/a\0b",
    b"/a%0ab",
    b"/a%0d%0aHost:x",
    b"/a%7f",
    b"/a b",
    b"/a\tb",
    b"/a#b",
    b"/a%2",
    b"/a%zz",
    b"/a%",
    b"/%252e%252e/",
    b"/%25%32%65",
    b"/a%252fb",
    b"/%25252e",
    b"/%c0%ae%c0%ae/",
    b"/%c0%af",
    b"/%e0%80%af",
    b"/%ed%a0%80",
    b"/%ff",
    b"/\xff",
    b"/%u002e",
    b"/" + b"a" * PATH_LIMIT,
    b"/?" + b"a" * TARGET_LIMIT,
    b"/?" + b"&".join([b"a"] * (QUERY_KEYS_LIMIT + 1)),
    b"/?a b",
    b"/?a%0",
    b"/?a#b",
    b"/?a=%00",
    b"/?%00",
    b"/?a=%ff",
    b"/?\xff",
    b"/?a\nb",
]


@pytest.mark.parametrize(("raw", "path"), SPELLINGS)
def test_a_path_has_one_spelling(raw: bytes, path: str) -> None:
    assert canonical_target(raw).path == path


@pytest.mark.parametrize("raw", NO_SPELLING)
def test_what_servers_read_in_two_ways_is_refused(raw: bytes) -> None:
    with pytest.raises(Refused) as refused:
        canonical_target(raw)
    assert refused.value.what.isprintable()


def test_an_encoded_slash_is_matched_both_ways() -> None:
    assert readings("/@scope%2Fname") == ("/@scope%2Fname", "/@scope/name")


def test_an_empty_segment_is_matched_both_ways() -> None:
    assert readings("/a//b") == ("/a//b", "/a/b")


def test_a_reserved_character_counts_alike_when_it_is_encoded() -> None:
    assert readings("/a%40b%3Ac") == ("/a@b:c",)


@pytest.mark.parametrize(
    ("raw", "pairs", "sent"),
    [
        (b"/?a=1&b=2", (("a", "1"), ("b", "2")), "a=1&b=2"),
        (b"/?a", (("a", ""),), "a"),
        (b"/?", (), ""),
        (b"/?&&a=1&", (("a", "1"),), "&&a=1&"),
        (b"/?a=b+c%20d", (("a", "b c d"),), "a=b+c%20d"),
        (b"/?%61=1", (("a", "1"),), "%61=1"),
        (b"/?a=1;b=2", (("a", "1;b=2"),), "a=1%3Bb=2"),
        (b"/?a=\\", (("a", "\\"),), "a=%5C"),
        (b"/?a=b=c", (("a", "b=c"),), "a=b=c"),
        ("/?a=€".encode(), (("a", "€"),), "a=%E2%82%AC"),
    ],
)
def test_a_query_is_read_once_and_sent_as_read(raw: bytes, pairs: tuple[tuple[str, str], ...], sent: str) -> None:
    target = canonical_target(raw)
    assert (target.query, target.raw_query) == (pairs, sent)


@pytest.mark.parametrize("key", ["key", "KEY", "%6bey", "k%65y", "key+", "%20key", "Key%20"])
def test_a_query_key_is_taken_out_however_it_is_spelled(key: str) -> None:
    assert without_keys(f"a=1&{key}=mine&b=2", frozenset({"key"})) == "a=1&b=2"


PARTS = b"/ // . .. %2e %2E %2f %25 %5c %3b %00 a Z ~ %7e %41 \\ ; ? & = + %c3%a9 \xc3\xa9 % %2 @ %40 #".split(b" ")
TARGETS = st.lists(st.sampled_from([*PARTS, b" "]), max_size=14).map(lambda parts: b"/" + b"".join(parts))


@given(TARGETS)
def test_canonicalisation_is_idempotent(raw: bytes) -> None:
    try:
        target = canonical_target(raw)
    except Refused:
        return
    assert canonical_target(target.wire.encode("ascii")) == target


@given(st.binary(max_size=60).map(lambda tail: b"/" + tail))
@example(b"/\x80")
def test_any_bytes_are_refused_or_become_plain_ascii(raw: bytes) -> None:
    try:
        wire = canonical_target(raw).wire
    except Refused:
        return
    assert wire.isascii()
    assert wire.isprintable()
    assert " " not in wire


@given(TARGETS, st.randoms(use_true_random=False))
def test_encoding_letters_changes_neither_the_verdict_nor_the_spelling(raw: bytes, random: object) -> None:
    path = raw.partition(b"?")[0]
    encoded = b"".join(
        b"%%%02x" % octet if octet in b"aZ~" and random.random() < 0.7 else bytes((octet,))  # type: ignore[attr-defined]  # Random
        for octet in path
    )
    if b"%" in path:
        return  # a letter may be half of a triplet
    assert spelled(encoded) == spelled(path)


def spelled(raw: bytes) -> str | None:
    """The canonical path, None when it is refused."""
    try:
        return canonical_target(raw).path
    except Refused:
        return None


@given(TARGETS)
def test_no_reading_of_an_accepted_path_climbs(raw: bytes) -> None:
    try:
        path = canonical_target(raw).path
    except Refused:
        return
    for reading in readings(path):
        assert not {"..", "."} & set(reading.split("/"))
        assert "%2E" not in reading
