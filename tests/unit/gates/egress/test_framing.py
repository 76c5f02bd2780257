"""Heads and bodies: what has one reading is read, whatever two servers could read differently is refused."""

import pytest

from bot_bottle.gates.egress.framing import (
    CHUNK_LINE_LIMIT,
    FIELDS_LIMIT,
    ChunkedBody,
    LengthBody,
    Malformed,
    UntilClosed,
    parse_request,
    parse_response,
    request_body,
    response_body,
)

HOST = b"Host: api.example.com\r\n"


def request(*lines: bytes, start: bytes = b"GET / HTTP/1.1", host: bytes = HOST) -> bytes:
    return start + b"\r\n" + host + b"".join(line + b"\r\n" for line in lines) + b"\r\n"


SMUGGLING = {
    "length and chunked": request(b"Content-Length: 5", b"Transfer-Encoding: chunked"),
    "chunked and length": request(b"Transfer-Encoding: chunked", b"Content-Length: 5"),
    "two lengths": request(b"Content-Length: 5", b"Content-Length: 6"),
    "the same length twice": request(b"Content-Length: 5", b"Content-Length: 5"),
    "a list of lengths": request(b"Content-Length: 5, 5"),
    "a signed length": request(b"Content-Length: +5"),
    "a negative length": request(b"Content-Length: -1"),
    "a length in hex": request(b"Content-Length: 0x5"),
    "a length with an underscore": request(b"Content-Length: 1_0"),
    "a length with a space inside": request(b"Content-Length: 1 0"),
    "an empty length": request(b"Content-Length:"),
    "a length past 2**53": request(b"Content-Length: 9999999999999999"),
    "digits of another script": request("Content-Length: ٥".encode()),
    "gzip then chunked": request(b"Transfer-Encoding: gzip, chunked"),
    "chunked twice": request(b"Transfer-Encoding: chunked, chunked"),
    "chunked on two lines": request(b"Transfer-Encoding: chunked", b"Transfer-Encoding: chunked"),
    "identity and chunked": request(b"Transfer-Encoding: identity", b"Transfer-Encoding: chunked"),
    "an unknown coding": request(b"Transfer-Encoding: xchunked"),
    "a coding with a parameter": request(b"Transfer-Encoding: chunked;q=1"),
    "a coding in quotes": request(b'Transfer-Encoding: "chunked"'),
    "an empty coding": request(b"Transfer-Encoding:"),
    "a vertical tab before the coding": request(b"Transfer-Encoding: \x0bchunked"),
    "a coding in HTTP/1.0": request(b"Transfer-Encoding: chunked", start=b"POST / HTTP/1.0"),
    "a space before the colon": request(b"Transfer-Encoding : chunked"),
    "a tab before the colon": request(b"Content-Length\t: 5"),
    "a space before the name": request(b" Content-Length: 5"),
    "a folded line": request(b"X-A: b\r\n Transfer-Encoding: chunked"),
    "a folded line with a tab": request(b"X-A: b\r\n\tc"),
    "a line without a colon": request(b"Content-Length 5"),
    "a bare line feed after the start": b"GET / HTTP/1.1\nHost: api.example.com\r\n\r\n",
    "a bare line feed between fields": request(b"X-A: b\nContent-Length: 5"),
    "a bare carriage return in a value": request(b"X-A: b\rContent-Length: 5"),
    "a carriage return before the name": request(b"\rContent-Length: 5"),
    "a NUL in a value": request(b"X-A: b\0c"),
    "a NUL in a name": request(b"X\0A: b"),
    "a control character in a value": request(b"X-A: \x01"),
    "a delete character in a value": request(b"X-A: \x7f"),
    "a name outside ASCII": request("X-Ä: b".encode("latin-1")),
    "an empty name": request(b": b"),
    "a name with a bracket": request(b"X(A): b"),
    "an underscored length": request(b"Content_Length: 5"),
    "an underscored coding": request(b"Transfer_Encoding: chunked"),
    "an underscored host": request(b"Host_: b", b"HOST-: c", b"Content_Length: 5"),
    "no host": request(host=b""),
    "two hosts": request(b"Host: other.example.com"),
    "two hosts in another case": request(b"hOsT: other.example.com"),
    "the host twice": request(b"Host: api.example.com"),
    "a trailer announced": request(b"Trailer: X-A", b"Transfer-Encoding: chunked"),
    "an unknown expectation": request(b"Expect: 200-ok"),
    "two expectations": request(b"Expect: 100-continue", b"Expect: 100-continue"),
    "two spaces in the start": request(start=b"GET  / HTTP/1.1"),
    "a tab in the start": request(start=b"GET\t/ HTTP/1.1"),
    "a space in the target": request(start=b"GET /a b HTTP/1.1"),
    "a blank after the version": request(start=b"GET / HTTP/1.1 "),
    "a version in lower case": request(start=b"GET / http/1.1"),
    "HTTP/0.9": request(start=b"GET /"),
    "HTTP/2.0": request(start=b"GET / HTTP/2.0"),
    "HTTP/1.2": request(start=b"GET / HTTP/1.2"),
    "HTTP/1.10": request(start=b"GET / HTTP/1.10"),
    "HTTP/01.1": request(start=b"GET / HTTP/01.1"),
    "the preface of HTTP/2": b"PRI * HTTP/2.0\r\n\r\n",
    "an empty line first": b"\r\n" + request(),
    "a method with a colon": request(start=b"GE:T / HTTP/1.1"),
    "a method of 40 letters": request(start=b"G" * 40 + b" / HTTP/1.1"),
    "a target outside ASCII": request(start="GET /ä HTTP/1.1".encode("latin-1")),
    "too many fields": request(*[b"X: y"] * (FIELDS_LIMIT + 1)),
    "two requests in one head": request() + request(),
    "no end": request()[:-2],
}


@pytest.mark.parametrize("head", SMUGGLING.values(), ids=SMUGGLING.keys())
def test_a_head_with_two_readings_is_refused(head: bytes) -> None:
    with pytest.raises(Malformed) as caught:
        parse_request(head)
    assert 400 <= caught.value.status <= 501
    assert caught.value.why.isprintable()


def test_a_plain_request_is_read() -> None:
    head = parse_request(request(b"X-A:  b c \t", b"Connection: keep-alive, X-A", b"Content-Length: 12"))
    assert (head.method, head.target, head.host, head.length, head.chunked) == ("GET", "/", "api.example.com", 12, False)
    assert head.fields[1] == ("X-A", "b c")
    assert head.options == {"keep-alive", "x-a"}
    assert head.has_body
    assert head.keeps_alive


@pytest.mark.parametrize(
    ("lines", "keeps"), [((), True), ((b"Connection: close",), False), ((b"Connection: Keep-Alive, CLOSE",), False)]
)
def test_the_client_says_whether_it_goes_on(lines: tuple[bytes, ...], keeps: bool) -> None:
    assert parse_request(request(*lines)).keeps_alive is keeps


def test_http_1_0_is_closed_whatever_it_asks_for() -> None:
    assert not parse_request(request(b"Connection: keep-alive", start=b"GET / HTTP/1.0")).keeps_alive


def test_an_old_connect_without_host_gets_its_authority() -> None:
    assert parse_request(b"CONNECT api.example.com:443 HTTP/1.0\r\n\r\n").host == "api.example.com:443"


def test_a_value_may_hold_octets_outside_ascii() -> None:
    assert parse_request(request("X-A: ü".encode())).fields[-1] == ("X-A", "Ã¼")


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_chunks_are_read_whatever_the_pieces(size: int) -> None:
    raw = b"5\r\nhello\r\nA\r\n, world!!!\r\n0\r\n\r\nGET /next"
    body, content = ChunkedBody(loose=False), b""
    rest = b""
    for start in range(0, len(raw), size):
        piece = raw[start : start + size]
        if body.done:
            rest += piece
            continue
        content += body.feed(piece)
    assert content == b"hello, world!!!"
    assert body.done
    assert body.rest + rest == b"GET /next"


BROKEN_CHUNKS = {
    "an extension": b"5;a=b\r\nhello\r\n0\r\n\r\n",
    "an extension with a line feed": b"5;\nhello\r\n0\r\n\r\n",
    "a space after the size": b"5 \r\nhello\r\n0\r\n\r\n",
    "a space before the size": b" 5\r\nhello\r\n0\r\n\r\n",
    "a hexadecimal prefix": b"0x5\r\nhello\r\n0\r\n\r\n",
    "a sign": b"+5\r\nhello\r\n0\r\n\r\n",
    "an underscore": b"1_0\r\nhello\r\n0\r\n\r\n",
    "no size": b"\r\nhello\r\n0\r\n\r\n",
    "a size past 2**48": b"1000000000000\r\n",
    "a bare line feed after the size": b"5\nhello\r\n0\r\n\r\n",
    "a chunk that is longer than it says": b"4\r\nhello\r\n0\r\n\r\n",
    "a bare line feed after the content": b"5\r\nhello\n0\r\n\r\n",
    "a carriage return without line feed": b"5\r\nhello\rX",
    "trailers": b"5\r\nhello\r\n0\r\nX-A: b\r\n\r\n",
    "a folded trailer": b"0\r\n X\r\n\r\n",
    "a size line without end": b"0" * (CHUNK_LINE_LIMIT + 1),
}


@pytest.mark.parametrize("raw", BROKEN_CHUNKS.values(), ids=BROKEN_CHUNKS.keys())
def test_chunks_of_a_request_have_one_reading(raw: bytes) -> None:
    body = ChunkedBody(loose=False)
    with pytest.raises(Malformed):
        body.feed(raw)


def test_a_servers_extensions_and_trailers_are_read_past() -> None:
    body = ChunkedBody(loose=True)
    assert body.feed(b"5 ;a=b\r\nhello\r\n0\r\nX-A: b\r\n\r\n") == b"hello"
    assert body.done
    assert not body.rest


def test_a_servers_trailers_are_bounded() -> None:
    body = ChunkedBody(loose=True)
    with pytest.raises(Malformed):
        body.feed(b"0\r\n" + b"X: " + b"y" * 1000 + b"\r\n" + (b"X: " + b"y" * 1000 + b"\r\n") * 9)


def test_a_body_of_a_known_length_stops_there() -> None:
    body = LengthBody(5)
    assert body.feed(b"hel") == b"hel"
    assert body.feed(b"lo GET /") == b"lo"
    assert body.done
    assert body.rest == b" GET /"


SPLIT_ANSWERS = {
    "length and chunked": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
    "a coding in HTTP/1.0": b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
    "gzip as a transfer coding": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
    "a bare line feed": b"HTTP/1.1 200 OK\r\nX-A: b\nSet-Cookie: c\r\n\r\n",
    "a NUL": b"HTTP/1.1 200 OK\r\nX-A: \0\r\n\r\n",
    "a status of two digits": b"HTTP/1.1 20 OK\r\n\r\n",
    "a status of 600": b"HTTP/1.1 600 OK\r\n\r\n",
    "HTTP/2": b"HTTP/2 200\r\n\r\n",
    "ICY": b"ICY 200 OK\r\n\r\n",
}


@pytest.mark.parametrize("head", SPLIT_ANSWERS.values(), ids=SPLIT_ANSWERS.keys())
def test_an_answer_with_two_readings_is_refused(head: bytes) -> None:
    with pytest.raises(Malformed):
        parse_response(head)


@pytest.mark.parametrize(
    ("head", "method", "kind"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "GET", LengthBody),
        (b"HTTP/1.1 200\r\nTransfer-Encoding: Chunked\r\n\r\n", "GET", ChunkedBody),
        (b"HTTP/1.1 200 OK\r\n\r\n", "GET", UntilClosed),
    ],
)
def test_an_answers_body_ends_as_its_head_says(head: bytes, method: str, kind: type) -> None:
    assert isinstance(response_body(parse_response(head), method), kind)


@pytest.mark.parametrize(
    ("head", "method"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "HEAD"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", "GET"),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", "GET"),
    ],
)
def test_some_answers_have_no_body_whatever_they_say(head: bytes, method: str) -> None:
    assert response_body(parse_response(head), method).done


def test_a_request_without_length_has_no_body() -> None:
    assert request_body(parse_request(request())).done
