"""Numbers of people: payment cards, bank accounts, social security numbers. Check digits and a word beside them."""

import re

from bot_bottle.gates.dlp.checks import has_luhn, has_mod97
from bot_bottle.gates.dlp.detectors.base import Detector
from bot_bottle.gates.dlp.engine import Pattern
from bot_bottle.gates.dlp.records import Match, View

NEAR = 2048
"""Bytes around a number in which a word must say what it is; a CSV header may be some rows away."""

_CARD = re.compile(
    rb"(?<![0-9A-Za-z.])[2-6][0-9]{3}(?:[ -]?[0-9]{4}){2}[ -]?[0-9]{1,7}(?![0-9A-Za-z.])|(?<![0-9A-Za-z.])3[47][0-9]{2}[ -]?[0-9]{6}[ -]?[0-9]{5}(?![0-9A-Za-z.])"
)
_CARD_WORD = re.compile(rb"(?i)card|\bpan\b|cvv|cvc|credit|visa|mastercard|amex|discover|expir|payment")
_SSN = re.compile(rb"(?<![0-9A-Za-z.-])([0-8][0-9]{2})-([0-9]{2})-([0-9]{4})(?![0-9A-Za-z.-])")
_SSN_WORD = re.compile(rb"(?i)ssn|social.?security|tax.?id|taxpayer")
_IBAN = re.compile(rb"(?<![0-9A-Za-z])[A-Z]{2}[0-9]{2}(?:[ ]?[0-9A-Z]{4}){2,7}(?:[ ]?[0-9A-Z]{1,3})?(?![0-9A-Za-z])")

IBAN_LENGTHS = {
    "AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22, "BR": 29, "BY": 28, "CH": 21, "CR": 22, "CY": 28,
    "CZ": 24, "DE": 22, "DK": 18, "DO": 28, "EE": 20, "EG": 29, "ES": 24, "FI": 18, "FO": 18, "FR": 27, "GB": 22, "GE": 22, "GI": 23, "GL": 18,
    "GR": 27, "GT": 28, "HR": 21, "HU": 28, "IE": 22, "IL": 23, "IQ": 23, "IS": 26, "IT": 27, "JO": 30, "KW": 30, "KZ": 20, "LB": 28, "LI": 21,
    "LT": 20, "LU": 20, "LV": 21, "MC": 27, "MD": 24, "ME": 22, "MK": 19, "MR": 27, "MT": 31, "MU": 30, "NL": 18, "NO": 15, "PK": 24, "PL": 28,
    "PS": 29, "PT": 25, "QA": 29, "RO": 24, "RS": 22, "SA": 24, "SE": 24, "SI": 19, "SK": 24, "SM": 27, "TN": 24, "TR": 26, "UA": 29, "VG": 24, "XK": 20,
}  # fmt: skip
"""ISO 13616 registry: total length by country."""


class Numbers(Detector):
    """A card needs an issuer's range (ISO/IEC 7812), the check digit and a word; an IBAN its country's length and mod 97."""

    name = "numbers"
    title = "payment card numbers (Luhn), IBANs (mod 97), US social security numbers"

    @property
    def patterns(self) -> tuple[Pattern, ...]:
        return (
            Pattern(r"[^0-9A-Za-z.][2-6][0-9]{3}[ -]?[0-9]{4}[ -]?[0-9]{4}"),
            Pattern(r"[^0-9A-Za-z.]3[47][0-9]{2}[ -]?[0-9]{6}[ -]?[0-9]{5}"),
            Pattern(r"[^0-9A-Za-z.-][0-8][0-9]{2}-[0-9]{2}-[0-9]{4}"),
            Pattern(r"[^0-9A-Za-z][A-Z]{2}[0-9]{2}[ ]?[0-9A-Z]{4}[ ]?[0-9A-Z]{4}[ ]?[0-9]{3}", group=2),
        )

    def confirm(self, number: int, end: int, view: View) -> Match | None:
        content, low = view.content, max(end - 24, 0)
        if number <= 1:
            return _card(content, _CARD.search(content, low, end + 16), end)
        if number == 2:
            return _ssn(content, _SSN.search(content, low, end + 2))
        return _iban(_IBAN.search(content, low, end + 32))


def _card(content: bytes, match: re.Match[bytes] | None, end: int) -> Match | None:
    if match is None:
        return None
    digits = re.sub(rb"[ -]", b"", match.group()).decode()
    has_word = _CARD_WORD.search(content, max(end - NEAR, 0), end + NEAR // 8) is not None
    if not is_card(digits) or not has_word:
        return None
    return Match("format", "payment-card", "Payment card number", match.start(), match.end())


def is_card(digits: str) -> bool:
    """An issuer's range and length with a right check digit; all-alike digits are nobody's card."""
    head, size = digits[:4], len(digits)
    is_known = (
        (digits[0] == "4" and size in {13, 16, 19})
        or ("51" <= head[:2] <= "55" and size == 16)
        or ("2221" <= head <= "2720" and size == 16)
        or (head[:2] in {"34", "37"} and size == 15)
        or (head == "6011" and size == 16)
        or (head[:2] == "65" and size == 16)
        or ("3528" <= head <= "3589" and size == 16)
        or ((head[:2] in {"36", "38"} or "300" <= head[:3] <= "305") and size == 14)
        or (head[:2] == "62" and 16 <= size <= 19)
    )
    return is_known and len(set(digits)) > 1 and has_luhn(digits)


def _ssn(content: bytes, match: re.Match[bytes] | None) -> Match | None:
    if match is None:
        return None
    area, group, serial = (part.decode() for part in match.groups())
    is_issued = area not in {"000", "666"} and area < "900" and group != "00" and serial != "0000"
    if not is_issued or _SSN_WORD.search(content, max(match.start() - NEAR, 0), match.end() + 64) is None:
        return None
    return Match("format", "us-ssn", "US social security number", match.start(), match.end())


def _iban(match: re.Match[bytes] | None) -> Match | None:
    if match is None:
        return None
    text = match.group().decode().replace(" ", "")
    size = IBAN_LENGTHS.get(text[:2], 0)
    if len(text) < size or size == 0 or not has_mod97(text[:size]):
        return None
    if sum(char.isdigit() for char in text[:size]) * 2 < size:
        return None
    return Match("format", "iban", "Bank account number (IBAN)", match.start(), match.end())
