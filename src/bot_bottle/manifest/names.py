"""Hosts in one spelling, as rules and requests compare them: RFC 1123, RFC 5890 A-labels, RFC 4291, WHATWG IPv4.

The text comes from the bottle or from a manifest. Nothing is resolved here, and what has two readings is refused.
Names that are not ASCII are refused rather than mapped: IDNA 2003, IDNA 2008 and UTS 46 disagree about what some of them mean.
"""

import ipaddress
import re

from bot_bottle.errors import Refused

NAME_LIMIT = 253
"""Octets of a name in text form without the last dot (RFC 1035, 2.3.4)."""

_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
# Underscores are not in RFC 1123, but names with them are served (object stores, for one) and have one reading.
_PLAIN = re.compile(r"[0-9A-Za-z._:\[\]-]{1,300}")


def shown(text: str, *, limit: int = 120) -> str:
    """Hostile text for a message: printable ASCII, bounded, the rest escaped."""
    safe = text[:limit].encode("ascii", "backslashreplace").decode("ascii")
    safe = "".join(mark if mark.isprintable() else f"\\x{ord(mark):02x}" for mark in safe)
    return safe + ("…" if len(text) > limit else "")


def canonical_host(text: str) -> str:
    """The one spelling of a host: lower-case A-labels, dotted-decimal IPv4, or compressed IPv6 without brackets.

    Refused: empty or long names, characters outside LDH and `_`, numbers that are no IPv4 address, zone ids, percent-encoding,
    IPv4-mapped IPv6, A-labels that do not decode. One trailing dot is dropped.
    """
    if not _PLAIN.fullmatch(text):
        raise Refused(
            f"The host “{shown(text)}” is not a host name: write it in ASCII (xn-- form), without spaces, % or zone id."
        )
    if text.startswith("[") or ":" in text:
        return _ipv6(text)
    if "[" in text or "]" in text:
        raise Refused(f"The host “{shown(text)}” has a bracket in the wrong place.")
    name = text.lower().removesuffix(".")
    labels = name.split(".")
    if _ends_in_number(labels[-1]):
        return _ipv4(labels, text)
    if len(name) > NAME_LIMIT:
        raise Refused(f"The host name “{shown(text)}” is longer than {NAME_LIMIT} characters.")
    for label in labels:
        if not _LABEL.fullmatch(label):
            raise Refused(f"The host name “{shown(text)}” has a label that is empty, too long, or begins or ends with “-”.")
        if label.startswith("xn--"):
            _check_a_label(label)
    return name


def canonical_pattern(text: str) -> str:
    """A rule's host: as `canonical_host`, or `*.NAME` for exactly one more label, or `**.NAME` for one or more."""
    for star in ("**.", "*."):
        if text.startswith(star):
            base = canonical_host(text.removeprefix(star))
            if is_address(base):
                raise Refused(f"The pattern “{shown(text)}” puts a wildcard before an address.")
            return star + base
    if "*" in text:
        raise Refused(f"The pattern “{shown(text)}” is not understood: “*.” or “**.” may stand in front of a name, nowhere else.")
    return canonical_host(text)


def is_address(host: str) -> bool:
    """Whether a canonical host is an IP literal."""
    return ":" in host or host.rpartition(".")[2].isdigit()


def _ends_in_number(label: str) -> bool:
    """WHATWG URL, "ends in a number": such a host is an IPv4 address or nothing."""
    return label.isdigit() or re.fullmatch(r"0x[0-9a-f]*", label) is not None


def _ipv4(parts: list[str], text: str) -> str:
    """inet_aton(3) spellings: one to four parts, each decimal, octal or hexadecimal, the last one filling what is left."""
    if len(parts) > 4:
        raise Refused(f"The host “{shown(text)}” ends in a number but is not an IPv4 address.")
    numbers = [_number(part, text) for part in parts]
    room = 256 ** (5 - len(numbers))
    if any(number > 255 for number in numbers[:-1]) or numbers[-1] >= room:
        raise Refused(f"The host “{shown(text)}” is not an IPv4 address: a part is too large.")
    value = numbers[-1] + sum(number << (24 - 8 * place) for place, number in enumerate(numbers[:-1]))
    return str(ipaddress.IPv4Address(value))


def _number(part: str, text: str) -> int:
    for form, base in ((r"0x[0-9a-f]{1,8}", 16), (r"0[0-7]{0,11}", 8), (r"[1-9][0-9]{0,9}", 10)):
        if re.fullmatch(form, part):
            return int(part, base)
    raise Refused(f"The host “{shown(text)}” ends in a number but is not an IPv4 address.")


def _ipv6(text: str) -> str:
    inner = text
    if text.startswith("[") or text.endswith("]"):
        if not (text.startswith("[") and text.endswith("]")):
            raise Refused(f"The host “{shown(text)}” has a bracket in the wrong place.")
        inner = text[1:-1]
    try:
        address = ipaddress.IPv6Address(inner)
    except ipaddress.AddressValueError:
        raise Refused(f"The host “{shown(text)}” is not an IPv6 address.") from None
    if address.ipv4_mapped is not None:
        raise Refused(f"The host “{shown(text)}” is an IPv4 address in IPv6 clothing; write {address.ipv4_mapped}.")
    return address.compressed


def _check_a_label(label: str) -> None:
    """An A-label decodes, to something that is not ASCII, and encodes to itself again (RFC 5891, 5.4)."""
    try:
        decoded = label[4:].encode("ascii").decode("punycode")
        again = decoded.encode("punycode").decode("ascii")
    except UnicodeError:
        decoded = again = ""
    if decoded.isascii() or again != label[4:] or decoded != decoded.lower():
        raise Refused(f"The label “{shown(label)}” looks like an encoded name (xn--) but does not decode to one.")
