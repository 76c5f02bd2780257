"""The client hello: the name that real clients send is found; a lie about a length never is."""

import contextlib
import ssl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot_bottle.gates.egress.hello import HELLO_LIMIT, Hello, NotTls, parse_hello


def real_hello(name: str | None, *, protocols: tuple[str, ...] = ("http/1.1",)) -> bytes:
    """What OpenSSL sends."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if protocols:
        context.set_alpn_protocols(list(protocols))
    sent = ssl.MemoryBIO()
    connection = context.wrap_bio(ssl.MemoryBIO(), sent, server_hostname=name)
    with pytest.raises(ssl.SSLWantReadError):
        connection.do_handshake()
    return sent.read()


def vector(width: int, content: bytes) -> bytes:
    return len(content).to_bytes(width, "big") + content


def made_hello(extensions: bytes, *, kind: int = 1) -> bytes:
    """A hello with exactly these extensions, in one record."""
    body = b"\x03\x03" + bytes(32) + vector(1, b"") + vector(2, b"\x13\x01") + vector(1, b"\0") + vector(2, extensions)
    message = bytes([kind]) + len(body).to_bytes(3, "big") + body
    return b"\x16\x03\x01" + vector(2, message)


def server_name(*names: bytes, kind: int = 0) -> bytes:
    return b"\0\0" + vector(2, vector(2, b"".join(bytes([kind]) + vector(2, name) for name in names)))


@pytest.mark.parametrize("name", ["api.example.com", "a.b", "x" * 63 + ".example.com", None])
def test_the_name_that_openssl_sends_is_found(name: str | None) -> None:
    assert parse_hello(real_hello(name)) == Hello(server_name=name, protocols=("http/1.1",))


def test_the_protocols_are_found() -> None:
    hello = parse_hello(real_hello("api.example.com", protocols=("h2", "http/1.1")))
    assert hello is not None
    assert hello.protocols == ("h2", "http/1.1")


def test_a_hello_is_awaited_byte_by_byte() -> None:
    raw = real_hello("api.example.com")
    assert all(parse_hello(raw[:size]) is None for size in range(len(raw)))
    assert parse_hello(raw) is not None


def test_a_hello_in_many_records_is_put_together() -> None:
    raw = real_hello("api.example.com")
    message = raw[5:]
    records = b"".join(b"\x16\x03\x01" + vector(2, message[at : at + 100]) for at in range(0, len(message), 100))
    assert parse_hello(records) == parse_hello(raw)


REFUSED = {
    "HTTP": b"GET / HTTP/1.1\r\n\r\n",
    "SSH": b"SSH-2.0-x\r\n",
    "SSLv2": b"\x80\x2e\x01\x03\x01",
    "an alert": b"\x15\x03\x01\0\x02\x02\x28",
    "application data": b"\x17\x03\x03\0\x01x",
    "version 2": b"\x16\x02\x00\0\x05abcde",
    "an empty record": b"\x16\x03\x01\0\0",
    "a record that is too large": b"\x16\x03\x01\x40\x01",
    "a server hello": made_hello(b"", kind=2),
    "a hello that is too large": b"\x16\x03\x01" + vector(2, b"\x01\xff\xff\xff" + bytes(100)),
    "two names": made_hello(server_name(b"a.example.com", b"b.example.com")),
    "a name of another kind": made_hello(server_name(b"a.example.com", kind=1)),
    "the extension twice": made_hello(server_name(b"a.example.com") * 2),
    "a name past its end": made_hello(b"\0\0" + vector(2, vector(2, b"\0\0\xffabc"))),
    "an extension past the end": made_hello(b"\0\0\xff\xff"),
    "a name outside ASCII": made_hello(server_name(b"\xff.example.com")),
    "bytes after the name": made_hello(b"\0\0" + vector(2, vector(2, b"\0" + vector(2, b"a.example.com")) + b"x")),
    "a hello without end": b"\x16\x03\x01\x00\x01\x01" * (HELLO_LIMIT // 6 + 2),
}


@pytest.mark.parametrize("raw", REFUSED.values(), ids=REFUSED.keys())
def test_what_is_no_hello_is_refused(raw: bytes) -> None:
    with pytest.raises(NotTls):
        parse_hello(raw)


@given(st.binary(max_size=600))
def test_any_bytes_after_a_record_header_are_a_hello_or_refused(content: bytes) -> None:
    for raw in (content, b"\x16\x03\x01" + vector(2, b"\x01" + vector(3, content))):
        with contextlib.suppress(NotTls):
            parse_hello(raw)
