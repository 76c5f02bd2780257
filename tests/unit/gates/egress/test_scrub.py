"""The scrubber: no spelling of a value comes through, wherever the chunks end, and nothing else is touched."""

import base64
import itertools
import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot_bottle.gates.egress.scrub import Scrubber

VALUE = 'sk-9f/8+"Qz=~!x\\y'
ECHOES = [
    VALUE.encode(),
    b"key=" + VALUE.encode() + b";",
    VALUE.encode().hex().encode(),
    VALUE.encode().hex().upper().encode(),
    quote(VALUE, safe="").encode(),
    quote(VALUE).encode(),
    quote(VALUE, safe="!'()*~").encode(),
    json.dumps({"k": VALUE}).encode(),
    json.dumps({"k": VALUE}).replace("/", "\\/").encode(),
    base64.b64encode(VALUE.encode()),
    base64.b64encode(b"u:" + VALUE.encode() + b"\n"),
    base64.b64encode(b"user:" + VALUE.encode()),
    base64.b64encode(b"abcdef" + VALUE.encode() + b"zz"),
    base64.urlsafe_b64encode(b"u" + VALUE.encode()).rstrip(b"="),
    json.dumps(base64.b64encode(VALUE.encode()).decode()).replace("/", "\\/").encode(),
    quote(base64.b64encode(b"x" + VALUE.encode()).decode(), safe="").encode(),
]


def scrub(parts: list[bytes], *values: str) -> bytes:
    """Everything that comes out."""
    scrubber = Scrubber(values)
    return b"".join(scrubber.feed(part) for part in parts) + scrubber.finish()


def decodings(text: bytes) -> bytes:
    """The text and what it is when read as base64 at every offset."""
    plain = text.translate(None, b"\\").translate(bytes.maketrans(b"-_", b"+/"))
    kept = bytes(octet for octet in plain if octet in b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
    return text + b"".join(base64.b64decode(kept[start:] + b"A" * (-len(kept[start:]) % 4)) for start in range(4))


@pytest.mark.parametrize("echo", ECHOES, ids=str)
def test_no_spelling_comes_through(echo: bytes) -> None:
    out = scrub([b"before " + echo + b" after"], VALUE)
    assert out.startswith(b"before ")
    assert out.endswith(b" after")
    assert b"*" * 15 in out
    assert VALUE.encode()[3:-3] not in decodings(out)
    assert len(out) == len(b"before " + echo + b" after")


@given(st.sampled_from(ECHOES), st.binary(max_size=30), st.binary(max_size=30), st.lists(st.integers(0, 150), max_size=12))
def test_chunk_borders_change_nothing(echo: bytes, before: bytes, after: bytes, cuts: list[int]) -> None:
    body = before + echo + after + echo
    places = sorted({0, len(body), *(cut for cut in cuts if cut < len(body))})
    parts = [body[start:end] for start, end in itertools.pairwise(places)]
    assert scrub(parts, VALUE) == scrub([body], VALUE)


@given(
    st.text(alphabet="ab", min_size=6, max_size=9),
    st.text(alphabet="ab", min_size=6, max_size=12),
    st.text(alphabet="ab", max_size=60),
)
def test_values_that_overlap_are_taken_out_byte_by_byte_as_at_once(one: str, other: str, text: str) -> None:
    body = text.encode()
    assert scrub([body[place : place + 1] for place in range(len(body))], one, other) == scrub([body], one, other)


@given(st.binary(max_size=300))
def test_other_bytes_come_through_unchanged(body: bytes) -> None:
    assert scrub([body], VALUE) == body


def test_an_event_that_holds_nothing_is_not_held_back() -> None:
    assert Scrubber([VALUE]).feed(b'data: {"text": "hi"}\n\n') == b'data: {"text": "hi"}\n\n'


def test_a_value_too_short_to_search_for_leaves_the_text_alone() -> None:
    assert scrub([b"abcde abcde"], "abcde") == b"abcde abcde"


def test_a_header_is_scrubbed_too() -> None:
    assert Scrubber([VALUE]).header(f"https://h/?k={quote(VALUE, safe='')}").endswith("?k=" + "*" * len(quote(VALUE, safe="")))
