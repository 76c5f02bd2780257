"""What hides inside hexadecimal without a name: random tokens, AWS-like secret keys. Text has no reason to be written so."""

import re
from collections.abc import Iterator

from bot_bottle.gates.dlp.checks import classes, entropy
from bot_bottle.gates.dlp.detectors.base import Detector
from bot_bottle.gates.dlp.records import Match, View

ENCODED = "hex"
MOST = 256 * 1024
"""Larger decoded texts are not looked at: firmware and the like."""

_TOKEN = re.compile(rb"[A-Za-z0-9/+_.=-]{32,128}")


class Blobs(Detector):
    """A token of three kinds of characters standing alone among unprintable bytes after decoding hexadecimal."""

    name = "blobs"
    title = "random tokens hidden among encoded bytes"
    action = "asks"
    looks_at = frozenset(("url", "header", "cookie", "body", "frame", "mcp"))

    def look(self, view: View) -> Iterator[Match]:
        if not view.via or view.via[-1] != ENCODED or len(view.content) > MOST or view.content.isascii():
            return
        for match in _TOKEN.finditer(view.content):
            text = match.group().decode()
            if classes(text) == 3 and entropy(text) >= 4.0 and "/" not in (text[0], text[-1]):
                yield Match("exfil", "encoded-token", "Random token hidden among encoded bytes", match.start(), match.end())
