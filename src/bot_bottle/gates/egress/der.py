"""DER for the one fixed form of certificate that a bottle needs (X.690; RFC 5280). Writes only; it never parses input.

Written here because the start path cannot afford a general X.509 library: importing one takes longer than sealing a bottle.
"""

from collections.abc import Sequence
from ipaddress import ip_address
from time import gmtime, strftime

from bot_bottle.record import dataclass

ID_EC_PUBLIC_KEY = bytes.fromhex("06072a8648ce3d0201")
PRIME256V1 = bytes.fromhex("06082a8648ce3d030107")
ECDSA_WITH_SHA256 = bytes.fromhex("06082a8648ce3d040302")
COMMON_NAME = bytes.fromhex("0603550403")
ORGANIZATION = bytes.fromhex("060355040a")
SUBJECT_KEY_ID = bytes.fromhex("0603551d0e")
KEY_USAGE = bytes.fromhex("0603551d0f")
SUBJECT_ALT_NAME = bytes.fromhex("0603551d11")
BASIC_CONSTRAINTS = bytes.fromhex("0603551d13")
AUTHORITY_KEY_ID = bytes.fromhex("0603551d23")
EXTENDED_KEY_USAGE = bytes.fromhex("0603551d25")
SERVER_AUTH = bytes.fromhex("06082b06010505070301")
"""Object identifiers, complete with tag and length (RFC 5480 for the key, RFC 5758 for the signature, RFC 5280 for the rest)."""

KEY_CERT_SIGN = bytes.fromhex("03020204")
DIGITAL_SIGNATURE = bytes.fromhex("03020780")
"""KeyUsage bit strings (RFC 5280, 4.2.1.3): bit 5 and bit 0."""

TRUE = b"\x01\x01\xff"
COORDINATE = 32
"""Bytes in one coordinate of a P-256 point."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Certificate:
    """What one certificate says: times in seconds since 1970, a P-256 point (65 bytes, uncompressed), extensions in DER."""

    serial: int
    issuer: bytes
    subject: bytes
    not_before: float
    not_after: float
    public_point: bytes
    extensions: tuple[bytes, ...]


def tlv(tag: int, *parts: bytes) -> bytes:
    """Tag, shortest definite length, value (X.690, 8.1 and 10.1)."""
    value = b"".join(parts)
    size = len(value)
    if size < 0x80:
        return bytes((tag, size)) + value
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + value


def sequence(*parts: bytes) -> bytes:
    """SEQUENCE."""
    return tlv(0x30, *parts)


def integer(value: int) -> bytes:
    """INTEGER, not negative."""
    return tlv(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def octets(value: bytes) -> bytes:
    """OCTET STRING."""
    return tlv(0x04, value)


def bits(value: bytes) -> bytes:
    """BIT STRING of whole bytes."""
    return tlv(0x03, b"\x00", value)


def time(moment: float) -> bytes:
    """UTCTime through 2049, GeneralizedTime from 2050 (RFC 5280, 4.1.2.5), of seconds since 1970."""
    utc = gmtime(moment)
    if utc.tm_year < 2050:
        return tlv(0x17, strftime("%y%m%d%H%M%SZ", utc).encode())
    return tlv(0x18, strftime("%Y%m%d%H%M%SZ", utc).encode())


def name(attributes: Sequence[tuple[bytes, str]]) -> bytes:
    """Name: one attribute per RDN, as UTF8String."""
    return sequence(*(tlv(0x31, sequence(kind, tlv(0x0C, text.encode()))) for kind, text in attributes))


def extension(kind: bytes, value: bytes, *, critical: bool = False) -> bytes:
    """Extension."""
    return sequence(kind, TRUE if critical else b"", octets(value))


def public_key(point: bytes) -> bytes:
    """SubjectPublicKeyInfo of a P-256 key (RFC 5480, 2)."""
    return sequence(sequence(ID_EC_PUBLIC_KEY, PRIME256V1), bits(point))


def private_key(value: int, point: bytes) -> bytes:
    """PKCS #8 PrivateKeyInfo around an RFC 5915 ECPrivateKey."""
    inner = sequence(integer(1), octets(value.to_bytes(COORDINATE, "big")), tlv(0xA1, bits(point)))
    return sequence(integer(0), sequence(ID_EC_PUBLIC_KEY, PRIME256V1), octets(inner))


def key_id(point: bytes) -> bytes:
    """The key identifier: 160 bits of the point itself, which are unique already (RFC 5280, 4.2.1.2 leaves the method free).

    A hash would do no more, and `hashlib` takes 3 ms of every start to load.
    """
    return point[1:21]


def authority_extensions(point: bytes) -> tuple[bytes, ...]:
    """Those of a CA that may sign leaves and no further CA."""
    return (
        extension(BASIC_CONSTRAINTS, sequence(TRUE, integer(0)), critical=True),
        extension(KEY_USAGE, KEY_CERT_SIGN, critical=True),
        extension(SUBJECT_KEY_ID, octets(key_id(point))),
    )


def leaf_extensions(host: str, point: bytes, *, issuer_point: bytes, named: bool) -> tuple[bytes, ...]:
    """Those of a server certificate for exactly this host name or address literal.

    The alternative name is critical where the subject is empty, that is not `named` (RFC 5280, 4.2.1.6).
    """
    return (
        extension(BASIC_CONSTRAINTS, sequence(), critical=True),
        extension(KEY_USAGE, DIGITAL_SIGNATURE, critical=True),
        extension(EXTENDED_KEY_USAGE, sequence(SERVER_AUTH)),
        extension(SUBJECT_ALT_NAME, sequence(_general_name(host)), critical=not named),
        extension(SUBJECT_KEY_ID, octets(key_id(point))),
        extension(AUTHORITY_KEY_ID, sequence(tlv(0x80, key_id(issuer_point)))),
    )


def _general_name(host: str) -> bytes:
    try:
        return tlv(0x87, ip_address(host).packed)
    except ValueError:
        return tlv(0x82, host.encode("ascii"))


def to_be_signed(certificate: Certificate) -> bytes:
    """TBSCertificate, version 3."""
    return sequence(
        tlv(0xA0, integer(2)),
        integer(certificate.serial),
        sequence(ECDSA_WITH_SHA256),
        certificate.issuer,
        sequence(time(certificate.not_before), time(certificate.not_after)),
        certificate.subject,
        public_key(certificate.public_point),
        tlv(0xA3, sequence(*certificate.extensions)),
    )


def signed(body: bytes, signature: bytes) -> bytes:
    """Certificate: the signed body, and the ECDSA-Sig-Value that was made over it."""
    return sequence(body, sequence(ECDSA_WITH_SHA256), bits(signature))
