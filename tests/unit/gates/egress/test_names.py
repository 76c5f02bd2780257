"""Hosts: one spelling each, or none."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot_bottle.errors import Refused
from bot_bottle.gates.egress.names import canonical_authority, canonical_host, canonical_pattern

SPELLINGS = [
    ("Api.Example.COM", "api.example.com"),
    ("api.example.com.", "api.example.com"),
    ("xn--bcher-kva.example", "xn--bcher-kva.example"),
    ("XN--BCHER-KVA.example", "xn--bcher-kva.example"),
    ("my_bucket.example.com", "my_bucket.example.com"),
    ("127.0.0.1", "127.0.0.1"),
    ("127.0.0.1.", "127.0.0.1"),
    ("127.1", "127.0.0.1"),
    ("1.2.3.", "1.2.0.3"),
    ("127.0.1", "127.0.0.1"),
    ("2130706433", "127.0.0.1"),
    ("0x7f000001", "127.0.0.1"),
    ("0x7F.1", "127.0.0.1"),
    ("017700000001", "127.0.0.1"),
    ("0177.0.0.01", "127.0.0.1"),
    ("0", "0.0.0.0"),
    ("0xa9fea9fe", "169.254.169.254"),
    ("[::1]", "::1"),
    ("::1", "::1"),
    ("[2001:DB8:0:0::1]", "2001:db8::1"),
    ("[::127.0.0.1]", "::7f00:1"),
]

NO_SPELLING = [
    "",
    ".",
    "..",
    "a..b",
    ".example.com",
    "example.com..",
    "-a.example",
    "a-.example",
    "a" * 64 + ".example",
    ".".join(["a" * 60] * 5),
    "exa mple.com",
    "example.com/",
    "user@example.com",
    "example.com%00",
    "example.com\0",
    "example.com\n",
    "exam%70le.com",
    "bücher.example",
    "ｅxample.com",
    "example。com",
    "exаmple.com",
    "xn--.example",
    "xn--example-.example",
    "1.2.3.4.5",
    "256.1.1.1",
    "1.2.3.256",
    "4294967296",
    "0x100000000",
    "08.1.1.1",
    "1..2",
    "a.1",
    "example.0x1",
    "0x",
    "[::1",
    "::1]",
    "[127.0.0.1]",
    "[::1%25eth0]",
    "fe80::1%eth0",
    "[::ffff:127.0.0.1]",
    "::ffff:7f00:1",
    "1:2:3",
    "[]",
    "a[b",
]


@pytest.mark.parametrize(("text", "host"), SPELLINGS)
def test_a_host_has_one_spelling(text: str, host: str) -> None:
    assert canonical_host(text) == host


@pytest.mark.parametrize("text", NO_SPELLING)
def test_a_host_with_no_plain_meaning_is_refused(text: str) -> None:
    with pytest.raises(Refused):
        canonical_host(text)


@given(st.text(alphabet="aA0xX1279.-_[]:%* n\0é", max_size=24))
def test_a_canonical_host_is_its_own_spelling(text: str) -> None:
    try:
        host = canonical_host(text)
    except Refused:
        return
    assert canonical_host(host) == host


@given(st.integers(0, 2**32 - 1), st.sampled_from(["{}", "{:#x}", "0{:o}"]))
def test_every_number_form_is_the_address_it_means(number: int, form: str) -> None:
    assert canonical_host(form.format(number)) == str(ipaddress.IPv4Address(number))


@pytest.mark.parametrize(
    "text", ["*", "**", "a.*.example.com", "*a.example.com", "***.example.com", "*.127.0.0.1", "*.[::1]", "*.*.a"]
)
def test_a_wildcard_stands_before_a_name_only(text: str) -> None:
    with pytest.raises(Refused):
        canonical_pattern(text)


@pytest.mark.parametrize(("text", "pattern"), [("*.Example.com", "*.example.com"), ("**.a.b.", "**.a.b"), ("A.b", "a.b")])
def test_a_pattern_has_one_spelling(text: str, pattern: str) -> None:
    assert canonical_pattern(text) == pattern


@pytest.mark.parametrize(
    ("text", "place"),
    [("example.com:443", ("example.com", 443)), ("[::1]:8443", ("::1", 8443)), ("EXAMPLE.com.:1", ("example.com", 1))],
)
def test_an_authority_has_a_host_and_a_port(text: str, place: tuple[str, int]) -> None:
    assert canonical_authority(text) == place


@pytest.mark.parametrize(
    "text",
    [
        "example.com",
        "example.com:",
        "example.com:0",
        "example.com:0443",
        "example.com:65536",
        "example.com:+443",
        "example.com:443 ",
        "example.com:٤٤٣",
        "::1:443",
        "[::1]",
        ":443",
        "user:pw@example.com:443",
        "example.com:443:443",
    ],
)
def test_an_authority_that_is_not_plain_is_refused(text: str) -> None:
    with pytest.raises(Refused):
        canonical_authority(text)


def test_a_host_field_may_leave_the_port_out() -> None:
    assert canonical_authority("[::1]", default_port=443) == ("::1", 443)
    with pytest.raises(Refused):
        canonical_authority("::1", default_port=443)
