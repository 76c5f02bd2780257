"""AWS Signature Version 4 in a header: what the bottle signed with nothing is signed with the operator's key. Pure.

Format: AWS IAM User Guide, “AWS Signature Version 4 for API requests”. The bottle writes the request; the operator wrote service
and region. The key signs for those only, and only requests whose meaning their host, path and query show.
"""

import hashlib
import hmac
import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from urllib.parse import quote, unquote_to_bytes

from bot_bottle.errors import Refused
from bot_bottle.record import dataclass, field

Headers = Sequence[tuple[str, str]]

EMPTY = hashlib.sha256(b"").hexdigest()
UNSIGNED = "UNSIGNED-PAYLOAD"
UNSIGNED_CHUNKS = "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
"""Bodies that S3 takes without a digest in the signature, because TLS protects them; no other service does."""

_DIGEST = re.compile(r"[0-9a-f]{64}")
_KEY_ID = re.compile(r"[A-Za-z0-9_]{3,128}")
_SECRET = re.compile(r"[\x21-\x7e]{1,4096}")
_SCOPE = re.compile(r"Credential=[^/\s,]*/\d{8}/([^/\s,]*)/([^/\s,]*)/aws4_request")
_SIGNED = frozenset({"content-type", "content-md5", "range"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Key:
    """An access key; `token` is empty for one that does not expire."""

    key_id: str
    secret: str = field(repr=False)
    token: str = field(default="", repr=False)


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """The request as it is sent, without the signature."""

    method: str
    authority: str
    path: str
    raw_query: str | None
    has_body: bool


def read_key(text: str) -> Key:
    """`ID:SECRET`, `ID:SECRET:TOKEN`, or the JSON that `aws configure export-credentials` prints. Refused for anything else."""
    if text.lstrip().startswith("{"):
        try:
            row = json.loads(text)
        except ValueError:
            raise Refused(_NO_KEY) from None
        parts = [row.get(name) or "" for name in ("AccessKeyId", "SecretAccessKey", "SessionToken")]
    else:
        parts = text.strip().split(":")
        parts += [""] * (3 - len(parts))
    if len(parts) != 3 or not all(isinstance(part, str) for part in parts):
        raise Refused(_NO_KEY)
    key_id, secret, token = parts
    if not _KEY_ID.fullmatch(key_id) or not _SECRET.fullmatch(secret) or (token and not _SECRET.fullmatch(token)):
        raise Refused(_NO_KEY)
    return Key(key_id=key_id, secret=secret, token=token)


_NO_KEY = "An AWS credential is ID:SECRET, ID:SECRET:TOKEN, or what “aws configure export-credentials” prints."


def sign(call: Call, headers: Headers, *, key: Key, service: str, region: str, at: float) -> tuple[tuple[str, str], ...]:
    """The headers with date, token and signature of the gate in place of the bottle's. Refused when it may not be signed."""
    _check(call, headers, service, region)
    payload = _payload(call, headers, service)
    kept = [(name, text) for name, text in headers if _folded(name) not in _OURS]
    stamp = datetime.fromtimestamp(at, UTC).strftime("%Y%m%dT%H%M%SZ")
    kept.append(("x-amz-date", stamp))
    if service == "s3":
        kept.append(("x-amz-content-sha256", payload))
    if key.token:
        kept.append(("x-amz-security-token", key.token))
    signed = _signed([*kept, ("host", call.authority)])
    names = ";".join(name for name, _ in signed)
    lines = [call.method, _path(call.path, service), _query(call.raw_query), *(f"{name}:{text}" for name, text in signed)]
    canonical = "\n".join([*lines, "", names, payload])
    scope = f"{stamp[:8]}/{region}/{service}/aws4_request"
    text = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashlib.sha256(canonical.encode('latin-1')).hexdigest()}"
    signature = _keyed(signing_key(key.secret, stamp[:8], region, service), text).hex()
    proof = f"AWS4-HMAC-SHA256 Credential={key.key_id}/{scope}, SignedHeaders={names}, Signature={signature}"
    return (*kept, ("authorization", proof))


_OURS = frozenset({"authorization", "x-amz-date", "x-amz-content-sha256", "x-amz-security-token", "date"})


def signing_key(secret: str, day: str, region: str, service: str) -> bytes:
    """The key of one day, region and service."""
    key = f"AWS4{secret}".encode()
    for part in (day, region, service, "aws4_request"):
        key = _keyed(key, part)
    return key


def _check(call: Call, headers: Headers, service: str, region: str) -> None:
    for name, text in headers:
        folded = _folded(name)
        if folded.startswith("x-amz-copy-source"):
            raise Refused("A copy reads an object that the credential's host and path do not show; the gate does not sign it.")
        asked = _SCOPE.search(text) if folded == "authorization" else None
        if asked and asked.groups() != (region, service):
            raise Refused(
                f"The request is signed for another service or region; the credential is bound to {service} in {region}."
            )
    for piece in (call.raw_query or "").split("&"):
        if unquote_to_bytes(piece.partition("=")[0]).lower() in {b"x-amz-signature", b"x-amz-credential", b"x-amz-algorithm"}:
            raise Refused("A signature in the query is not replaced by the gate; sign in the header.")


def _payload(call: Call, headers: Headers, service: str) -> str:
    """What stands for the body. A digest is the bottle's word: the server compares it with the body."""
    said = [text.strip() for name, text in headers if _folded(name) == "x-amz-content-sha256"]
    if len(said) > 1:
        raise Refused("The request has several x-amz-content-sha256.")
    if said and _DIGEST.fullmatch(said[0]):
        return said[0]
    if said and not (service == "s3" and said[0] in {UNSIGNED, UNSIGNED_CHUNKS}):
        raise Refused(
            "The gate signs a body by its SHA-256, or unsigned for S3; chunks that are signed one by one it cannot sign."
        )
    if said:
        return said[0]
    if not call.has_body:
        return EMPTY
    if service == "s3":
        return UNSIGNED
    raise Refused(f"A body for {service} is signed by its SHA-256: the request must carry it as x-amz-content-sha256.")


def _signed(headers: Headers) -> list[tuple[str, str]]:
    found: dict[str, list[str]] = {}
    for name, text in headers:
        lowered = name.lower()
        if lowered == "host" or lowered in _SIGNED or lowered.startswith("x-amz-"):
            found.setdefault(lowered, []).append(" ".join(text.split()))
    return [(name, ",".join(found[name])) for name in sorted(found)]


def _path(path: str, service: str) -> str:
    """S3 signs the path encoded once, every other service what is sent encoded once more."""
    return quote(unquote_to_bytes(path) if service == "s3" else path, safe="/-_.~")


def _query(raw: str | None) -> str:
    pairs = [piece.partition("=")[::2] for piece in (raw or "").split("&") if piece]
    return "&".join(f"{name}={text}" for name, text in sorted((_coded(name), _coded(text)) for name, text in pairs))


def _coded(text: str) -> str:
    return quote(unquote_to_bytes(text), safe="-_.~")


def _folded(name: str) -> str:
    return name.lower().replace("_", "-")


def _keyed(key: bytes, text: str) -> bytes:
    return hmac.new(key, text.encode(), hashlib.sha256).digest()
