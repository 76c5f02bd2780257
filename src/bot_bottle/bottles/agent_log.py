"""What an agent printed on its terminal, as lines that can be shown anywhere: no control sequence of it is left."""

import os
import re

from bot_bottle.host import paths
from bot_bottle.host.plain import plain

TAIL_BYTES = 256 * 1024
"""The end of a log that is read; an agent's screen redraws fill it with little text."""
LINE_LIMIT = 2000

SEQUENCES = re.compile(
    r"\x1b\][^\x07\x1b]{0,4096}(?:\x07|\x1b\\)"  # OSC: titles, links, clipboards
    r"|\x1b[PX^_][^\x1b]{0,4096}\x1b\\"  # DCS, SOS, PM, APC
    r"|\x1b\[[0-?]{0,64}[ -/]{0,8}[@-~]"  # CSI: colours, the cursor
    r"|\x1b[ -/]{0,4}[0-OQ-WYZ\\`a-~]"  # the short ones
)
"""Control functions of ECMA-48, section 5."""


def lines_of(data: bytes) -> tuple[str, ...]:
    """Terminal output as plain lines: sequences are dropped; of a line that was written over, the last remains. Pure."""
    text = SEQUENCES.sub("", data.decode("utf-8", "replace")).replace("\r\n", "\n")
    rows = (row.rstrip("\r").rpartition("\r")[2] for row in text.split("\n"))
    return tuple(plain(row.expandtabs(4), limit=LINE_LIMIT) for row in rows)


def tail(slug: str, *, most: int = 1000) -> tuple[str, ...]:
    """The last lines of the bottle's log; none when it had no terminal."""
    try:
        with open(paths.bottle_dir(slug) / "agent.log", "rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - TAIL_BYTES))
            data = file.read(TAIL_BYTES)
    except FileNotFoundError:
        return ()
    return lines_of(data)[-most:]
