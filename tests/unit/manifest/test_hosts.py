"""Host names as people write and paste them."""

import pytest

from bot_bottle.manifest.hosts import block, host_and_port, host_pattern
from bot_bottle.manifest.mistakes import Wrong


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("API.Example.COM.", "api.example.com"),
        ("*.cdn.example.com", "*.cdn.example.com"),
        ("**.Example.com", "**.example.com"),
        ("localhost", "localhost"),
        ("192.0.2.1", "192.0.2.1"),
        ("[2001:DB8::0:1]", "2001:db8::1"),
        ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ("my_bucket.example.com", "my_bucket.example.com"),
    ],
)
def test_a_host_has_one_spelling(text: str, canonical: str) -> None:
    assert host_pattern(text) == canonical


@pytest.mark.parametrize(
    ("text", "nearest"),
    [
        ("https://api.example.com/v1", "api.example.com"),
        ("api.example.com:8443", "api.example.com"),
        ("api.example.com/v1", ""),
        ("user@api.example.com", ""),
        ("bücher.example", "xn--bcher-kva.example"),
        ("*", ""),
        ("*.com", ""),
        ("**.", ""),
        ("api.*.example.com", ""),
        ("*api.example.com", ""),
        ("0x7f000001", ""),
        ("127.1", ""),
        ("0177.0.0.1", ""),
        ("example..com", ""),
        ("-a.example.com", ""),
        ("exa mple.com", ""),
        ("example.com\n", ""),
        ("fe80::1%eth0", ""),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("", ""),
        ("a" * 64 + ".example.com", ""),
    ],
)
def test_a_host_with_no_or_several_meanings_is_refused(text: str, nearest: str) -> None:
    with pytest.raises(Wrong) as caught:
        host_pattern(text)
    assert caught.value.nearest == nearest


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("api.example.com", ("api.example.com", 443)),
        ("api.example.com:8443", ("api.example.com", 8443)),
        ("[2001:db8::1]:80", ("2001:db8::1", 80)),
    ],
)
def test_a_host_with_a_port_is_taken_apart(text: str, parts: tuple[str, int]) -> None:
    assert host_and_port(text, default=443) == parts


@pytest.mark.parametrize(
    "text", ["api.example.com:", "api.example.com:0", "api.example.com:65536", "api.example.com:x", ":443", "api.example.com:٤"]
)
def test_a_bad_port_is_refused(text: str) -> None:
    with pytest.raises(Wrong):
        host_and_port(text, default=443)


def test_a_block_with_bits_beyond_its_prefix_says_what_was_meant() -> None:
    with pytest.raises(Wrong) as caught:
        block("10.1.2.3/16")
    assert caught.value.nearest == "10.1.0.0/16"
