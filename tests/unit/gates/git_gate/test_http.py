"""The reader of requests: one meaning or none."""

import asyncio
import gzip
from collections.abc import Coroutine
from typing import TypeVar

import pytest

from bot_bottle.gates.git_gate.http import BadRequest, Body, Gone, Head, parse_head

GET = b"GET /x HTTP/1.1\r\nHost: a"
T = TypeVar("T")


def run(work: Coroutine[None, None, T]) -> T:
    return asyncio.run(work)


def body_of(headers: dict[str, str], content: bytes, *, limit: int = 1000) -> bytes:
    async def read() -> bytes:
        reader = asyncio.StreamReader()
        reader.feed_data(content)
        reader.feed_eof()
        body = Body(Head(method="POST", target="/", headers={"host": "a", **headers}), reader, limit=limit)
        found = b""
        while part := await body.some():
            found += part
        assert body.is_over
        return found

    return run(read())


def test_a_head_is_read() -> None:
    head = parse_head(GET + b"\r\nGit-Protocol: version=2")
    assert (head.method, head.target, head.headers["git-protocol"]) == ("GET", "/x", "version=2")


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"GET /x",
        b"GET /x HTTP/1.0\r\nHost: a",
        b"GET /x HTTP/2.0\r\nHost: a",
        b"GET  /x HTTP/1.1\r\nHost: a",
        b"get /x HTTP/1.1\r\nHost: a",
        b"GET /x\x00 HTTP/1.1\r\nHost: a",
        "GET /ü HTTP/1.1\r\nHost: a".encode(),
        b"GET /x HTTP/1.1",
        GET + b"\r\nHost: b",
        GET + b"\r\n folded",
        GET + b"\r\nno colon",
        GET + b"\r\nname : value",
        GET + b"\r\nname: a\x00b",
        GET + b"\r\nname: a\nb",
        GET + b"\r\nContent-Length: 1\r\ncontent-length: 1",
    ],
)
def test_a_head_with_two_readings_is_refused(content: bytes) -> None:
    with pytest.raises(BadRequest):
        parse_head(content)


def test_a_body_of_a_length_is_read() -> None:
    assert body_of({"content-length": "3"}, b"abc") == b"abc"


def test_a_body_in_chunks_is_read() -> None:
    assert body_of({"transfer-encoding": "chunked"}, b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n") == b"abcde"


def test_a_compressed_body_is_undone() -> None:
    packed = gzip.compress(b"want" * 20)
    assert body_of({"content-length": str(len(packed)), "content-encoding": "gzip"}, packed) == b"want" * 20


@pytest.mark.parametrize(
    ("headers", "content"),
    [
        ({"content-length": "3", "transfer-encoding": "chunked"}, b"3\r\nabc\r\n0\r\n\r\n"),
        ({"transfer-encoding": "gzip, chunked"}, b"0\r\n\r\n"),
        ({"content-length": "+3"}, b"abc"),
        ({"content-length": "3, 3"}, b"abc"),
        ({"content-length": "-1"}, b""),
        ({"transfer-encoding": "chunked"}, b"x\r\nabc\r\n0\r\n\r\n"),
        ({"transfer-encoding": "chunked"}, b"3\r\nabcd\r\n0\r\n\r\n"),
        ({"transfer-encoding": "chunked"}, b"0x3\r\nabc\r\n0\r\n\r\n"),
        ({"transfer-encoding": "chunked"}, b"-3\r\nabc\r\n0\r\n\r\n"),
        ({"transfer-encoding": "chunked"}, b"ffffffffff\r\nabc"),
        ({"transfer-encoding": "chunked"}, b"3\r\nabc\r\n0\r\nTrailer: x\r\n\r\n"),
        ({"content-length": "3", "content-encoding": "br"}, b"abc"),
        ({"content-length": "3", "content-encoding": "gzip"}, b"abc"),
        ({"content-length": "20", "content-encoding": "gzip"}, gzip.compress(b"a" * 99)[:20]),
    ],
)
def test_a_body_with_two_readings_is_refused(headers: dict[str, str], content: bytes) -> None:
    with pytest.raises(BadRequest):
        body_of(headers, content)


def test_a_body_that_ends_early_is_gone() -> None:
    with pytest.raises(Gone):
        body_of({"content-length": "5"}, b"abc")


@pytest.mark.parametrize("size", [1001, 5_000_000])
def test_a_body_over_its_limit_is_refused(size: int) -> None:
    with pytest.raises(BadRequest) as caught:
        body_of({"content-length": str(size)}, b"x" * size)
    assert caught.value.status == 413


def test_a_bomb_is_refused_before_it_is_whole() -> None:
    packed = gzip.compress(b"\0" * 50_000_000)
    with pytest.raises(BadRequest) as caught:
        body_of({"content-length": str(len(packed)), "content-encoding": "gzip"}, packed)
    assert caught.value.status == 413


def test_something_behind_a_compressed_body_is_refused() -> None:
    packed = gzip.compress(b"a") + b"more"
    with pytest.raises(BadRequest):
        body_of({"content-length": str(len(packed)), "content-encoding": "gzip"}, packed)
