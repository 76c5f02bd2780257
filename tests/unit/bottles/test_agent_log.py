"""The agent's terminal output as lines that cannot steer a screen."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot_bottle.bottles.agent_log import lines_of


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        (b"a\r\nb", ("a", "b")),
        (b"\x1b[1;31mred\x1b[0m", ("red",)),
        (b"\x1b]0;a title\x07text", ("text",)),
        (b"\x1b]8;;https://evil.example\x1b\\link\x1b]8;;\x1b\\", ("link",)),
        (b"\x1bPq#0\x1b\\after", ("after",)),
        (b"10%\r50%\r100%", ("100%",)),
        (b"done\r", ("done",)),
        (b"\x1b(B\x1b7x", ("x",)),
        ("\u202eabc".encode(), ("\\u202eabc",)),
        (b"\xff\xfe", ("\ufffd\ufffd",)),
        (b"\x1b[", ("\\x1b[",)),
        (b"a\tb", ("a   b",)),
    ],
)
def test_only_the_words_are_left(data: bytes, lines: tuple[str, ...]) -> None:
    assert lines_of(data) == lines


@given(st.binary(max_size=500))
def test_any_bytes_become_printable_lines(data: bytes) -> None:
    assert all(line.isprintable() for line in lines_of(data))


def test_a_flood_of_broken_sequences_takes_no_time() -> None:
    assert len(lines_of(b"\x1b[" + b"0;" * 100_000)[0]) <= 2000
