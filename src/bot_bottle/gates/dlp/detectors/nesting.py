"""Percent-encoding of letters and digits, several times over: no honest program does it, filters are what it is for."""

import re

from bot_bottle.gates.dlp.detectors.base import Detector
from bot_bottle.gates.dlp.engine import Pattern
from bot_bottle.gates.dlp.records import Match, View

_NESTED = re.compile(rb"%((?:25)+)([3-7][0-9A-Fa-f])")


class Nesting(Detector):
    """RFC 3986 section 2.3: unreserved characters should not be encoded at all.

    Links inside links encode `/` or `:` twice, never letters. Two letters at depth three, or four at depth two, are a finding.
    """

    name = "nesting"
    title = "letters percent-encoded several times over"

    @property
    def patterns(self) -> tuple[Pattern, ...]:
        return (Pattern(r"%25(?:25){0,6}[3-7][0-9A-Fa-f]", ("%25",)),)

    def confirm(self, number: int, end: int, view: View) -> Match | None:
        twice = deeper = 0
        start = last = max(end - 24, 0)
        for match in _NESTED.finditer(view.content, start, end + 512):
            if chr(int(match.group(2), 16)).isalnum():
                deep = len(match.group(1)) // 2
                twice, deeper = twice + 1, deeper + (deep >= 2)
                start, last = (match.start() if twice == 1 else start), match.end()
        if deeper >= 2 or twice >= 4:
            return Match("evasion", "nested-encoding", "Letters encoded several times over", start, last)
        return None
