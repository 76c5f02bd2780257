"""The agent of an attacked bottle: prints what would take over a terminal, then waits for the bottle's end."""

from __future__ import annotations

import sys
import time

HOSTILE = (
    "\x1b[2J\x1b[H\x1b]0;owned\x07\x1b]52;c;b3duZWQ=\x07\x1b[6n\x1b[c\x1bP+q544e\x1b\\\x9b31m\x1b[21t\x1b]8;;file:///etc/passwd\x07x\x1b]8;;\x07"
    "\u202eevil\u200b\u2066\r\x08\x00"
)


def main() -> None:
    """Print and wait."""
    sys.stdout.buffer.write(HOSTILE.encode() + b"\n")
    sys.stdout.flush()
    while True:
        time.sleep(60)


if __name__ == "__main__":
    main()
