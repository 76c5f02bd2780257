"""The root certificates that this host trusts. Reads files, parses nothing; on the way of every start, so it imports little."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from bot_bottle.errors import CannotRunHere

WELL_KNOWN_ROOTS = (
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
)
"""Where Debian, Fedora, RHEL, SUSE and Alpine (and macOS) keep the merged roots."""


def find_roots(environment: Mapping[str, str], *, root: Path = Path("/")) -> Path:
    """The file that holds the roots this host trusts: SSL_CERT_FILE, else the well-known places. CannotRunHere without one."""
    named = environment.get("SSL_CERT_FILE", "")
    if named:
        if Path(named).is_file():
            return Path(named)
        raise CannotRunHere(
            "SSL_CERT_FILE names a file that does not exist.",
            facts=(f"SSL_CERT_FILE is {named!r}",),
            next="Correct or unset SSL_CERT_FILE.",
        )
    for place in WELL_KNOWN_ROOTS:
        path = root / place.lstrip("/")
        if path.is_file():
            return path
    raise CannotRunHere(
        "This host has no file of trusted root certificates.",
        facts=(f"looked at {', '.join(WELL_KNOWN_ROOTS)}",),
        next="Install the package ca-certificates, or set SSL_CERT_FILE to a PEM file of roots.",
    )


def merge_roots(certificate_pem: str, roots: Iterable[Path]) -> bytes:
    """The bottle's CA certificate followed by the content of these PEM files, concatenated without parsing.

    First, because a client that reads a single certificate from the file reads the one it needs.
    """
    parts = [certificate_pem.encode(), *(path.read_bytes() for path in roots)]
    return b"\n".join(part.strip() for part in parts) + b"\n"
