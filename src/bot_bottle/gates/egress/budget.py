"""Counts what the bottle's model costs, and stops at the operator's bound. Fails closed: what cannot be counted is refused.

The bottle chooses what it asks and when it stops reading; the server's own numbers are believed where it gives them.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any

from bot_bottle.gates.base import Event, Inspection, Outbound, Stopped
from bot_bottle.gates.egress.paths import readings
from bot_bottle.gates.egress.prices import Prices
from bot_bottle.gates.egress.usage import UsageReader, Used
from bot_bottle.manifest.spec import Budget
from bot_bottle.record import asdict

COUNTED = (
    *("/messages", "/chat/completions", "/responses", "/responses/compact"),
    *(":generatecontent", ":streamgeneratecontent"),
)
"""How the paths of the model APIs end whose answers report their tokens, behind whatever prefix a company's proxy has."""

UNCOUNTED = (
    *("/messages/batches", "/batches", "/complete", "/completions", "/realtime", "/embeddings", "/fine_tuning/jobs"),
    *("/images/generations", "/images/edits", "/audio/speech", "/audio/transcriptions", "/audio/translations", "/videos"),
    *(":batchgeneratecontent", ":predict", ":rawpredict", ":streamrawpredict"),
)
"""Calls of these APIs, and of Google's, that cost money and report it later, elsewhere, over a WebSocket, or in another form."""

_BEDROCK = re.compile(r"/model/[^/]+/(?:invoke|converse)(?:-with-response-stream|-stream|-with-bidirectional-stream)?")


class Meter:
    """The sums of one bottle."""

    def __init__(self, budget: Budget, prices: Callable[[], Prices], record: Callable[[Event], None]) -> None:
        self.budget = budget
        self._read_prices = prices
        self._prices: Prices | None = None
        self._record = record
        self.usd = 0.0
        self.tokens = 0
        self.running: set[Metered] = set()

    @property
    def prices(self) -> Prices:
        """Read at the first model call, so that a start does not wait for it."""
        if self._prices is None:
            self._prices = self._read_prices()
        return self._prices

    @property
    def is_bounded(self) -> bool:
        """Whether the operator set a bound."""
        return self.budget.usd is not None or self.budget.tokens is not None

    def watch(self, request: Outbound, inner: Inspection | None) -> Inspection | None:
        """What looks at the request: `inner`, within a count when a model is called. Stopped when the budget is used up."""
        called = model_call(request)
        if called is None:
            return inner
        try:
            if called == "uncounted":
                if self.is_bounded:
                    raise Stopped("This bottle has a budget, and what this call costs cannot be counted.", rule="budget")
                return inner
            self.check()
        except Stopped:
            if inner is not None:
                inner.close()
            raise
        return Metered(self, request, inner)

    def check(self) -> None:
        """Stopped once the bound is reached, running answers as far as they have come included."""
        used = [one.used for one in self.running]
        usd = self.usd + sum(self.prices.usd(one) for one in used)
        tokens = self.tokens + sum(one.total for one in used)
        if self.budget.usd is not None and usd >= self.budget.usd:
            raise Stopped(
                f"The bottle's budget of ${self.budget.usd:g} for the model is used up.", rule="budget", hint=_ASK, argument=_MORE
            )
        if self.budget.tokens is not None and tokens >= self.budget.tokens:
            raise Stopped(
                f"The bottle's budget of {self.budget.tokens} tokens is used up.", rule="budget", hint=_ASK, argument=_MORE
            )

    def settle(self, one: "Metered", host: str) -> None:
        """The exchange is over: add it to the sums, once."""
        if one not in self.running:
            return
        self.running.remove(one)
        used = one.used
        if not used.total:
            return
        usd = self.prices.usd(used)
        self.usd += usd
        self.tokens += used.total
        known = self.prices.find(used.model) is not None
        event: dict[str, Any] = {key: value for key, value in asdict(used).items() if value or key == "model"}  # Any: JSON
        self._record({"gate": "egress", "event": "usage", "host": host, "usd": round(usd, 9), "is_priced": known, **event})

    def state(self) -> dict[str, Any]:  # Any: JSON
        """For the operator."""
        return {"usd": round(self.usd, 6), "tokens": self.tokens, "running": len(self.running), "budget": asdict(self.budget)}


_ASK = "Ask the operator for more, or tell them; they can raise it in the manifest under `budget`."
_MORE = {"kind": "budget", "usd": 1}


def model_call(request: Outbound) -> str | None:
    """`counted`, `uncounted`, or None when no model is called. Any reading of the path is enough."""
    if request.method not in ("POST", "GET") or (request.method == "GET" and not request.is_websocket):
        return None
    paths = [one.rstrip("/").lower() for one in readings(request.target.partition("?")[0])]
    if any(path.endswith(COUNTED) for path in paths):
        return "uncounted" if request.is_websocket else "counted"
    return "uncounted" if any(path.endswith(UNCOUNTED) or _BEDROCK.search(path) for path in paths) else None


class Metered(Inspection):
    """One model call. Passes everything on as the inner inspection has it."""

    needs_identity = True

    def __init__(self, meter: Meter, request: Outbound, inner: Inspection | None) -> None:
        self._meter = meter
        self._host = request.host
        self._inner = inner
        self._reader: UsageReader | None = None
        self._sent = 0
        self._is_refused = False
        meter.running.add(self)

    @property
    def used(self) -> Used:
        """So far. Before the answer begins, the request alone."""
        if self._is_refused or (self._reader is None and not self._sent):
            return Used()
        return (self._reader or UsageReader(is_stream=True)).used(sent=self._sent)

    def send(self, part: bytes) -> bytes:
        """Counted for estimates."""
        self._sent += len(part)
        return self._inner.send(part) if self._inner else part

    def finish(self) -> bytes:
        """The inner one's."""
        return self._inner.finish() if self._inner else b""

    def answered(self, status: int, headers: Sequence[tuple[str, str]]) -> None:
        """An error costs nothing; another answer is read by its kind."""
        self._is_refused = status >= 400
        fields = {name.lower(): value.lower() for name, value in headers}
        self._reader = UsageReader(is_stream=fields.get("content-type", "").startswith("text/event-stream"))
        if fields.get("content-encoding", "identity") != "identity":
            self._reader.lost()
        if self._inner:
            self._inner.answered(status, headers)

    @property
    def holds_answer(self) -> bool:
        """The inner one's."""
        return self._inner.holds_answer if self._inner else False

    def receive(self, part: bytes) -> bytes:
        """Stopped when the bound is reached in the middle of the answer."""
        if self._reader is not None:
            self._reader.feed(part)
            if self._meter.is_bounded and not self._is_refused:
                self._meter.check()
        return self._inner.receive(part) if self._inner else part

    def finish_receiving(self) -> bytes:
        """The answer has ended."""
        if self._reader is not None:
            self._reader.finish()
        return self._inner.finish_receiving() if self._inner else b""

    def close(self) -> None:
        """Settle the sum."""
        self._meter.settle(self, self._host)
        if self._inner:
            self._inner.close()
