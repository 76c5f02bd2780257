"""An answer counts only when it is complete; a question cannot be made to say more than it should."""

import socket

import pytest

from bot_bottle.host.local_http import ANSWER_LIMIT, Answer, Question, body_of, get, read_answer


def test_body_of_a_complete_answer() -> None:
    assert read_answer(b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}") == Answer(status=200, body=b"{}")
    assert read_answer(b"HTTP/1.1 404 No\r\nServer: x\r\n\r\nuntil the end") == Answer(status=404, body=b"until the end")


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.0 200 OK\r\n",
        b"HTTP/1.0 2000 OK\r\n\r\n{}",
        b"HTTP/2 200\r\n\r\n{}",
        b"SSH-2.0-x\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    ],
)
def test_anything_else_is_no_answer(answer: bytes) -> None:
    assert read_answer(answer) is None


def test_only_a_200_has_a_body_to_be_read() -> None:
    assert body_of(Answer(status=200, body=b"{}")) == b"{}"
    assert body_of(Answer(status=404, body=b"{}")) is None
    assert body_of(None) is None


@pytest.mark.parametrize("target", ["/a b", "/a\r\nX: y", "/ä"])
def test_target_cannot_add_to_the_request(target: str) -> None:
    assert get("/no/such/socket", target, timeout_s=1) is None


def test_an_answer_that_comes_in_parts_is_whole_at_its_end() -> None:
    ours, theirs = socket.socketpair()
    question = Question(ours)
    assert not question.take()
    theirs.sendall(b"HTTP/1.0 200 OK\r\n")
    assert not question.take()
    theirs.sendall(b"\r\n{}")
    theirs.close()
    assert question.answer(timeout_s=5) == Answer(status=200, body=b"{}")
    assert question.fileno() == -1


def test_a_late_answer_is_none_and_the_question_is_closed() -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        question = Question(ours)
        theirs.sendall(b"HTTP/1.0 200 OK\r\n\r\n{}")
        assert question.answer(timeout_s=0.01) is None
        assert question.fileno() == -1


def test_an_endless_answer_is_cut() -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        theirs.setblocking(False)
        question = Question(ours)
        sent = 0
        while not question.take():
            sent += theirs.send(bytes(1 << 16))
        assert sent <= ANSWER_LIMIT + (1 << 20)
        assert question.answer(timeout_s=1) is None
