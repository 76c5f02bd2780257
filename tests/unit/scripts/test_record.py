"""The recorder draws what a terminal was sent, all of it and nothing else, and refuses what it does not understand."""

from pathlib import Path
from xml.etree import ElementTree

import pytest
from own_scripts import load_script

ROOT = Path(__file__).resolve().parents[3]


RECORD = load_script("record")


def words(picture: str) -> str:
    return "\n".join(
        "".join(node.itertext()) for node in ElementTree.fromstring(picture).iter("{http://www.w3.org/2000/svg}text")
    )


def test_every_line_is_drawn_as_text_and_never_as_markup() -> None:
    moments = [(0.1, b"one <script>&amp;\r\n"), (0.2, b"\x1b[2mdim\x1b[0m and \x1b[1;31mred\x1b[0m\r\n")]
    shown = words(RECORD.svg("./try", RECORD.lines(moments)))
    assert shown == "$ ./try\none <script>&amp;\ndim and red"


def test_a_style_holds_until_it_is_ended() -> None:
    (line,) = RECORD.lines([(0.0, b"a\x1b[1mb\x1b[2mc\x1b[22md\x1b[33me\x1b[39mf\r\n")])
    assert [(text, style.bold, style.dim, style.colour) for text, style in line.pieces] == [
        ("a", False, False, 0),
        ("b", True, False, 0),
        ("c", True, True, 0),
        ("d", False, False, 0),
        ("e", False, False, 33),
        ("f", False, False, 0),
    ]


@pytest.mark.parametrize("sent", [b"\x1b[2J", b"\x1b[10;10H", b"\x07", b"\x1b]0;title\x07", b"\x1b[7m", b"\x1b[5A"])
def test_what_is_not_understood_is_an_error(sent: bytes) -> None:
    with pytest.raises(ValueError, match="not drawn"):
        RECORD.lines([(0.0, sent)])


def test_a_long_line_is_wrapped_as_a_terminal_wraps_it() -> None:
    found = RECORD.lines([(0.0, b"x" * (RECORD.COLUMNS + 3) + b"\r\n")])
    assert [sum(len(text) for text, _ in line.pieces) for line in found] == [RECORD.COLUMNS, 3]


def test_long_waits_are_cut_and_no_line_comes_too_soon_to_read() -> None:
    moments = [(100.0, b"a\r\nb\r\n"), (100.5, b"c\r\n"), (900.0, b"d\r\n")]
    times = [line.at for line in RECORD.readable(RECORD.lines(RECORD.paced(moments)))]
    assert times == pytest.approx([1.6, 1.6 + RECORD.READING_S, 2.1, 3.7])


def test_the_end_is_what_shows_without_animation() -> None:
    picture = RECORD.svg("x", RECORD.lines([(0.0, b"".join(b"%d\r\n" % number for number in range(100)))]))
    assert f"transform:translateY(-{(101 - RECORD.ROWS) * RECORD.LINE:.0f}px)" in picture
    assert "prefers-reduced-motion" in picture


def test_the_picture_in_the_readme_is_of_todays_demo() -> None:
    shown = words((ROOT / "docs" / "images" / "demo.svg").read_text())
    demo = (ROOT / "examples" / "demo" / "demo.py").read_text()
    headings = [line.split('"')[1] for line in demo.splitlines() if line.strip().startswith('heading("')]
    assert len(headings) == 3
    for heading in headings:
        assert f"== {heading}" in shown, "run: python scripts/record.py"
    assert "7 of 7 model calls" in shown
