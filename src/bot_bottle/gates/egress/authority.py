"""The bottle's own certificate authority: made once per bottle, trusted inside that bottle only, signs one leaf per host.

Its key stays in the stage dir and in the bundle; the bottle sees the certificate. Imports are kept to the elliptic-curve part
of `cryptography` (a third of the time that its X.509 part takes), because making a CA is on the start path.
"""

import os
from base64 import b64decode, b64encode
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from bot_bottle.errors import CannotRunHere
from bot_bottle.gates.egress import der
from bot_bottle.record import dataclass

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

AUTHORITY_LIFE = timedelta(days=90)
"""Outlives any one run of an agent; short enough that a certificate left behind is soon worth nothing."""

LEAF_LIFE = timedelta(days=7)
CLOCK_SKEW = timedelta(days=1)
"""How far a guest's clock may be behind the host's: microVMs start with the clock of their snapshot."""

COMMON_NAME_LIMIT = 64
"""ub-common-name (RFC 5280, appendix A.1)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Pair:
    """A certificate and its key, both PEM."""

    certificate: str
    key: str

    def __repr__(self) -> str:
        return "Pair(...)"


def make_authority(slug: str, *, now: datetime | None = None) -> tuple[str, str]:
    """A new CA for one bottle: its certificate and its private key, both PEM. Own P-256 key, path length 0."""
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    point = _point(key)
    moment = now or datetime.now(UTC)
    subject = _authority_name(f"bot-bottle {slug}")
    certificate = der.Certificate(
        serial=_serial(),
        issuer=subject,
        subject=subject,
        not_before=moment - CLOCK_SKEW,
        not_after=moment + AUTHORITY_LIFE,
        public_point=point,
        extensions=der.authority_extensions(point),
    )
    private = der.private_key(key.private_numbers().private_value, point)
    return _pem("CERTIFICATE", _sign(certificate, key)), _pem("PRIVATE KEY", private)


class Authority:
    """A loaded CA that signs leaves. One leaf key serves every host: all leaves live and die with this process."""

    def __init__(self, key_pem: str, *, slug: str) -> None:
        from cryptography.hazmat.primitives.asymmetric import ec

        self._name = _authority_name(f"bot-bottle {slug}")
        self._key = ec.derive_private_key(_private_value(key_pem), ec.SECP256R1())
        self._point = _point(self._key)
        leaf_key = ec.generate_private_key(ec.SECP256R1())
        self._leaf_point = _point(leaf_key)
        self._leaf_key_pem = _pem("PRIVATE KEY", der.private_key(leaf_key.private_numbers().private_value, self._leaf_point))

    def leaf(self, host: str, *, now: datetime | None = None) -> Pair:
        """A server certificate for one canonical host name or address literal, and its key."""
        moment = now or datetime.now(UTC)
        named = len(host) <= COMMON_NAME_LIMIT
        certificate = der.Certificate(
            serial=_serial(),
            issuer=self._name,
            subject=der.name([(der.COMMON_NAME, host)] if named else []),
            not_before=moment - CLOCK_SKEW,
            not_after=moment + LEAF_LIFE,
            public_point=self._leaf_point,
            extensions=der.leaf_extensions(host, self._leaf_point, issuer_point=self._point, named=named),
        )
        return Pair(certificate=_pem("CERTIFICATE", _sign(certificate, self._key)), key=self._leaf_key_pem)


def read_private(path: Path) -> str:
    """The content of a key file that only its owner may read; CannotRunHere when others may."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    with open(descriptor, encoding="ascii") as file:
        mode = os.fstat(file.fileno()).st_mode & 0o777
        if mode & 0o077:
            raise CannotRunHere(
                "The bottle's CA key is readable by others.", facts=(f"{path} has mode {mode:04o}",), next="Remove the bottle."
            )
        return file.read()


def _authority_name(common_name: str) -> bytes:
    return der.name([(der.ORGANIZATION, "bot-bottle"), (der.COMMON_NAME, common_name[:COMMON_NAME_LIMIT])])


def _serial() -> int:
    """128 random bits below a leading one bit: positive, unique, at most 20 octets (RFC 5280, 4.1.2.2)."""
    return 1 << 127 | int.from_bytes(os.urandom(16), "big") >> 1


def _point(key: "EllipticCurvePrivateKey") -> bytes:
    numbers = key.public_key().public_numbers()
    return b"\x04" + numbers.x.to_bytes(der.COORDINATE, "big") + numbers.y.to_bytes(der.COORDINATE, "big")


def _sign(certificate: der.Certificate, key: "EllipticCurvePrivateKey") -> bytes:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    body = der.to_be_signed(certificate)
    return der.signed(body, key.sign(body, ec.ECDSA(hashes.SHA256())))


def _pem(label: str, content: bytes) -> str:
    text = b64encode(content).decode()
    lines = [text[start : start + 64] for start in range(0, len(text), 64)]
    return "\n".join([f"-----BEGIN {label}-----", *lines, f"-----END {label}-----", ""])


def _private_value(pem: str) -> int:
    """The private scalar from a key that `make_authority` wrote: its form is fixed, so its place is too."""
    content = b64decode("".join(line for line in pem.splitlines() if not line.startswith("-----")), validate=True)
    start = _SCALAR_AT
    value = content[start : start + der.COORDINATE]
    point = content[-65:]
    expected = der.private_key(int.from_bytes(value, "big"), point)
    if content != expected:
        raise CannotRunHere("The bottle's CA key is not one that bot-bottle wrote.", next="Remove the bottle and run it again.")
    return int.from_bytes(value, "big")


_SCALAR_AT = der.private_key(int.from_bytes(b"\x01" * der.COORDINATE, "big"), b"\x04" + bytes(64)).index(b"\x01" * der.COORDINATE)
"""Where the private scalar lies in every key of our one form."""
