"""Wallet seed phrases: 12 to 24 words of BIP-39's list whose checksum is right."""

import re

from bot_bottle.gates.dlp.checks import is_seed_phrase, seed_index
from bot_bottle.gates.dlp.detectors.base import Detector
from bot_bottle.gates.dlp.engine import Pattern
from bot_bottle.gates.dlp.records import Match, View

LENGTHS = (24, 21, 18, 15, 12)


class SeedPhrase(Detector):
    """Ordinary prose almost never has twelve words in a row from a list of 2048, and then the checksum must fit too."""

    name = "seed-phrase"
    title = "wallet seed phrases (BIP-39, checksum verified)"

    @property
    def patterns(self) -> tuple[Pattern, ...]:
        return (Pattern(r"(?:[a-z]{3,8}(?: |\n|, |\\n|\r\n|,|\", ?\"|[0-9]{1,2}[.)] ?)){11}[a-z]{3}", group=1),)

    def confirm(self, number: int, end: int, view: View) -> Match | None:
        low = max(end - 200, 0)
        dozen = _words(view.content, low, end + 8)[-14:]
        if sum(seed_index(word) is not None for word, _, _ in dozen) < LENGTHS[-1]:
            return None
        words = _words(view.content, low, end + 320)
        known = [seed_index(word) is not None for word, _, _ in words]
        for first in range(len(words)):
            for count in LENGTHS:
                if first + count > len(words) or not all(known[first : first + count]):
                    continue
                if is_seed_phrase([word for word, _, _ in words[first : first + count]]):
                    return Match(
                        "format", "bip39", f"Wallet seed phrase of {count} words", words[first][1], words[first + count - 1][2]
                    )
        return None


def _words(content: bytes, low: int, high: int) -> list[tuple[str, int, int]]:
    """Words and their places; a JSON escape is a blank."""
    text = content[low:high].replace(b"\\n", b"  ")
    return [(match.group().decode(), low + match.start(), low + match.end()) for match in re.finditer(rb"[a-z]+", text)]
