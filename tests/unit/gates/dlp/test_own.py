"""The operator's own secrets are found in every encoding, any composition of three, on any surface, however it is cut."""

import base64
import binascii
import bz2
import codecs
import gzip
import json
import lzma
import random
import zlib
from collections.abc import Callable
from urllib.parse import quote

import brotli
import pytest
import zstandard
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from bot_bottle.gates.dlp.detectors.catalogue import OUTGOING
from bot_bottle.gates.dlp.own import OwnSecret
from bot_bottle.gates.dlp.records import Finding, Surface, View
from bot_bottle.gates.dlp.scan import Scanner

SECRET = b"hT7-kPq_29.vLx/Ww+4mZzR1"
ENGINES = ("hyperscan", "aho-corasick")


def every_percent(text: bytes) -> bytes:
    return b"".join(b"%%%02X" % byte for byte in text)


def unicode_escapes(text: bytes) -> bytes:
    return b"".join(b"\\u%04x" % byte for byte in text)


def hex_escapes(text: bytes) -> bytes:
    return b"".join(b"\\x%02x" % byte for byte in text)


def raw_deflate(text: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(text) + packer.flush()


def hex_with(delimiter: bytes) -> Callable[[bytes], bytes]:
    return lambda text: delimiter.join(b"%02x" % byte for byte in text)


ENCODINGS: dict[str, Callable[[bytes], bytes]] = {
    "plain": bytes,
    "percent": every_percent,
    "percent where needed": lambda text: quote(text, safe="").encode(),
    "base64": base64.b64encode,
    "url-safe base64": base64.urlsafe_b64encode,
    "unpadded base64": lambda text: base64.b64encode(text).rstrip(b"="),
    "base32": base64.b32encode,
    "hex": binascii.hexlify,
    "upper-case hex": lambda text: binascii.hexlify(text).upper(),
    "unicode escapes": unicode_escapes,
    "hex escapes": hex_escapes,
    "backwards": lambda text: text[::-1],
    "gzip": lambda text: gzip.compress(text, mtime=0),
    "zlib": zlib.compress,
    "deflate": raw_deflate,
    "brotli": brotli.compress,
    "zstd": lambda text: zstandard.ZstdCompressor().compress(text),
    "xz": lzma.compress,
    "bzip2": bz2.compress,
}
"""Those that may be composed in any order."""

# Only next to the secret itself, and not read backwards: each is a way to write text, not to pack it.
FIRST: dict[str, Callable[[bytes], bytes]] = {
    "base64 behind one byte": lambda text: base64.b64encode(b"x" + text),
    "base64 behind two bytes": lambda text: base64.b64encode(b"xy" + text),
    "hex with dashes": hex_with(b"-"),
    "hex with colons": hex_with(b":"),
    "hex with blanks": hex_with(b" "),
    "hex with 0x": lambda text: b", ".join(b"0x%02x" % byte for byte in text),
    "UTF-16 little-endian": lambda text: text.decode().encode("utf-16-le"),
    "UTF-16 big-endian": lambda text: text.decode().encode("utf-16-be"),
    "JSON": lambda text: json.dumps(text.decode()).encode(),
    "HTML entities": lambda text: b"".join(b"&#%d;" % byte for byte in text),
    "decimal codes": lambda text: b",".join(b"%d" % byte for byte in text),
    "rot13": lambda text: codecs.encode(text.decode(), "rot13").encode(),
    "quoted-printable": lambda text: b"".join(b"=%02X" % byte for byte in text),
    "zero-width characters": lambda text: b"\xe2\x80\x8b".join(text[at : at + 3] for at in range(0, len(text), 3)),
    "blanks between": lambda text: b" ".join(text[at : at + 1] for at in range(len(text))),
    "escaped slash": lambda text: text.replace(b"/", b"\\/"),
    "lower case": bytes.lower,
}

SCANNERS = {
    engine: Scanner(OUTGOING, key=b"k", secrets=(OwnSecret("API", SECRET), OwnSecret("BAIT", b"canary-5f3e9a1c77", "canary")), engine=engine)
    for engine in ENGINES
}  # fmt: skip


UNMARKED = frozenset(("deflate", "brotli"))
"""Formats whose texts have no mark: recognised where a whole body, field or decoded text is one, not in the middle of others.
The same holds for compressed texts written backwards."""


def around(chain: list[str], before: bytes, text: bytes, after: bytes) -> bytes:
    """The encoded secret in the middle of other text, or alone where its last encoding has no mark."""
    last = [name for name in chain if name != "plain"]
    packed = {"gzip", "zlib", "zstd", "xz", "bzip2"}
    is_bare = bool(last) and (last[-1] in UNMARKED or (last[-1] == "backwards" and bool((packed | UNMARKED) & set(last))))
    return text if is_bare else before + text + after


def found(content: bytes, *, surface: Surface = "body", engine: str = "hyperscan") -> list[Finding]:
    return [one for one in SCANNERS[engine].scan((View(surface, "here", content),)) if one.kind in {"own", "canary"}]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", [*ENCODINGS, *FIRST])
def test_a_secret_is_found_in_each_encoding(name: str, engine: str) -> None:
    encode = (ENCODINGS | FIRST)[name]
    assert found(around([name], b'{"note": "', encode(SECRET), b'"}'), engine=engine), encode(SECRET)


@pytest.mark.parametrize("engine", ENGINES)
def test_text_without_the_secret_has_no_finding(engine: str) -> None:
    others = (SECRET[:-1] + b"2", SECRET[1:], base64.b64encode(SECRET[:12]), b"nothing to see here " * 50)
    assert [found(other, engine=engine) for other in others] == [[], [], [], []]


@pytest.mark.parametrize("engine", ENGINES)
def test_escapes_that_are_percent_encoded_and_reversed_are_found(engine: str) -> None:
    chain = ["unicode escapes", "percent where needed", "backwards"]
    text = SECRET
    for name in chain:
        text = ENCODINGS[name](text)
    assert found(around(chain, b"k=", text, b"\n"), engine=engine), text


names = st.sampled_from(sorted(ENCODINGS))


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    chain=st.lists(names, max_size=3),
    first=st.sampled_from(["", "", "", *sorted(FIRST)]),
    surface=st.sampled_from(["body", "header", "cookie", "frame", "git", "mcp", "url"]),
    before=st.sampled_from([b"", b"k=", b'{"a": "', b"text in front, ", b"\n"]),
    engine=st.sampled_from(ENGINES),
)
def test_any_composition_of_three_encodings_is_found(
    chain: list[str], first: str, surface: Surface, before: bytes, engine: str
) -> None:
    text = SECRET
    if first and len(chain) < 3 and "backwards" not in chain:
        text = FIRST[first](text)
    for name in chain:
        text = ENCODINGS[name](text)
    content = around(chain, before, text, b"\n")
    assert found(content, surface=surface, engine=engine), text


@settings(max_examples=100, deadline=None)
@given(dice=st.randoms(use_true_random=False), size=st.integers(20, 60), chain=st.lists(names, max_size=2))
def test_any_printable_secret_is_found(dice: random.Random, size: int, chain: list[str]) -> None:
    secret = bytes(dice.randrange(33, 127) for _ in range(size))
    assume(len(set(secret)) >= 12)
    scanner = Scanner((), key=b"k", secrets=(OwnSecret("S", secret),))
    text = secret
    for name in chain:
        text = ENCODINGS[name](text)
    content = around(chain, b"data: ", text, b" end")
    assert scanner.scan((View("body", "here", content),)), text


def test_a_canary_is_told_from_a_secret() -> None:
    assert {one.kind for one in found(b"canary-5f3e9a1c77")} == {"canary"}


def test_one_line_of_a_private_key_gives_it_away() -> None:
    line = b"b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtz"
    key = b"-----BEGIN X-----\n" + line + b"\nc2gtZWQyNTUxOQAAACBzb21ldGhpbmdlbHNlZW50aXJlbHk\n-----END X-----\n"
    scanner = Scanner((), key=b"k", secrets=(OwnSecret("KEY", key),))
    assert scanner.scan((View("body", "here", b"x=" + line),))


def test_a_secret_with_a_nul_byte_is_found_whole_and_never_by_its_beginning() -> None:
    scanner = Scanner((), key=b"k", secrets=(OwnSecret("RAW", b"ab\0cdefghijkl"),))
    assert scanner.scan((View("body", "here", b"..ab\0cdefghijkl.."),))
    assert not scanner.scan((View("body", "here", b"ab is a common pair, about to be seen"),))


def test_a_finding_shows_no_more_than_four_characters() -> None:
    (one,) = found(b"token " + SECRET)
    assert SECRET[:4].decode() in one.describe()
    assert SECRET[4:8].decode() not in one.describe()
    assert SECRET.decode() not in repr(one)


def test_a_fingerprint_depends_on_the_key() -> None:
    other = Scanner((), key=b"other", secrets=(OwnSecret("API", SECRET),))
    assert other.scan((View("body", "here", SECRET),))[0].fingerprint != found(SECRET)[0].fingerprint


def test_a_text_of_nothing_but_escapes_does_not_drown_the_secret() -> None:
    text = quote(every_percent(hex_escapes(SECRET)), safe="").encode()
    assert found(text)
