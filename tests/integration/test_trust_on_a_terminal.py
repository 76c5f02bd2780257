"""`bot-bottle trust` with an operator at a real terminal: only a typed yes is a yes."""

import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest

from bot_bottle.errors import ExitCode

WAIT_S = 60.0


def answered(folder: Path, answer: bytes) -> tuple[int, str]:
    """Type `answer` when asked; the exit code and all that the terminal showed."""
    env = {
        "HOME": str(folder / "home"),
        "PATH": os.environ["PATH"],
        "PYTHONPATH": ":".join(sys.path),
        "XDG_STATE_HOME": str(folder / "state"),
        "TERM": "xterm",
    }
    operator, terminal = pty.openpty()
    command = [sys.executable, "-m", "bot_bottle", "trust", str(folder / "project")]
    with subprocess.Popen(command, env=env, stdin=terminal, stdout=terminal, stderr=terminal, start_new_session=True) as running:
        os.close(terminal)
        shown, typed, deadline = b"", False, time.monotonic() + WAIT_S
        while time.monotonic() < deadline:
            if not select.select([operator], [], [], 0.1)[0]:
                continue
            try:
                piece = os.read(operator, 65536)
            except OSError:  # Linux says EIO when the last holder of the terminal has gone
                break
            shown += piece
            if not typed and b"[y/N]" in shown:
                os.write(operator, answer)
                typed = True
        os.close(operator)
        return running.wait(WAIT_S), shown.decode()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "bottle.yaml").write_text('agent: codex\nprompt: "hidden\\ttab" # \u202e\n')
    return tmp_path


@pytest.mark.parametrize("answer", [b"\n", b"n\n", b"N\n"])
def test_anything_but_a_yes_is_a_no(folder: Path, answer: bytes) -> None:
    code, shown = answered(folder, answer)
    assert code == ExitCode.DECLINED
    assert "is not trusted" in shown
    assert not list((folder / "state").rglob("*.json"))


def test_a_yes_pins_what_was_shown_and_the_second_time_nobody_is_asked(folder: Path) -> None:
    code, shown = answered(folder, b"y\n")
    assert (code, "\\u202e" in shown, "\u202e" in shown) == (0, True, False)
    code, shown = answered(folder, b"")
    assert code == 0
    assert "is trusted since" in shown
