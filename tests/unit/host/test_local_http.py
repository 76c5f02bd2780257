"""An answer counts only when it is complete and says 200."""

import pytest

from bot_bottle.host.local_http import body_of, get


def test_body_of_a_complete_answer() -> None:
    assert body_of(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}") == b"{}"
    assert body_of(b"HTTP/1.1 200 OK\r\nServer: x\r\n\r\nuntil the end") == b"until the end"


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.0 200 OK\r\n",
        b"HTTP/1.0 404 Not Found\r\n\r\n{}",
        b"HTTP/1.0 2000 OK\r\n\r\n{}",
        b"HTTP/2 200\r\n\r\n{}",
        b"SSH-2.0-x\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    ],
)
def test_anything_else_is_no_answer(answer: bytes) -> None:
    assert body_of(answer) is None


@pytest.mark.parametrize("target", ["/a b", "/a\r\nX: y", "/ä"])
def test_target_cannot_add_to_the_request(target: str) -> None:
    assert get("/no/such/socket", target, timeout_s=1) is None
