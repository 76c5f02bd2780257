"""The operator's own secrets and planted canaries as needles: every encoding whose result is a fixed string.

What is not fixed (percent-encoding, compression, compositions) is undone by `decode.py` first, so that one of these needles
appears. The values live in memory only.
"""

import base64
import binascii
import codecs
import json
from collections.abc import Iterable, Iterator
from typing import Literal
from urllib.parse import quote

from bot_bottle.record import dataclass, field

SHORTEST = 8
"""Shorter values would be found by chance in ordinary traffic; they are refused with a warning in the preflight."""

LINE = 24
"""Lines of a multi-line secret (a private key) at least this long are secrets of their own."""

FRAGMENT = 8
"""Bytes of a fragment; a secret cut into pieces of at least twice this less one holds one whole fragment in each."""


@dataclass(frozen=True, slots=True)
class OwnSecret:
    """One value that must not leave, by the name the operator knows it by."""

    name: str
    value: bytes = field(repr=False)
    kind: Literal["own", "canary"] = "own"


@dataclass(frozen=True, slots=True)
class Needle:
    """One fixed string that gives a secret away: whose it is, and the encoding it is in."""

    secret: int
    text: bytes = field(repr=False)
    encoding: str


def needles(secrets: Iterable[OwnSecret]) -> list[Needle]:
    """Every needle of every secret; equal strings once."""
    found: dict[bytes, Needle] = {}
    for number, secret in enumerate(secrets):
        for part in parts(secret.value):
            for encoding, text in encodings(part):
                for shown, needle in ((encoding, text), (f"{encoding} backwards" if encoding else "backwards", text[::-1])):
                    if len(needle) >= SHORTEST:
                        found.setdefault(needle, Needle(number, needle, shown))
    return list(found.values())


def parts(value: bytes) -> list[bytes]:
    """The value, and the long lines of a value of several lines: a private key is given away by any of them."""
    lines = [line.strip() for line in value.splitlines()]
    inner = [line for line in lines if len(line) >= LINE and not line.startswith(b"-----")] if len(lines) > 1 else []
    return list(dict.fromkeys([value.strip(), *inner]))


def encodings(value: bytes) -> Iterator[tuple[str, bytes]]:
    """(encoding, fixed string) for each; both cases where case carries no meaning."""
    yield "", value
    yield "lower case", value.lower()
    yield "upper case", value.upper()
    for skip, text in enumerate(base64_forms(value)):
        yield f"base64 (offset {skip})", text
        yield f"URL-safe base64 (offset {skip})", text.translate(bytes.maketrans(b"+/", b"-_"))
    for skip, text in enumerate(base32_forms(value)):
        yield f"base32 (offset {skip})", text
        yield f"base32 (offset {skip})", text.lower()
    digits = binascii.hexlify(value)
    for separator in (" ", "-", ":", "."):
        yield "hex with separators", binascii.hexlify(value, separator)
        yield "hex with separators", binascii.hexlify(value, separator).upper()
    yield "hex", digits
    yield "hex", digits.upper()
    if value.isascii():
        yield "UTF-16", value.decode().encode("utf-16-le")[:-1]
        yield "UTF-32", value.decode().encode("utf-32-le")[:-3]
        yield "rot13", codecs.encode(value.decode(), "rot13").encode()
    yield "percent-encoding", quote(value, safe="").encode()
    yield "percent-encoding", quote(value[::-1], safe="").encode()
    yield "JSON", json.dumps(value.decode("latin-1"))[1:-1].encode()
    for sign in (b" ", b"-", b".", b",", b"_", b":", b"\n"):
        yield "separators", sign.join(value[at : at + 1] for at in range(len(value)))
    yield "base85", base64.b85encode(value)[: len(value) // 4 * 5]
    yield "Ascii85", base64.a85encode(value)[: len(value) // 4 * 5]


def base64_forms(value: bytes) -> list[bytes]:
    """base64 of the value behind 0, 1 and 2 other bytes: the characters that do not depend on the neighbours."""
    forms = []
    for skip in range(3):
        text = base64.b64encode(bytes(skip) + value)
        first = (skip * 8 + 5) // 6
        last = (skip + len(value)) * 8 // 6
        forms.append(text[first:last])
    return forms


def base32_forms(value: bytes) -> list[bytes]:
    """base32 likewise, behind 0 to 4 other bytes."""
    forms = []
    for skip in range(5):
        text = base64.b32encode(bytes(skip) + value)
        first = (skip * 8 + 4) // 5
        last = (skip + len(value)) * 8 // 5
        forms.append(text[first:last])
    return forms


def fragments(value: bytes) -> list[bytes]:
    """Every stretch of FRAGMENT bytes, for secrets sent in pieces."""
    return list(dict.fromkeys(value[at : at + FRAGMENT] for at in range(len(value) - FRAGMENT + 1)))
