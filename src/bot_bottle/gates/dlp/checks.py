"""Checksums and structure of token formats: pure predicates, each with the document that defines it."""

import base64
import binascii
import hashlib
import json
import math
import zlib
from collections import Counter
from functools import cache
from importlib.resources import files
from string import ascii_lowercase, ascii_uppercase, digits

BASE62 = digits + ascii_uppercase + ascii_lowercase
_HEXADECIMAL = frozenset("0123456789abcdefx-")
BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def entropy(text: str | bytes) -> float:
    """Shannon entropy in bits per character (Shannon 1948, section 6)."""
    size = len(text)
    return -sum(n / size * math.log2(n / size) for n in Counter(text).values()) if size else 0.0


def classes(text: str) -> int:
    """How many of lower case, upper case and digits occur."""
    return sum((any(map(str.islower, text)), any(map(str.isupper, text)), any(map(str.isdigit, text))))


def is_random(text: str) -> bool:
    """Looks drawn at random: two kinds of characters at least, and nearly as varied as its length allows."""
    most = 4.0 if set(text.lower()) <= _HEXADECIMAL else 5.5
    return len(text) >= 8 and classes(text) >= 2 and entropy(text) >= 0.72 * min(math.log2(len(text)), most)


def has_github_checksum(token: str) -> bool:
    """The last six characters are the CRC-32 of the middle in base 62 (GitHub blog, 2021-04-05, token formats)."""
    body = token[token.index("_") + 1 :]
    return len(body) == 36 and base62_crc32(body[:-6]) == body[-6:]


def base62_crc32(text: str) -> str:
    """CRC-32 (ISO 3309) as six base-62 digits, zero-padded."""
    value, out = zlib.crc32(text.encode()), ""
    while value:
        value, rest = divmod(value, 62)
        out = BASE62[rest] + out
    return out.rjust(6, "0")


def has_luhn(number: str) -> bool:
    """ISO/IEC 7812-1 annex B: the mod-10 check digit of payment cards."""
    total = 0
    for index, digit in enumerate(reversed(number)):
        value = int(digit) * (1 + index % 2)
        total += value - 9 if value > 9 else value
    return bool(number) and total % 10 == 0


def has_mod97(iban: str) -> bool:
    """ISO 7064 MOD 97-10 over the rearranged IBAN (ISO 13616)."""
    moved = iban[4:] + iban[:4]
    return int("".join(str(int(char, 36)) for char in moved)) % 97 == 1


def base58_decode(text: str) -> bytes | None:
    """Base58 as Bitcoin writes it, or None."""
    number = 0
    for char in text:
        digit = BASE58.find(char)
        if digit < 0:
            return None
        number = number * 58 + digit
    zeros = len(text) - len(text.lstrip("1"))
    return b"\0" * zeros + number.to_bytes((number.bit_length() + 7) // 8, "big")


def base58check(text: str) -> bytes | None:
    """The payload when the 4-byte double-SHA-256 checksum is right, else None."""
    raw = base58_decode(text)
    if raw is None or len(raw) < 5:
        return None
    payload, checksum = raw[:-4], raw[-4:]
    return payload if hashlib.sha256(hashlib.sha256(payload).digest()).digest()[:4] == checksum else None


def is_jwt(token: str) -> bool:
    """RFC 7519 with RFC 7515's compact form: the first part is base64url of a JSON object with "alg" (or "enc")."""
    head = b64_json(token.split(".", 1)[0])
    return head is not None and ("alg" in head or "enc" in head)


def b64_json(part: str) -> dict[str, object] | None:
    """The JSON object in unpadded base64url, or None."""
    try:
        parsed = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (binascii.Error, ValueError, RecursionError):
        return None
    return parsed if isinstance(parsed, dict) else None


@cache
def _seed_words() -> dict[bytes, int]:
    """BIP-39's English word list as 3-byte SHA-256 prefixes in list order, so that the list itself need not be shipped."""
    prints = files(__package__).joinpath("seed_words.bin").read_bytes()
    return {prints[at : at + 3]: at // 3 for at in range(0, len(prints), 3)}


def seed_index(word: str) -> int | None:
    """The word's number in BIP-39's English list; a wrong word passes once in 8,000."""
    return _seed_words().get(hashlib.sha256(word.encode()).digest()[:3])


def is_seed_phrase(words: list[str]) -> bool:
    """BIP-39: 12, 15, 18, 21 or 24 words of the list whose last bits are the SHA-256 checksum of the others."""
    indexes = [seed_index(word) for word in words]
    if len(words) not in {12, 15, 18, 21, 24} or any(index is None for index in indexes):
        return False
    bits = "".join(f"{index:011b}" for index in indexes)
    checksum = len(bits) // 33
    seed = int(bits[:-checksum], 2).to_bytes((len(bits) - checksum) // 8, "big")
    return f"{hashlib.sha256(seed).digest()[0]:08b}"[:checksum] == bits[-checksum:]
