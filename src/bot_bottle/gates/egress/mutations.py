"""Holds a GraphQL request to a forge until its whole body says what it does, and stops one that changes a repository."""

from collections.abc import Sequence

from bot_bottle.errors import Refused
from bot_bottle.gates.base import Inspection, Outbound, Stopped
from bot_bottle.gates.egress.asking import Put
from bot_bottle.gates.egress.gitways import ADVICE, is_graphql
from bot_bottle.gates.egress.graphql import unsafe
from bot_bottle.gates.egress.paths import readings
from bot_bottle.host.plain import plain
from bot_bottle.manifest.spec import Rule

LIMIT = 1024 * 1024
"""Bytes of a GraphQL request; real ones have some thousands."""

RULE = "git gate"


def watched(outbound: Outbound, asked: Put, rule: Rule, inner: Inspection | None) -> Inspection | None:
    """The inspection of a request; it waits for the whole body where only that says what the request does."""
    if rule.git or not asked.head.has_body or not is_graphql(asked.request, readings(asked.request.path)):
        return inner
    return WholeRequest(outbound, inner)


class WholeRequest(Inspection):
    """One GraphQL request. Nothing of it goes on before all of it was read; then everything is as the inner inspection has it."""

    def __init__(self, request: Outbound, inner: Inspection | None) -> None:
        self._inner = inner
        self._held = bytearray()
        self._coding = next((value.strip().lower() for name, value in request.headers if name.lower() == "content-encoding"), "")
        self.needs_identity = inner.needs_identity if inner is not None else False

    def send(self, part: bytes) -> bytes:
        """Held."""
        self._held += part
        if len(self._held) > LIMIT:
            raise Stopped(f"A GraphQL request to a forge has at most {LIMIT} bytes.", rule=RULE, hint=ADVICE)
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
                raise Refused("The GraphQL request is compressed.")
            name = unsafe(content)
        except Refused as refused:
            raise Stopped(f"{refused.what} So nobody can tell what it does.", rule=RULE, hint=ADVICE) from None
        if name:
            why = f"The mutation {plain(name, limit=60)} may change a repository, or who can, beside the git gate."
            raise Stopped(why, rule=RULE, hint=f"{ADVICE} Issues and pull requests can be made and edited.")

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
