"""Questions over HTTP to a service behind a Unix socket, where starting its client would take twenty times as long.

HTTP/1.0 (RFC 1945), so that the answer is everything until the end of the connection. What is sent and what is read may be apart:
a caller may do something else meanwhile, or wait for several answers.
"""

import json
import socket
import time
from collections.abc import Mapping
from typing import Any

from bot_bottle.record import dataclass

ANSWER_LIMIT = 4 * 1024 * 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """A complete answer."""

    status: int
    body: bytes


class Question:
    """One that was sent. Its owner reads the answer, or closes it."""

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._read = bytearray()
        self._has_ended = False

    def fileno(self) -> int:
        """Readable when there is more of the answer; for a selector. Call `take` then."""
        return self._channel.fileno()

    def take(self, *, timeout_s: float = 0.0) -> bool:
        """Read what is there, waiting for it at most so long; whether that was the end: of the answer, or of the service."""
        deadline = time.monotonic() + timeout_s
        while not self._has_ended:
            self._channel.settimeout(max(0.0, deadline - time.monotonic()))
            try:
                part = self._channel.recv(1 << 16)
            except (BlockingIOError, TimeoutError):
                return False
            except OSError:
                part = b""
            self._read += part
            self._has_ended = not part or len(self._read) > ANSWER_LIMIT
        return True

    def answer(self, *, timeout_s: float) -> Answer | None:
        """The answer, and the question is closed; None when it is cut, late, over 4 MiB, or no HTTP."""
        try:
            return read_answer(bytes(self._read)) if self.take(timeout_s=timeout_s) else None
        finally:
            self.close()

    def taken(self) -> bytes:
        """All that was read so far, its head included: of a service that answers with a stream."""
        return bytes(self._read)

    def close(self) -> None:
        """Let go of it; a second time does nothing."""
        self._channel.close()


def ask(
    path: str, target: str, *, timeout_s: float, method: str = "GET", said: Mapping[str, Any] | None = None
) -> Question | None:  # Any: JSON
    """Send a question, with a body in JSON where something is `said`; None when it cannot be sent within this time."""
    if not target.isascii() or any(letter.isspace() for letter in target):
        return None
    body = b"" if said is None else json.dumps(said).encode()
    fields = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n" if method != "GET" else ""
    head = f"{method} {target} HTTP/1.0\r\nHost: localhost\r\nAccept: application/json\r\n{fields}\r\n"
    channel = socket.socket(socket.AF_UNIX)
    try:
        channel.settimeout(timeout_s)
        channel.connect(path)
        channel.sendall(head.encode() + body)
    except OSError:
        channel.close()
        return None
    return Question(channel)


def get(path: str, target: str, *, timeout_s: float) -> bytes | None:
    """The body of a 200 answer; None for anything else. It says nothing of failures: the service's own client explains them."""
    question = ask(path, target, timeout_s=timeout_s)
    return None if question is None else body_of(question.answer(timeout_s=timeout_s))


def body_of(answer: Answer | None) -> bytes | None:
    """The body, where the answer says that all is well. Pure."""
    return answer.body if answer is not None and answer.status == 200 else None


def read_answer(read: bytes) -> Answer | None:
    """What the bytes of a whole connection say; None when they are cut, or no HTTP. Pure."""
    head, blank, body = read.partition(b"\r\n\r\n")
    first, *fields = head.split(b"\r\n")
    words = first.split(b" ", 2)
    if not blank or len(words) < 2 or not words[0].startswith(b"HTTP/1.") or len(words[1]) != 3 or not words[1].isdigit():
        return None
    named = {name.strip().lower(): value.strip() for name, _, value in (field.partition(b":") for field in fields)}
    if b"transfer-encoding" in named or named.get(b"content-length", str(len(body)).encode()) != str(len(body)).encode():
        return None
    return Answer(status=int(words[1]), body=body)
