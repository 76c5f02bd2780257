"""A dump of environment variables or of an .env file: several secret-looking names with values that nobody would publish."""

import re

from bot_bottle.gates.dlp.checks import is_random
from bot_bottle.gates.dlp.detectors.base import Detector
from bot_bottle.gates.dlp.engine import Pattern
from bot_bottle.gates.dlp.formats.shaped import is_password
from bot_bottle.gates.dlp.records import Match, View

AROUND = 4096
"""Bytes around a name in which the other lines of the dump are."""

_LINE = re.compile(
    rb"(?:^|[\n\r\"';]|\\n|\\r)[ \t]*(?:export |set |declare -x )?([A-Z][A-Z0-9_]{1,60})=[\"']?([^\n\r\\\"']{1,300})"
)
_SECRET_NAME = re.compile(rb"SECRET|TOKEN|PASSWORD|PASSWD|API_?KEY|PRIVATE_KEY|ACCESS_KEY|CREDENTIAL|DATABASE_URL|DSN")
_SYSTEM_NAMES = frozenset((b"PATH", b"HOME", b"USER", b"SHELL", b"PWD", b"HOSTNAME", b"LANG", b"LOGNAME"))


class Environment(Detector):
    """Two secret values, or one beside names that only a process has (PATH, HOME)."""

    name = "environment"
    title = "dumps of environment variables and .env files with secret values"

    @property
    def patterns(self) -> tuple[Pattern, ...]:
        names = "SECRET|TOKEN|PASSWORD|PASSWD|API_?KEY|PRIVATE_KEY|ACCESS_KEY|CREDENTIAL|DATABASE_URL|DSN"
        anchors = tuple(name.lower().replace("_?", "_") for name in names.split("|"))
        return (Pattern(f"(?:{names})[A-Z0-9_]{{0,24}}=", (*anchors, "apikey")),)

    def confirm(self, number: int, end: int, view: View) -> Match | None:
        low = max(end - AROUND, 0)
        secret, system, first, last = 0, 0, -1, end
        for match in _LINE.finditer(view.content[low : end + AROUND]):
            name, text = match.group(1), match.group(2).decode("latin-1").strip()
            system += name in _SYSTEM_NAMES
            if _SECRET_NAME.search(name) and is_password(text) and is_random(text):
                secret += 1
                first, last = (low + match.start(2) if first < 0 else first), low + match.end(2)
        if secret >= 2 or (secret == 1 and system >= 2):
            return Match("format", "environment-dump", "Environment variables with secrets", first, last)
        return None
