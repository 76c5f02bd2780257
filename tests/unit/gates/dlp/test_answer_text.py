"""Reading an answer for orders takes no byte of it away."""

from types import SimpleNamespace
from typing import Any

import pytest

from bot_bottle.gates.dlp.inspection import ANSWER, AnswerText

EVENT = b'data: {"text": "hi"}\n\n'


def reading(kind: str, injection: str) -> tuple[AnswerText, list[bytes]]:
    """An answer of this kind, and the texts that were read."""
    read: list[bytes] = []

    def note(text: bytes) -> bytes:
        read.append(text)
        return text

    exchange: Any = SimpleNamespace(_gate=SimpleNamespace(settings=SimpleNamespace(injection=injection)), read_answer=note)
    answer = AnswerText(exchange)
    answer.begin([("Content-Type", kind)])
    return answer, read


@pytest.mark.parametrize("injection", ["warn", "redact", "block"])
@pytest.mark.parametrize(
    ("kind", "parts"),
    [
        ("text/event-stream", [EVENT, EVENT[:5], EVENT[5:], EVENT]),
        ("text/html", [b"a" * ANSWER, b"b", b"c"]),
        ("image/png", [b"\x89PNG", b"x"]),
        ("application/json", [b"{", b"}"]),
    ],
)
def test_every_byte_of_an_answer_goes_on_in_order(kind: str, parts: list[bytes], injection: str) -> None:
    answer, _ = reading(kind, injection)
    assert b"".join([*(answer.take(part) for part in parts), answer.end()]) == b"".join(parts)


def test_a_stream_is_read_event_by_event_and_not_held() -> None:
    answer, read = reading("text/event-stream", "warn")
    assert answer.take(EVENT) == EVENT
    assert read == [EVENT]
