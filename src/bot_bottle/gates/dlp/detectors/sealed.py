"""What nobody can read here: encrypted archives and messages."""

from bot_bottle.gates.dlp.detectors.base import Detector
from bot_bottle.gates.dlp.engine import Pattern
from bot_bottle.gates.dlp.records import Match, View
from bot_bottle.gates.dlp.triggers import TRIGGERS
from bot_bottle.gates.dlp.unpack import is_sealed_zip

SAMPLE = 4


class Sealed(Detector):
    """7z, RAR, PGP, age, OpenSSL and Ansible vault texts are closed; a zip is when a member is encrypted."""

    name = "sealed"
    title = "encrypted archives and messages, which cannot be read"
    action = "asks"

    @property
    def patterns(self) -> tuple[Pattern, ...]:
        return (TRIGGERS["sealed"], TRIGGERS["zip"])

    def confirm(self, number: int, end: int, view: View) -> Match | None:
        content = view.content
        if number == 1:
            start = end - 4
            return (
                Match("unscannable", "encrypted-zip", "Encrypted zip archive", start, end)
                if is_sealed_zip(content[start : start + 32])
                else None
            )
        start = max(end - SAMPLE, 0)
        if view.via and content[max(end - 8, 0) : end] == b"Salted__":
            return None  # page marks of web services are such texts in base64
        return Match("unscannable", "encrypted", "Encrypted archive or message", start, end)
