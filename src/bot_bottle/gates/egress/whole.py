"""Holds a request until its whole body says what it does. Nothing of it leaves before it was judged."""

from collections.abc import Callable, Sequence

from bot_bottle.errors import Refused
from bot_bottle.gates.base import Inspection, Outbound, Stopped
from bot_bottle.record import dataclass

LIMIT = 1024 * 1024
"""Bytes of a request that is judged whole; real ones of GraphQL and MCP have some thousands."""

Judge = Callable[[bytes], str]
"""Why this body must not leave, or nothing. Refused when it cannot be read in exactly one way."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Kind:
    """What is judged: how it is called, by which rule, and what to do when it is stopped."""

    called: str
    rule: str
    advice: str = ""


class WholeRequest(Inspection):
    """One request. Once it is judged, everything is as the inner inspection has it."""

    def __init__(self, request: Outbound, inner: Inspection | None, *, kind: Kind, judges: Sequence[Judge]) -> None:
        self._inner = inner
        self._kind = kind
        self._judges = judges
        self._held = bytearray()
        self._coding = next((value.strip().lower() for name, value in request.headers if name.lower() == "content-encoding"), "")
        self.needs_identity = inner.needs_identity if inner is not None else False

    def send(self, part: bytes) -> bytes:
        """Held."""
        self._held += part
        if len(self._held) > LIMIT:
            raise self._stopped(f"{self._kind.called} has at most {LIMIT} bytes.")
        return b""

    def finish(self) -> bytes:
        """Judge it, and let the inner one look."""
        content = bytes(self._held)
        self._held.clear()
        self._judge(content)
        if self._inner is None:
            return content
        return self._inner.send(content) + self._inner.finish()

    def _judge(self, content: bytes) -> None:
        try:
            if self._coding not in {"", "identity"}:
                raise Refused(f"{self._kind.called} is compressed.")
            why = next((why for judge in self._judges if (why := judge(content))), "")
        except Refused as refused:
            raise self._stopped(f"{refused.what} So nobody can tell what it does.") from None
        if why:
            raise self._stopped(why)

    def _stopped(self, why: str) -> Stopped:
        return Stopped(why, rule=self._kind.rule, hint=self._kind.advice)

    def answered(self, status: int, headers: Sequence[tuple[str, str]]) -> None:
        """The inner one's."""
        if self._inner is not None:
            self._inner.answered(status, headers)

    @property
    def holds_answer(self) -> bool:
        """The inner one's."""
        return self._inner.holds_answer if self._inner is not None else False

    def receive(self, part: bytes) -> bytes:
        """The inner one's."""
        return self._inner.receive(part) if self._inner is not None else part

    def finish_receiving(self) -> bytes:
        """The inner one's."""
        return self._inner.finish_receiving() if self._inner is not None else b""

    def close(self) -> None:
        """The inner one's."""
        if self._inner is not None:
            self._inner.close()
