"""Java's own file of roots (a "JKS" key store), which holds the bottle's certificate and the host's roots. Pure.

Its form is that of OpenJDK's `sun.security.provider.JavaKeyStore`, version 2: a magic number, the entries, and a hash with a
password over all of it that only says whether the file is whole; "changeit" is the password of every JDK's own.
"""

import hashlib
import re
import struct
from base64 import b64decode

MAGIC = 0xFEEDFEED
VERSION = 2
TRUSTED_CERTIFICATE = 2
PASSWORD = "changeit"  # noqa: S105  # it protects nothing: certificates are public
PEPPER = b"Mighty Aphrodite"
KIND = b"X.509"
_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----([^-]*)-----END CERTIFICATE-----")


def java_roots(pem: str) -> bytes:
    """The certificates of a PEM file, in the same order."""
    found = [b64decode("".join(match.split())) for match in _CERTIFICATE.findall(pem)]
    body = struct.pack(">III", MAGIC, VERSION, len(found)) + b"".join(_entry(number, one) for number, one in enumerate(found))
    return body + hashlib.sha1(PASSWORD.encode("utf-16-be") + PEPPER + body).digest()  # noqa: S324  # the format's own


def _entry(number: int, certificate: bytes) -> bytes:
    alias = f"root-{number}".encode()
    head = struct.pack(">IH", TRUSTED_CERTIFICATE, len(alias)) + alias + struct.pack(">QH", 0, len(KIND)) + KIND
    return head + struct.pack(">I", len(certificate)) + certificate
