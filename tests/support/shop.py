"""An operator of the tests' own: a home of their own, and the real command line as a user types it."""

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from engine import engine_variables

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, kw_only=True)
class Shop:
    """A home and a project folder; `bot_bottle` runs the real program there."""

    home: Path
    project: Path

    def env(self, **more: str) -> dict[str, str]:
        """A small environment of this operator."""
        return {
            "PATH": os.environ["PATH"],
            "HOME": str(self.home),
            "PYTHONPATH": str(ROOT / "src"),
            "TERM": "xterm-256color",
            **engine_variables(),
        } | more

    def argv(self, *words: str) -> list[str]:
        """`bot-bottle WORDS`."""
        return [sys.executable, "-m", "bot_bottle", *words]

    def bot_bottle(self, *words: str, stdin: bytes = b"", **more: str) -> "subprocess.CompletedProcess[bytes]":
        """Run it to its end, without a terminal."""
        return subprocess.run(
            self.argv(*words), env=self.env(**more), cwd=self.project, input=stdin, capture_output=True, timeout=60, check=False
        )

    def bottles(self) -> Path:
        """Where the stage dirs are."""
        return self.home / ".local/state/bot-bottle/bottles"


def processes_of(shop: Shop) -> list[str]:
    """The command lines of every process that names this operator's home."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                words = (entry / "cmdline").read_bytes()
                environment = (entry / "environ").read_bytes()
            except OSError:
                continue
            if str(shop.home).encode() in words or f"HOME={shop.home}".encode() in environment:
                found.append(words.replace(b"\0", b" ").decode(errors="replace")[:200])
    return found


def lasting_of(shop: Shop) -> list[str]:
    """Those of them that stay: the end of a log is signed behind the back of whoever waited for its bottle."""
    deadline = time.monotonic() + 5.0
    while (found := processes_of(shop)) and time.monotonic() < deadline:
        time.sleep(0.02)
    return found
