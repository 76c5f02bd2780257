"""Content codings are undone as the bytes pass: exactly, in any pieces, and never into more than a bound."""

import gzip
import zlib
from collections.abc import Callable, Sequence

import brotli
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from bot_bottle.gates.egress.decoding import FREE, GROWTH, Decoder
from bot_bottle.gates.egress.framing import Malformed, ResponseHead
from bot_bottle.gates.egress.plain_answer import PlainAnswer


def raw_deflate(content: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(content) + packer.flush()


CODINGS: dict[str, tuple[str, Callable[[bytes], bytes]]] = {
    "gzip": ("gzip", gzip.compress),
    "x-gzip": ("X-GZip", gzip.compress),
    "gzip of two members": ("gzip", lambda content: gzip.compress(content[:5]) + gzip.compress(content[5:])),
    "deflate": ("deflate", zlib.compress),
    "raw deflate": ("deflate", raw_deflate),
    "brotli": ("br", brotli.compress),
    "zstd": ("zstd", zstandard.compress),
    "zstd of two frames": ("zstd", lambda content: zstandard.compress(content[:5]) + zstandard.compress(content[5:])),
}


def undo(decoder: Decoder, packed: bytes, cuts: Sequence[int]) -> bytes:
    texts, start = [], 0
    for end in [*sorted(cuts), len(packed)]:
        texts.append(decoder.feed(packed[start:end]))
        start = end
    decoder.finish()
    return b"".join(texts)


@given(st.binary(max_size=3000), st.lists(st.integers(0, 3000), max_size=8), st.sampled_from(sorted(CODINGS)))
def test_what_was_packed_comes_out_whatever_the_pieces(content: bytes, cuts: list[int], kind: str) -> None:
    name, pack = CODINGS[kind]
    assert undo(Decoder([name]), pack(content), cuts) == content


@given(st.binary(max_size=500), st.lists(st.sampled_from(sorted(CODINGS)), min_size=2, max_size=3))
def test_codings_are_undone_from_the_last_to_the_first(content: bytes, kinds: list[str]) -> None:
    packed = content
    for kind in kinds:
        packed = CODINGS[kind][1](packed)
    assert undo(Decoder([CODINGS[kind][0] for kind in kinds]), packed, [7, 20]) == content


@pytest.mark.parametrize("kind", sorted(CODINGS))
def test_a_megabyte_comes_out_in_full(kind: str) -> None:
    name, pack = CODINGS[kind]
    content = b"".join(b"line %d of a page\n" % number for number in range(60_000))
    assert undo(Decoder([name]), pack(content), range(0, 200_000, 16_384)) == content


@pytest.mark.parametrize("kind", sorted(CODINGS))
def test_a_bomb_is_refused_before_it_is_large(kind: str) -> None:
    name, pack = CODINGS[kind]
    packed = pack(bytes(16 * 1024 * 1024))
    decoder = Decoder([name])
    texts: list[bytes] = []
    parts = (packed[start : start + 1024] for start in range(0, len(packed), 1024))
    with pytest.raises(Malformed, match="grows too much"):
        texts.extend(map(decoder.feed, parts))
    assert sum(map(len, texts)) <= FREE + GROWTH * len(packed)


def test_a_bomb_inside_a_bomb_is_refused() -> None:
    packed = gzip.compress(gzip.compress(bytes(32 * 1024 * 1024)))
    with pytest.raises(Malformed, match="grows too much"):
        Decoder(["gzip", "gzip"]).feed(packed)


@pytest.mark.parametrize("kind", sorted(CODINGS))
def test_what_ends_in_the_middle_is_refused(kind: str) -> None:
    name, pack = CODINGS[kind]
    decoder = Decoder([name])
    decoder.feed(pack(b"content" * 20)[:-1])
    with pytest.raises(Malformed, match="ends in the middle"):
        decoder.finish()


@pytest.mark.parametrize("kind", sorted(CODINGS))
def test_what_goes_on_after_its_end_is_refused(kind: str) -> None:
    name, pack = CODINGS[kind]
    with pytest.raises(Malformed):
        undo(Decoder([name]), pack(b"content" * 20) + b"HTTP/1.1 200 OK\r\n", [])


@pytest.mark.parametrize("name", ["gzip", "deflate", "br", "zstd"])
def test_what_is_not_of_the_coding_is_refused(name: str) -> None:
    with pytest.raises(Malformed):
        undo(Decoder([name]), b"\xff\xfeplain text, and more of it", [])


@pytest.mark.parametrize("names", [["compress"], ["aes128gcm"], ["gzip", "x"], [""], ["gzip"] * 4])
def test_unknown_and_too_many_codings_are_refused(names: list[str]) -> None:
    with pytest.raises(Malformed):
        Decoder(names)


def test_an_answer_without_a_byte_has_no_coding_to_end() -> None:
    assert undo(Decoder(["gzip"]), b"", []) == b""


def test_what_a_server_flushed_comes_out_at_once() -> None:
    packer, decoder = zlib.compressobj(wbits=31), Decoder(["gzip"])
    for number in range(3):
        event = b"data: %d\n\n" % number
        assert decoder.feed(packer.compress(event) + packer.flush(zlib.Z_SYNC_FLUSH)) == event


def head(status: int = 200, **fields: str) -> ResponseHead:
    rows = [(name.replace("_", "-"), value) for name, value in fields.items()]
    return ResponseHead(status=status, reason="OK", minor=1, fields=rows, length=3, chunked=False, options=frozenset())


def test_a_decoded_answer_no_longer_says_what_was_true_of_the_coded_one() -> None:
    said = head(content_encoding="gzip", etag='"abc"', accept_ranges="bytes", content_md5="x", x_more="1")
    plain = PlainAnswer(("secret-value",))
    assert plain.begin(said, said.fields, has_body=True) == [("etag", 'W/"abc"'), ("x-more", "1")]
    assert plain.is_decoded


def test_an_answer_without_a_body_keeps_what_it_says_of_one() -> None:
    said = head(content_encoding="gzip", etag='"abc"')
    plain = PlainAnswer(("secret-value",))
    assert plain.begin(said, said.fields, has_body=False) == said.fields
    assert not plain.is_decoded


def test_a_part_of_something_coded_is_refused() -> None:
    said = head(206, content_encoding="gzip")
    with pytest.raises(Malformed, match="a part of something"):
        PlainAnswer(()).begin(said, said.fields, has_body=True)


def test_the_answer_is_scrubbed_after_it_was_decoded() -> None:
    said = head(content_encoding="gzip")
    plain = PlainAnswer(("secret-value",))
    plain.begin(said, said.fields, has_body=True)
    packed = gzip.compress(b"it is secret-value, you see")
    assert plain.feed(packed[:20]) + plain.finish(packed[20:]) == b"it is ************, you see"
