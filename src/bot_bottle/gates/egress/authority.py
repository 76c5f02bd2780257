"""The bottle's own certificate authority: made once per bottle, trusted inside that bottle only, signs one leaf per host.

Its key never leaves the process that made it (the bundle) and is written nowhere; the bottle sees the certificate. Imports are
kept to the elliptic-curve part of `cryptography` (a third of the time that its X.509 part takes): a CA is made on every start.
"""

import os
from base64 import b64encode
from time import time
from typing import TYPE_CHECKING

from bot_bottle.gates.egress import der
from bot_bottle.record import dataclass

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey

AUTHORITY_LIFE_S = 90 * 86_400.0
"""Outlives any one run of an agent; short enough that a certificate left behind is soon worth nothing."""

LEAF_LIFE_S = 7 * 86_400.0
CLOCK_SKEW_S = 86_400.0
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


class Authority:
    """A CA with a P-256 key and path length 0, made here and now. One leaf key serves every host: all live and die with it."""

    def __init__(self, slug: str, *, now: float | None = None) -> None:
        from cryptography.hazmat.primitives.asymmetric import ec

        self._name = der.name([(der.ORGANIZATION, "bot-bottle"), (der.COMMON_NAME, f"bot-bottle {slug}"[:COMMON_NAME_LIMIT])])
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._point = _point(self._key)
        leaf_key = ec.generate_private_key(ec.SECP256R1())
        self._leaf_point = _point(leaf_key)
        self._leaf_key_pem = _pem("PRIVATE KEY", der.private_key(leaf_key.private_numbers().private_value, self._leaf_point))
        self.certificate = self._certify(time() if now is None else now)
        """The CA's own certificate, PEM."""

    def _certify(self, moment: float) -> str:
        certificate = der.Certificate(
            serial=_serial(),
            issuer=self._name,
            subject=self._name,
            not_before=moment - CLOCK_SKEW_S,
            not_after=moment + AUTHORITY_LIFE_S,
            public_point=self._point,
            extensions=der.authority_extensions(self._point),
        )
        return _pem("CERTIFICATE", _sign(certificate, self._key))

    def leaf(self, host: str, *, now: float | None = None) -> Pair:
        """A server certificate for one canonical host name or address literal, and its key."""
        moment = time() if now is None else now
        named = len(host) <= COMMON_NAME_LIMIT
        certificate = der.Certificate(
            serial=_serial(),
            issuer=self._name,
            subject=der.name([(der.COMMON_NAME, host)] if named else []),
            not_before=moment - CLOCK_SKEW_S,
            not_after=moment + LEAF_LIFE_S,
            public_point=self._leaf_point,
            extensions=der.leaf_extensions(host, self._leaf_point, issuer_point=self._point, named=named),
        )
        return Pair(certificate=_pem("CERTIFICATE", _sign(certificate, self._key)), key=self._leaf_key_pem)


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
