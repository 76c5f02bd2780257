"""The spellings in which a value travels: what is looked for where a secret must not stand."""

import base64
import json
import re
from urllib.parse import quote

SHORTEST = 6
"""A spelling shorter than this would take harmless text with it; it is not searched for."""

_LEFT_PLAIN = ("", "/", "!'()*~", "!'()*~/:@&=+$,;?#")
"""Which marks encoders leave plain: RFC 3986 strictly, path encoders, JavaScript's encodeURIComponent and encodeURI."""


def spellings(value: str) -> frozenset[bytes]:
    """The value plain, in base64 at its three offsets (also url-safe), hex, percent-encoded, and JSON-escaped."""
    plain = value.encode()
    if len(plain) < SHORTEST:
        return frozenset()
    found = {plain, plain.hex().encode(), plain.hex().upper().encode()}
    for safe in _LEFT_PLAIN:
        quoted = quote(value, safe=safe)
        found |= {quoted.encode(), re.sub("%..", lambda match: match[0].lower(), quoted).encode()}
    for text in (value, *(one.decode() for one in _base64(plain))):
        escaped = json.dumps(text)[1:-1]
        found |= {escaped.encode(), escaped.replace("/", "\\/").encode(), quote(text, safe="").encode()}
    found |= _base64(plain)
    return frozenset(one for one in found if len(one) >= SHORTEST)


def _base64(plain: bytes) -> set[bytes]:
    """At each offset the characters that depend on the value alone (RFC 4648, 4 and 5)."""
    found = set()
    for shift in range(3):
        first, last = -(-shift * 8 // 6), (shift + len(plain)) * 8 // 6
        core = base64.b64encode(b"\0" * shift + plain)[first:last]
        found |= {core, core.translate(bytes.maketrans(b"+/", b"-_"))}
    return found
