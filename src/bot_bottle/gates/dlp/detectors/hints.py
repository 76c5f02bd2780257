"""Suspicions that only ever warn: random text where a name says it is secret, and unusual volume."""

import re

from bot_bottle.gates.dlp.checks import is_random
from bot_bottle.gates.dlp.detectors.base import Detector
from bot_bottle.gates.dlp.engine import Pattern
from bot_bottle.gates.dlp.formats.shaped import is_password
from bot_bottle.gates.dlp.records import Match, View

VOLUME = 5 * 1024 * 1024
"""Bytes of one URL, header or form field set that are unusual enough to mention."""

_ASSIGNED = re.compile(
    rb"(?i)(?:passwd|password|secret|token|api_?key|access_?key|credential)[a-z_-]{0,12}\\?[\"']?\s{0,2}[:=]\s{0,2}\\?[\"']?([A-Za-z0-9+/=_.~$!@#%^&*-]{12,200})"
)


class Hints(Detector):
    """`password = "…"` with a value that looks drawn at random."""

    name = "hints"
    title = "random values assigned to names like password or token"
    action = "warns"

    @property
    def patterns(self) -> tuple[Pattern, ...]:
        names = ("passwd", "password", "secret", "token", "api_?key", "access_?key", "credential")
        anchors = ("passwd", "password", "secret", "token", "apikey", "api_key", "accesskey", "access_key", "credential")
        return (
            Pattern(
                rf"(?i)(?:{'|'.join(names)})[a-z_-]{{0,12}}\\?[\"']?\s{{0,2}}[:=]\s{{0,2}}\\?[\"']?[A-Za-z0-9+/=_.~-]{{12}}",
                anchors,
            ),
        )

    def confirm(self, number: int, end: int, view: View) -> Match | None:
        match = _ASSIGNED.search(view.content, max(end - 64, 0), end + 200)
        if match is None:
            return None
        text = match.group(1).decode("latin-1")
        if not is_password(text) or not is_random(text) or not any(char.isdigit() for char in text):
            return None
        return Match("hint", "assigned-secret", "Random value with a secret's name", match.start(1), match.end(1))
