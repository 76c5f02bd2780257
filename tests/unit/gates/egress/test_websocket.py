"""After a 101 nothing but WebSocket frames is followed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot_bottle.gates.egress.compose import websocket_accept
from bot_bottle.gates.egress.scrub import Scrubber
from bot_bottle.gates.egress.websocket import Frames, NotFrames, ScrubbedFrames


def frame(payload: bytes, *, opcode: int = 1, fin: bool = True, masked: bool = True, reserved: int = 0) -> bytes:
    first = (0x80 if fin else 0) | reserved | opcode
    mask = 0x80 if masked else 0
    if len(payload) < 126:
        head = bytes([first, mask | len(payload)])
    elif len(payload) < 65536:
        head = bytes([first, mask | 126]) + len(payload).to_bytes(2, "big")
    else:
        head = bytes([first, mask | 127]) + len(payload).to_bytes(8, "big")
    return head + (b"\1\2\3\4" if masked else b"") + payload


STREAM = frame(b"a") + frame(b"b" * 126, fin=False) + frame(b"", opcode=9) + frame(b"c" * 70000, opcode=0) + frame(b"", opcode=8)


@given(st.lists(st.integers(min_value=1, max_value=len(STREAM)), max_size=20))
def test_frames_are_followed_whatever_the_pieces(cuts: list[int]) -> None:
    frames, start = Frames(masked=True), 0
    for end in [*sorted(cuts), len(STREAM)]:
        frames.feed(STREAM[start:end])
        start = end


NOT_FRAMES = {
    "an HTTP request": b"GET /internal HTTP/1.1\r\nHost: x\r\n\r\n",
    "an unmasked frame": frame(b"a", masked=False),
    "an unknown kind": frame(b"a", opcode=3),
    "a reserved bit": frame(b"a", reserved=0x20),
    "compression that was not agreed": frame(b"a", reserved=0x40),
    "a long control frame": frame(b"a" * 126, opcode=9),
    "a fragmented control frame": frame(b"a", opcode=8, fin=False),
    "a length over 2**63": b"\x82\xff" + b"\xff" * 8 + b"\1\2\3\4",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03abcdef",
    "SSH": b"SSH-2.0-OpenSSH_9\r\n",
}


@pytest.mark.parametrize("raw", NOT_FRAMES.values(), ids=NOT_FRAMES.keys())
def test_what_is_no_frame_is_refused(raw: bytes) -> None:
    with pytest.raises(NotFrames):
        Frames(masked=True).feed(raw)


def test_servers_do_not_mask() -> None:
    Frames(masked=False).feed(frame(b"a", masked=False))
    with pytest.raises(NotFrames):
        Frames(masked=False).feed(frame(b"a"))


def test_agreed_compression_marks_data_frames_only() -> None:
    Frames(masked=True, compressed=True).feed(frame(b"a", reserved=0x40))
    with pytest.raises(NotFrames):
        Frames(masked=True, compressed=True).feed(frame(b"a", opcode=9, reserved=0x40))


def test_the_proof_is_that_of_the_standard() -> None:
    assert websocket_accept("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


SECRET = "s3cr3t-v4lue"


def plain(content: bytes) -> bytes:
    scrubber = Scrubber((SECRET,))
    return scrubber.feed(content) + scrubber.finish()


TEXTS = st.lists(st.sampled_from([SECRET, SECRET[:5], SECRET[5:], "x", "s3", "words "]), max_size=6).map("".join)
MESSAGES = st.lists(st.tuples(TEXTS, st.lists(st.integers(0, 60), max_size=3), TEXTS), min_size=1, max_size=3)


@given(MESSAGES, st.lists(st.integers(0, 400), max_size=10))
def test_values_are_masked_in_messages_whatever_the_fragments_and_the_pieces(
    messages: list[tuple[str, list[int], str]], cuts: list[int]
) -> None:
    stream = expected = b""
    for text, borders, ping in messages:
        content, start = text.encode(), 0
        masked = plain(content)
        ends = [*sorted(min(border, len(content)) for border in borders), len(content)]
        for number, end in enumerate(ends):
            kind = {"opcode": 1 if number == 0 else 0, "fin": end is ends[-1] and number == len(ends) - 1, "masked": False}
            stream += frame(content[start:end], **kind)  # type: ignore[arg-type]  # as the function names them
            expected += frame(masked[start:end], **kind)  # type: ignore[arg-type]
            stream += frame(ping.encode(), opcode=9, masked=False)
            expected += frame(plain(ping.encode()), opcode=9, masked=False)
            start = end
    frames, out, start = ScrubbedFrames((SECRET,)), b"", 0
    for end in [*sorted(cuts), len(stream)]:
        out += frames.feed(stream[start:end])
        start = end
    assert out == expected


def test_what_holds_no_beginning_of_a_value_waits_for_nothing() -> None:
    frames = ScrubbedFrames((SECRET,))
    whole = frame(b"hello", masked=False, fin=False)
    assert frames.feed(whole[:4]) == whole[:4]
    assert frames.feed(whole[4:]) == whole[4:]


def test_a_value_over_two_fragments_never_leaves_in_part() -> None:
    frames = ScrubbedFrames((SECRET,))
    assert frames.feed(frame(b"a" + SECRET[:6].encode(), masked=False, fin=False)) == b"\x01\x07a"
    assert frames.feed(frame(SECRET[6:].encode() + b"b", opcode=0, masked=False)) == b"******" + frame(
        b"******b", opcode=0, masked=False
    )


def test_frames_without_end_are_not_held() -> None:
    frames = ScrubbedFrames((SECRET,))
    frames.feed(frame(SECRET[:3].encode(), masked=False, fin=False))
    with pytest.raises(NotFrames, match="without content"):
        frames.feed(frame(b"", opcode=0, masked=False, fin=False) * 5000)


def test_scrubbed_frames_are_never_compressed() -> None:
    with pytest.raises(NotFrames):
        ScrubbedFrames((SECRET,)).feed(frame(b"a", masked=False, reserved=0x40))
