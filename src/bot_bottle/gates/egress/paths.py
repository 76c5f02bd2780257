"""The request target in one spelling: what rules match is what is sent upstream (RFC 3986, RFC 9112 section 3.2).

The octets come from the bottle. Normalised once: `%XX` of unreserved characters is decoded, its hex digits made upper-case,
characters that no URI may hold are encoded, `.` segments dropped. Refused: whatever servers are known to read in two ways.
Encoded slashes and doubled ones have honest uses (scoped npm names, addresses inside paths); they stay as written, and a rule
must allow every reading of them (`readings`), while a deny needs one.
"""

import re
from typing import NamedTuple
from urllib.parse import quote_from_bytes, unquote_to_bytes

from bot_bottle.errors import Refused

TARGET_LIMIT = 16 * 1024
PATH_LIMIT = 4096
QUERY_KEYS_LIMIT = 512

_SIMPLE_PATH = re.compile(rb"(?:/[A-Za-z0-9_~!$&'()*+,=:@-][A-Za-z0-9._~!$&'()*+,=:@-]*)+/?|/")
# The common case: no percent, no empty segment, no segment that begins with a dot.
_TRIPLET = re.compile(r"%([0-9A-Fa-f]{2})")
_BROKEN_TRIPLET = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_CONTROL = re.compile(rb"[\x00-\x20\x7f]")
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_RESERVED_IN_SEGMENT = frozenset(b"!$&'()*+,=:@")
_PATH_SAFE = "/-._~!$&'()*+,=:@%"
_REFUSED_OCTETS = {0x3B: "“;”", 0x5C: "a backslash", 0x7F: "a control character"} | {n: "a control character" for n in range(32)}


class Target(NamedTuple):
    """A canonical target: the path as sent, the decoded query pairs, and the query as sent (None: there is no `?`)."""

    path: str
    query: tuple[tuple[str, str], ...] = ()
    raw_query: str | None = None

    @property
    def wire(self) -> str:
        """What goes upstream; canonical, so that `canonical_target` of it is this very target."""
        return self.path if self.raw_query is None else f"{self.path}?{self.raw_query}"


def canonical_target(raw: bytes) -> Target:
    """The one spelling of an origin-form target. Refused with the reason when it has none."""
    if len(raw) > TARGET_LIMIT:
        raise Refused(f"The request target is longer than {TARGET_LIMIT} bytes.")
    path, mark, query = raw.partition(b"?")
    canonical = path.decode("ascii") if len(path) <= PATH_LIMIT and _SIMPLE_PATH.fullmatch(path) else _path(path)
    return _with_query(canonical, query) if mark else Target(canonical)


def readings(path: str) -> tuple[str, ...]:
    """Every way in which a server may read a canonical path, for matching; the plain one first.

    Reserved characters count alike encoded or not. `%2F` may be a slash or not, and empty segments may be dropped or not.
    """
    if "%" not in path and "//" not in path:
        return (path,)
    folded = _TRIPLET.sub(_fold, path) if "%" in path else path
    split = folded.replace("%2F", "/")
    return tuple(dict.fromkeys((folded, split, re.sub(r"/{2,}", "/", folded), re.sub(r"/{2,}", "/", split))))


def without_keys(raw_query: str | None, keys: frozenset[str]) -> str | None:
    """The query without every pair whose key, in any reading, is one of `keys` (lower-case); None when nothing is left."""
    if raw_query is None:
        return None
    kept = [piece for piece in raw_query.split("&") if _key_readings(piece).isdisjoint(keys)]
    return "&".join(kept) if kept else None


def _key_readings(piece: str) -> set[str]:
    key = piece.partition("=")[0]
    decoded = unquote_to_bytes(key).decode("utf-8", "replace").lower()
    spaced = unquote_to_bytes(key.replace("+", " ")).decode("utf-8", "replace").lower()
    return {decoded, spaced, decoded.strip(), spaced.strip()}


def _path(raw: bytes) -> str:
    _check_octets(raw, "path")
    if not raw.startswith(b"/"):
        raise Refused("The request target is not an absolute path.")
    if raw.startswith(b"//"):
        raise Refused("The path begins with “//”, which some servers read as the name of another host.")
    if len(raw) > PATH_LIMIT:
        raise Refused(f"The path is longer than {PATH_LIMIT} bytes.")
    text = _TRIPLET.sub(_decode_unreserved, quote_from_bytes(raw, safe=_PATH_SAFE))
    _check_decoded(text)
    segments = text.split("/")
    kept = [segment for segment in segments if segment != "."]
    path = "/".join(kept if segments[-1] != "." else [*kept, ""])
    _check_segments(path)
    return path


def _check_octets(raw: bytes, where: str) -> None:
    if _CONTROL.search(raw):
        raise Refused(f"The {where} of the request target has a space or a control character.")
    if b"#" in raw:
        raise Refused("The request target has a fragment (“#”).")
    if _BROKEN_TRIPLET.search(raw):
        raise Refused(f"The {where} of the request target has a “%” that is not followed by two hexadecimal digits.")


def _check_decoded(text: str) -> None:
    """On the path with unreserved characters decoded: what the rest of the encoding hides."""
    octets = unquote_to_bytes(text)
    for octet, name in _REFUSED_OCTETS.items():
        if octet in octets:
            raise Refused(f"The path has {name}, plain or encoded; servers disagree about what that means.")
    if re.search(r"%25[0-9A-Fa-f]{2}", text):
        raise Refused("The path is percent-encoded twice.")
    try:
        octets.decode("utf-8")
    except UnicodeDecodeError:
        raise Refused("The path is not UTF-8 after decoding.") from None


def _check_segments(path: str) -> None:
    if path.startswith("//"):
        raise Refused("The path begins with “//”, which some servers read as the name of another host.")
    for reading in readings(path):
        segments = reading.split("/")
        if ".." in segments or "." in segments:
            raise Refused("The path has a “..” segment, plain or encoded; send the path it leads to.")


def _decode_unreserved(match: re.Match[str]) -> str:
    octet = int(match[1], 16)
    return chr(octet) if octet in _UNRESERVED else f"%{octet:02X}"


def _fold(match: re.Match[str]) -> str:
    octet = int(match[1], 16)
    return chr(octet) if octet in _RESERVED_IN_SEGMENT else match[0]


def _with_query(path: str, raw: bytes) -> Target:
    """The query keeps its spelling (signatures are made over it), except for characters that split it on some servers."""
    _check_octets(raw, "query")
    try:
        text = raw.decode("utf-8")
        spelled = text.replace(";", "%3B").replace("\\", "%5C")
        if not spelled.isascii():
            spelled = "".join(mark if mark.isascii() else quote_from_bytes(mark.encode()) for mark in spelled)
        pieces = spelled.split("&", QUERY_KEYS_LIMIT)
        if len(pieces) > QUERY_KEYS_LIMIT:
            raise Refused(f"The query has more than {QUERY_KEYS_LIMIT} parts.")
        pairs = tuple(_pair(piece) for piece in pieces if piece)
    except UnicodeDecodeError:
        raise Refused("The query is not UTF-8 after decoding.") from None
    return Target(path, pairs, spelled)


def _pair(piece: str) -> tuple[str, str]:
    key, _, value = piece.partition("=")
    return _decoded(key), _decoded(value)


def _decoded(text: str) -> str:
    if "%" not in text and "+" not in text:
        return text
    octets = unquote_to_bytes(text.replace("+", " "))
    if b"\0" in octets:
        raise Refused("The query has a NUL.")
    return octets.decode("utf-8")
