"""The queue of what an agent asks: states, de-duplication, the nag limit, expiry, and the token that binds an answer to what
was shown. Pure: a queue and a moment in, another queue out.

The agent writes reasons, deltas and the moment of asking; it can never write an answer. Whatever is shown of an ask is hashed
into its token with a key that the bottle does not have, so no two texts can be prepared that share a token.
"""

import hashlib
import hmac
import json
from base64 import b32encode
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from bot_bottle.gates.supervise.deltas import Delta, described, row_of
from bot_bottle.gates.supervise.risk import Risk
from bot_bottle.host.plain import plain
from bot_bottle.record import asdict, dataclass, replace

State = Literal["pending", "approved", "denied", "withdrawn", "expired"]

REASON_LIMIT = 600
"""Characters of a reason: a paragraph. A longer one hides what matters."""

PENDING_LIMIT = 8
"""Asks that may wait at a time: a list that fits on one screen."""

NEW_LIMIT = 12
NEW_WINDOW_S = 600.0
"""The nag limit: so many new asks, or changed ones, within ten minutes."""

KEPT_LIMIT = 200
"""Asks that one bottle's queue remembers; the oldest settled ones are forgotten first."""

EXPIRES_S = 24 * 3600.0
"""An ask that nobody answered for a day is about work that is over."""

AGAIN_AFTER_S = 900.0
"""A denial holds for a quarter of an hour: the same request within it gets the same answer, and nobody is asked."""

CHOICE_LIMIT = 8
EVIDENCE_LIMIT = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What the operator said, and what came of it: `by` is who, `reason` and `alternative` are for the agent, `choice` answers a
    question, `grant` names the grant.
    """

    by: str
    at: float
    reason: str = ""
    alternative: str = ""
    choice: str = ""
    grant: str = ""
    note: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ask:
    """One request or question. `evidence` are the denials that led to it; `raised` counts how often the same was asked."""

    number: int
    delta: Delta | None
    reason: str
    at: float
    question: str = ""
    choices: tuple[str, ...] = ()
    risks: tuple[Risk, ...] = ()
    evidence: tuple[str, ...] = ()
    blocked: str = ""
    state: State = "pending"
    answer: Answer | None = None
    raised: int = 1

    @property
    def title(self) -> str:
        """What it is about, on one line."""
        return described(self.delta) if self.delta is not None else f"a question: {self.question}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Queue:
    """Every ask of one bottle, oldest first; `news` are the moments at which something new was put before the operator."""

    asks: tuple[Ask, ...] = ()
    next_number: int = 1
    news: tuple[float, ...] = ()

    def find(self, number: int) -> Ask | None:
        """The ask of this number."""
        return next((ask for ask in self.asks if ask.number == number), None)

    @property
    def pending(self) -> tuple[Ask, ...]:
        """Those that wait for the operator."""
        return tuple(ask for ask in self.asks if ask.state == "pending")


@dataclass(frozen=True, kw_only=True, slots=True)
class Filed:
    """The ask is in the queue; `is_news` when the operator should be told."""

    ask: Ask
    is_news: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class TooMany:
    """The queue takes no more for now; `why` tells the agent what to do."""

    why: str
    retry_s: float


def clean(text: str, limit: int = REASON_LIMIT) -> str:
    """What the agent wrote, on one line, made plain and cut: no control, format or bidirectional character reaches a screen."""
    return plain(" ".join(text.split()), limit=limit)


def file(queue: Queue, wish: Ask, now: float) -> tuple[Queue, Filed | TooMany]:
    """Put a wish into the queue. The same delta is the same ask: a new reason changes it, and with it its token.

    The number of `wish` is not looked at.
    """
    same = next((ask for ask in reversed(queue.asks) if _is_same(ask, wish)), None)
    if same is not None and same.state == "pending":
        if same.reason == wish.reason and same.choices == wish.choices:
            again = replace(same, raised=same.raised + 1)
            return _with(queue, again), Filed(ask=again, is_news=False)
        return _put(queue, replace(wish, number=same.number, at=same.at, raised=same.raised + 1), now)
    if same is not None and same.state == "denied" and same.answer is not None and now - same.answer.at < AGAIN_AFTER_S:
        again = replace(same, raised=same.raised + 1)
        return _with(queue, again), Filed(ask=again, is_news=False)
    if len(queue.pending) >= PENDING_LIMIT:
        why = (
            f"{PENDING_LIMIT} requests already wait for the operator. Await one of them, or withdraw one that you no longer need."
        )
        return queue, TooMany(why=why, retry_s=60.0)
    taken, result = _put(queue, replace(wish, number=queue.next_number, at=now), now)
    return (replace(taken, next_number=queue.next_number + 1), result) if isinstance(result, Filed) else (queue, result)


def _put(queue: Queue, ask: Ask, now: float) -> tuple[Queue, Filed | TooMany]:
    """Add or change an ask, within the nag limit."""
    news = tuple(at for at in queue.news if 0 <= now - at < NEW_WINDOW_S)
    if len(news) >= NEW_LIMIT:
        wait = NEW_WINDOW_S - (now - news[0])
        why = f"{NEW_LIMIT} requests in {NEW_WINDOW_S / 60:.0f} minutes are as many as the operator is shown. Go on without."
        return queue, TooMany(why=why, retry_s=round(wait, 1))
    return _with(replace(queue, news=(*news, now)), ask), Filed(ask=ask, is_news=True)


def _with(queue: Queue, ask: Ask) -> Queue:
    if queue.find(ask.number) is not None:
        return replace(queue, asks=tuple(ask if one.number == ask.number else one for one in queue.asks))
    asks = (*queue.asks, ask)
    while len(asks) > KEPT_LIMIT:
        oldest = next((one for one in asks if one.state != "pending"), asks[0])
        asks = tuple(one for one in asks if one is not oldest)
    return replace(queue, asks=asks)


def _is_same(one: Ask, other: Ask) -> bool:
    return one.delta == other.delta and one.question == other.question


def settle(queue: Queue, number: int, state: State, answer: Answer) -> Queue:
    """The operator's answer, or the agent's own withdrawal. Only a pending ask can be settled: the first answer stands."""
    ask = queue.find(number)
    assert ask is not None
    assert ask.state == "pending"
    return _with(queue, replace(ask, state=state, answer=answer))


def expire(queue: Queue, now: float) -> tuple[Queue, tuple[Ask, ...]]:
    """Settle what waited for too long. Returns those."""
    over = tuple(ask for ask in queue.pending if now - ask.at >= EXPIRES_S)
    for ask in over:
        queue = settle(queue, ask.number, "expired", Answer(by="time", at=now, reason="Nobody answered within a day."))
    return queue, over


def shown(ask: Ask, slug: str) -> dict[str, Any]:  # Any: JSON
    """Exactly what the operator is shown of an ask, and all that its token covers."""
    return {
        "bottle": slug,
        "number": ask.number,
        "title": ask.title,
        "delta": row_of(ask.delta) if ask.delta is not None else None,
        "question": ask.question,
        "choices": list(ask.choices),
        "reason": ask.reason,
        "risks": [asdict(risk) for risk in ask.risks],
        "evidence": list(ask.evidence),
        "blocked": ask.blocked,
    }


def review_token(seen: Mapping[str, Any], key: bytes) -> str:  # Any: JSON
    """Ten characters (50 bits) of an HMAC (RFC 2104) over what is shown. Guesses are refused and recorded one by one."""
    text = json.dumps(seen, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()
    return b32encode(hmac.new(key, text, hashlib.sha256).digest()).decode().lower()[:10]


def question_wish(question: str, choices: Sequence[str], now: float) -> Ask:
    """A question as a wish for `file`."""
    return Ask(
        number=0, delta=None, reason="", at=now, question=clean(question), choices=tuple(clean(one, 80) for one in choices)
    )
