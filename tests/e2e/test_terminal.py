"""The real Claude Code draws its own screen through `bot-bottle run`, survives a detach, and comes back on attach."""

import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import termios
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import standin
from scene import Operator, Stage

SCRIPT: list[standin.Step] = [{"say": "I look around.", "run": "pwd"}, {"say": "Nothing-left-to-do."}]
WAIT_S = 60.0
DETACH = b"\x10\x11"
"""Ctrl-P Ctrl-Q, as docker has it."""


class Terminal:
    """A terminal of 40 rows and 120 columns with one program on it, and somebody who reads and types."""

    def __init__(self, operator: Operator, *arguments: str, **variables: str) -> None:
        environment, command = operator.env(**variables), operator.command(*arguments)
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.chdir(operator.home)
            os.execvpe(command[0], command, environment)
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 120, 0, 0))
        self.raw = b""

    def type(self, keys: bytes) -> None:
        """Press keys."""
        os.write(self.fd, keys)

    def text(self) -> str:
        """All that was drawn so far, without blanks and escape sequences: what a screen shows, but for the layout."""
        text = re.sub(r"\x1b\][^\x07\x1b]*(\x07|\x1b\\)|\x1b\[[0-9;?<>=]*[a-zA-Z]|\x1b.", "", self.raw.decode(errors="replace"))
        return re.sub(r"\s+", "", text)

    def wait_for(self, words: str) -> None:
        """Read until these words were drawn."""
        deadline = time.monotonic() + WAIT_S
        while words.replace(" ", "") not in self.text():
            assert time.monotonic() < deadline, f"{words!r} never came: {self.text()[-2000:]}"
            assert self.read() or words.replace(" ", "") in self.text(), f"it ended before {words!r} came: {self.text()[-2000:]}"

    def read(self) -> bool:
        """Take what there is, answering the questions that TUIs ask a terminal; False at the end."""
        ready, _, _ = select.select([self.fd], [], [], 1.0)
        if not ready:
            return True
        try:
            part = os.read(self.fd, 1 << 16)
        except OSError:  # EIO: the program has ended (pty(7))
            return False
        self.raw += part
        if b"\x1b[6n" in part:
            self.type(b"\x1b[1;1R")
        if b"\x1b[c" in part:
            self.type(b"\x1b[?62;22c")
        return bool(part)

    def exit_code(self) -> int:
        """Read to the end; the program's exit code."""
        deadline = time.monotonic() + WAIT_S
        while self.read():
            assert time.monotonic() < deadline, f"it never ended: {self.text()[-2000:]}"
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    def leave(self) -> int:
        """Press Ctrl-C twice, as a user does, and again whenever nothing comes of it; the program's exit code."""
        deadline = time.monotonic() + WAIT_S
        ends = False
        while not ends:
            assert time.monotonic() < deadline, f"it never ended: {self.text()[-2000:]}"
            self.type(b"\x03\x03")
            pause = time.monotonic() + 3.0
            while not ends and time.monotonic() < pause:
                ends = not self.read()
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    def kill(self) -> None:
        """The terminal is closed under the program."""
        os.kill(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.fd)


def run_arguments(scene: Stage, agent: str = "claude") -> tuple[str, ...]:
    """`bot-bottle run AGENT` against the stand-in."""
    connect = {f"{host}:443": scene.model.address for host in standin.HOSTS}
    path: Path = scene.folder / "bottle.yaml"
    path.write_text(json.dumps({"egress": {"upstream": {"connect": connect, "ca": [str(scene.model.ca_file)]}}}))
    path.chmod(0o644)
    return ("run", agent, "-q", "-f", str(path), "-w", str(scene.repository), "--name", "tui")


@pytest.mark.slow
def test_claudes_own_screen_comes_up_detaches_and_comes_back(stage: Callable[[list[standin.Step]], Stage]) -> None:
    scene = stage(SCRIPT)
    operator = scene.operator
    first = Terminal(operator, *run_arguments(scene), ANTHROPIC_API_KEY=scene.key)
    first.wait_for("bypass permissions on")
    first.type(b"hello")
    first.wait_for("hello")
    first.type(b"\r")
    first.wait_for("Nothing-left-to-do.")
    first.type(DETACH)
    assert first.exit_code() == 0
    assert "tui" in operator.bot_bottle("ls").stdout

    second = Terminal(operator, "attach", "tui")
    second.wait_for("Nothing-left-to-do.")
    assert second.leave() == 0, second.raw[-3000:]
    assert "tui" not in operator.bot_bottle("ls").stdout


@pytest.mark.slow
def test_a_closed_terminal_does_not_end_the_agent(stage: Callable[[list[standin.Step]], Stage]) -> None:
    scene = stage(SCRIPT)
    operator = scene.operator
    first = Terminal(operator, *run_arguments(scene), ANTHROPIC_API_KEY=scene.key)
    first.wait_for("bypass permissions on")
    first.kill()
    second = Terminal(operator, "attach", "tui")
    second.wait_for("bypass permissions on")
    second.type(b"hello")
    second.wait_for("hello")
    second.type(b"\r")
    second.wait_for("Nothing-left-to-do.")
    assert operator.bot_bottle("stop", "tui").returncode == 0
    second.exit_code()


@pytest.mark.slow
def test_codexs_own_screen_comes_up_and_works(stage: Callable[[list[standin.Step]], Stage]) -> None:
    scene = stage(SCRIPT)
    screen = Terminal(scene.operator, *run_arguments(scene, "codex"), OPENAI_API_KEY=scene.key)
    screen.wait_for("Ask Codex to do anything")
    screen.type(b"hello")
    screen.wait_for("hello")
    screen.type(b"\r")
    screen.wait_for("Nothing-left-to-do.")
    assert screen.leave() == 0
