"""Records a command on a terminal of its own and draws it as an SVG that plays: .venv/bin/python scripts/record.py

Without arguments: the demo of `./try`, into docs/images/demo.svg. What is drawn is what was printed; no line comes sooner than
it can be read, and long waits are cut. Only text, line ends and colours are understood; anything else is an error, never a wrong
picture.
"""

import argparse
import fcntl
import html
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DEMO = (sys.executable, str(ROOT / "examples" / "demo" / "demo.py"))
COLUMNS, ROWS = 112, 30
LONGEST_WAIT_S = 1.6
READING_S = 0.19
"""The least time between two lines."""
HOLD_S = 6.0
FRAME_S = 0.05
CELL, LINE, EDGE = 7.25, 17.0, 14.0
TOKEN = re.compile(r"\x1b\[([0-9;]*)m|(\r\n|\n|\r)|([^\x00-\x1f\x7f-\x9f]+)|(\t)")
COLOURS = {31: "#f07178", 32: "#a5d672", 33: "#ffcb6b", 34: "#82aaff", 35: "#c792ea", 36: "#7fdbca"}

Moment = tuple[float, bytes]


@dataclass(frozen=True)
class Style:
    """How a piece of text is drawn."""

    bold: bool = False
    dim: bool = False
    colour: int = 0

    def after(self, code: int) -> "Style":
        """The style after one number of an SGR sequence (ECMA-48, 8.3.117)."""
        changes: dict[int, dict[str, bool | int]] = {1: {"bold": True}, 2: {"dim": True}, 22: {"bold": False, "dim": False}}
        if code == 0:
            return Style()
        if code in changes:
            return Style(**{**self.__dict__, **changes[code]})
        if code in COLOURS or code == 39:
            return Style(bold=self.bold, dim=self.dim, colour=code if code in COLOURS else 0)
        raise ValueError(f"the terminal was sent a style that is not drawn: {code}")


Piece = tuple[str, Style]


@dataclass(frozen=True)
class Line:
    """One line of the screen, and when it was whole."""

    at: float
    pieces: tuple[Piece, ...]


def record(argv: tuple[str, ...]) -> tuple[list[Moment], int]:
    """Run it on a terminal; what it printed, when, and its exit code."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
    env = os.environ | {"TERM": "xterm-256color", "COLUMNS": str(COLUMNS), "LINES": str(ROWS)}
    began = time.monotonic()
    moments: list[Moment] = []
    with subprocess.Popen(argv, stdin=theirs, stdout=theirs, stderr=theirs, env=env, cwd=ROOT, start_new_session=True) as running:
        os.close(theirs)
        while True:
            ready, _, _ = select.select([ours], [], [], 300)
            try:
                part = os.read(ours, 1 << 16) if ready else b""
            except OSError:  # the last program on the terminal is gone (pty(7))
                part = b""
            if not part:
                break
            moments.append((time.monotonic() - began, part))
        os.close(ours)
        return moments, running.wait(60)


def paced(moments: list[Moment]) -> list[Moment]:
    """The same with no wait longer than `LONGEST_WAIT_S`."""
    found: list[Moment] = []
    before = now = 0.0
    for at, part in moments:
        now += min(at - before, LONGEST_WAIT_S)
        before = at
        found.append((now, part))
    return found


def lines(moments: list[Moment]) -> list[Line]:
    """The lines of the terminal, wrapped as a terminal wraps them."""
    content = b"".join(part for _, part in moments).decode()
    times = [at for at, part in moments for _ in part.decode()]
    found: list[Line] = []
    row: list[Piece] = []
    style = Style()
    place = 0
    while place < len(content):
        match = TOKEN.match(content, place)
        if match is None:
            raise ValueError(f"the terminal was sent what is not drawn: {content[place : place + 20]!r}")
        codes, end, text, tab = match.groups()
        if codes is not None:
            for code in codes.split(";"):
                style = style.after(int(code or 0))
        elif end in ("\n", "\r\n"):
            found.append(Line(times[match.end() - 1], tuple(row)))
            row = []
        elif text or tab:
            row = row_after(row, (text or "    ", style), times[place], found)
        place = match.end()
    return [*found, Line(times[-1], tuple(row))] if row else found


def readable(shown: list[Line]) -> list[Line]:
    """The same lines, each at least `READING_S` after the one before."""
    found: list[Line] = []
    for line in shown:
        found.append(Line(max(line.at, found[-1].at + READING_S) if found else line.at, line.pieces))
    return found


def row_after(row: list[Piece], piece: Piece, at: float, found: list[Line]) -> list[Piece]:
    """The open line with this piece; lines that are full go to `found`."""
    text, style = piece
    while text:
        room = COLUMNS - sum(len(one) for one, _ in row)
        if room == 0:
            found.append(Line(at, tuple(row)))
            row, room = [], COLUMNS
        row = [*row, (text[:room], style)]
        text = text[room:]
    return row


def svg(typed: str, shown: list[Line]) -> str:
    """The whole picture. Where animation is off, it shows the end."""
    every = [Line(0.0, (("$ ", Style(dim=True)), (typed, Style(bold=True)))), *(Line(one.at + 1.2, one.pieces) for one in shown)]
    length = every[-1].at + HOLD_S
    width, height = 2 * EDGE + COLUMNS * CELL, 2 * EDGE + ROWS * LINE
    frames = list(grouped(every))
    rules = [
        f"@keyframes f{number}{{0%{{opacity:0}}{100 * at / length:.2f}%{{opacity:1}}}}" for number, (at, _) in enumerate(frames)
    ]
    groups = [
        f'<g class="f" style="animation-name:f{number}">{"".join(drawn(index, every[index]) for index in indexes)}</g>'
        for number, (_, indexes) in enumerate(frames)
    ]
    last = max(0, len(every) - ROWS)
    size = f'viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}" height="{height:.0f}"'
    return f"""<svg xmlns="http://www.w3.org/2000/svg" {size} role="img">
<title>{html.escape(typed)}</title>
<style>
text{{font:12px ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;fill:#d7dce5;white-space:pre}}
.d{{opacity:.6}}.b{{font-weight:700}}
.f,.s{{animation-duration:{length:.1f}s;animation-iteration-count:infinite;animation-timing-function:step-end}}
.s{{animation-name:s;transform:translateY({-last * LINE:.0f}px)}}
@keyframes s{{{scrolled(every, length)}}}
{"".join(rules)}
@media (prefers-reduced-motion:reduce){{.f,.s{{animation:none}}}}
</style>
<rect width="100%" height="100%" rx="8" fill="#12161d"/>
<svg x="{EDGE}" y="{EDGE}" width="{COLUMNS * CELL:.0f}" height="{ROWS * LINE:.0f}"><g class="s">
{chr(10).join(groups)}
</g></svg>
</svg>
"""


def grouped(every: list[Line]) -> Iterator[tuple[float, list[int]]]:
    """Lines that appear within one frame, together."""
    at, held = every[0].at, [0]
    for index in range(1, len(every)):
        if every[index].at - at > FRAME_S:
            yield at, held
            at, held = every[index].at, []
        held.append(index)
    yield at, held


def scrolled(every: list[Line], length: float) -> str:
    """How far the screen has moved, at each line that needs it."""
    steps = ["0%{transform:translateY(0)}"]
    for index, line in enumerate(every):
        if index >= ROWS:
            steps.append(f"{100 * line.at / length:.2f}%{{transform:translateY({-(index - ROWS + 1) * LINE:.0f}px)}}")
    return "".join(steps)


def drawn(index: int, line: Line) -> str:
    """One line of text."""
    parts = []
    for text, style in line.pieces:
        classes = " ".join(name for name, on in (("d", style.dim), ("b", style.bold)) if on)
        marks = (f' class="{classes}"' if classes else "") + (f' fill="{COLOURS[style.colour]}"' if style.colour else "")
        parts.append(f"<tspan{marks}>{html.escape(text)}</tspan>" if marks else html.escape(text))
    return f'<text y="{index * LINE + 12.5:.1f}">{"".join(parts)}</text>' if parts else ""


def main() -> int:
    """Record, draw, write."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--typed", default="./try", help="what is shown as typed")
    options.add_argument("--to", type=Path, default=ROOT / "docs" / "images" / "demo.svg")
    options.add_argument("command", nargs="*", default=DEMO)
    asked = options.parse_args()
    moments, code = record(tuple(asked.command))
    if code != 0:
        sys.stderr.buffer.write(b"".join(part for _, part in moments))
        return code
    asked.to.write_text(svg(asked.typed, readable(lines(paced(moments)))))
    print(f"{asked.to}: {asked.to.stat().st_size // 1024} KiB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
