"""Data smuggled out in a host name: a lookup alone carries it to whoever runs the domain."""

import base64
import binascii
import re
from collections.abc import Iterator

from bot_bottle.gates.dlp.checks import entropy
from bot_bottle.gates.dlp.detectors.base import Detector
from bot_bottle.gates.dlp.records import Match, View

TEXT = 6
"""Fewest bytes of text that labels must decode to: six random bytes are all letters, digits or .:/@_- once in ten thousand."""

RANDOM = 40
"""Fewest characters of random labels before a random name is taken for data; content hashes of deployments are shorter."""

_HEX = re.compile(r"(?:[0-9a-f]{2}){4,31}")
_BASE32 = re.compile(r"[a-z2-7]{16,63}")
_TEXT = re.compile(rb"[\x20-\x7e]+")
_DENSE = re.compile(rb"[A-Za-z0-9 _.:/@=+$!-]+")
_KNOWN = re.compile(
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|baf[ky][a-z2-7]{50,}|k51[a-z0-9]{50,}|xn--.*|[a-z2-7]{56}"
)
_SECOND_LEVEL = frozenset(("co", "com", "org", "net", "gov", "ac", "edu", "or", "ne", "go"))


class HostLabels(Detector):
    """Labels that spell text in hex or base32, or are long and random."""

    name = "host-labels"
    title = "data encoded in the labels of a host name"
    action = "asks"
    looks_at = frozenset(("host",))

    def look(self, view: View) -> Iterator[Match]:
        labels = own_labels(view.content.decode("latin-1").lower().rstrip("."))
        found = _spelled(labels) or _random(labels)
        if found:
            rule, title = found
            yield Match("exfil", rule, title, 0, len(view.content))


def own_labels(host: str) -> list[str]:
    """The labels below the registrable domain, taken as two labels, or three below a country's second level."""
    labels = host.split(".")
    if all(label.isdigit() for label in labels):
        return []
    is_deep = len(labels) > 2 and len(labels[-1]) == 2 and labels[-2] in _SECOND_LEVEL
    return labels[: -3 if is_deep else -2]


def _spelled(labels: list[str]) -> tuple[str, str] | None:
    spelled = b"".join(bytes.fromhex(label) for label in labels if _HEX.fullmatch(label))
    if len(spelled) >= TEXT and _DENSE.fullmatch(spelled):
        return "host-hex-text", "Text in hexadecimal in a host name"
    for label in labels:
        if _BASE32.fullmatch(label) and any(char.isdigit() for char in label):
            text = _from_base32(label)
            if len(text) >= TEXT and _TEXT.fullmatch(text):
                return "host-base32-text", "Text in base32 in a host name"
    return None


def _from_base32(label: str) -> bytes:
    usable = len(label) - {1: 1, 3: 1, 6: 1}.get(len(label) % 8, 0)
    try:
        return base64.b32decode(label[:usable].upper() + "=" * (-usable % 8))
    except binascii.Error:
        return b""


def _random(labels: list[str]) -> tuple[str, str] | None:
    random = [label for label in labels if is_random_label(label)]
    if sum(map(len, random)) >= RANDOM or len(random) >= 3:
        return "host-random", "Long random labels in a host name"
    return None


def is_random_label(label: str) -> bool:
    """Twelve characters or more, letters and digits mixed without words between hyphens, near the entropy of chance."""
    if len(label) < 12 or _KNOWN.fullmatch(label) or label.count("-") > 1:
        return False
    digits = sum(char.isdigit() for char in label)
    return digits >= 2 and digits * 10 >= len(label) and entropy(label) >= 3.0
