"""A server's answer that must be read: its content codings undone, the credentials that were set taken out of it.

Both keep to what the answer was: a text that is passed on in another coding than the server's is said to be so (RFC 9110, 7.7).
"""

from collections.abc import Sequence

from bot_bottle.gates.egress.decoding import Decoder
from bot_bottle.gates.egress.framing import Fields, Malformed, ResponseHead
from bot_bottle.gates.egress.scrub import Scrubber

_OF_THE_CODED = frozenset({"content-encoding", "content-md5", "digest", "content-digest", "accept-ranges"})
"""Fields that are about the coded bytes."""

_ASKED_OTHERWISE = frozenset({"accept-encoding", "sec-websocket-extensions"})


class PlainAnswer:
    """One answer. Frames of a WebSocket are scrubbed elsewhere, its head here."""

    def __init__(self, values: Sequence[str]) -> None:
        self._scrubber = Scrubber(values)
        self._decoder: Decoder | None = None

    @staticmethod
    def asked_for(fields: Fields) -> Fields:
        """The request's fields, so that the server sends a plain answer, if it listens, and plain frames."""
        return [*(one for one in fields if one[0].lower() not in _ASKED_OTHERWISE), ("Accept-Encoding", "identity")]

    def begin(self, head: ResponseHead, fields: Fields, *, has_body: bool) -> Fields:
        """The fields as they are passed on. Malformed when the answer is in a coding that cannot be undone."""
        codings = [one for name, value in head.fields if name.lower() == "content-encoding" for one in value.split(",")]
        if has_body and any(one.strip().lower() != "identity" for one in codings):
            if head.status == 206:
                raise Malformed("it is a part of something with a content coding")
            self._decoder = Decoder(codings)
            fields = [_weak(one) for one in fields if one[0].lower() not in _OF_THE_CODED]
        return self.scrubbed(fields)

    def scrubbed(self, fields: Fields) -> Fields:
        """The fields without the values."""
        return [(name, self._scrubber.header(value)) for name, value in fields]

    @property
    def is_decoded(self) -> bool:
        """Whether its length is another than the server says."""
        return self._decoder is not None

    def feed(self, part: bytes) -> bytes:
        """What may be passed on now."""
        return self._scrubber.feed(self._decoder.feed(part) if self._decoder is not None else part)

    def finish(self, part: bytes) -> bytes:
        """The same of the last part."""
        part = self.feed(part)
        if self._decoder is not None:
            self._decoder.finish()
        return part + self._scrubber.finish()


def _weak(one: tuple[str, str]) -> tuple[str, str]:
    """A strong validator is true of the coded bytes only (RFC 9110, 8.8.1)."""
    name, value = one
    return (name, f"W/{value}") if name.lower() == "etag" and value.startswith('"') else one
