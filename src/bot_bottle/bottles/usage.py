"""Sums what a bottle's event log says of model usage. Pure: events in, rows out."""

from collections.abc import Iterable

from bot_bottle.bottles.events import Event
from bot_bottle.record import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class ModelSum:
    """One model's calls. `input` is all that it read, from the cache too; `is_priced` is whether the table has the model."""

    model: str
    calls: int
    input: int
    output: int
    usd: float
    estimated: int
    is_priced: bool


PROMPT = ("input", "cache_read", "cache_write", "cache_write_1h")


def sum_usage(events: Iterable[Event]) -> tuple[ModelSum, ...]:
    """By model, the dearest first."""
    sums: dict[str, ModelSum] = {}
    for event in events:
        if event.get("event") != "usage":
            continue
        model = str(event.get("model") or "?")
        known = sums.get(model)
        sums[model] = ModelSum(
            model=model,
            calls=(known.calls if known else 0) + 1,
            input=(known.input if known else 0) + sum(int(event.get(key, 0)) for key in PROMPT),
            output=(known.output if known else 0) + int(event.get("output", 0)),
            usd=(known.usd if known else 0.0) + float(event.get("usd", 0)),
            estimated=(known.estimated if known else 0) + bool(event.get("is_estimate")),
            is_priced=bool(event.get("is_priced")),
        )
    return tuple(sorted(sums.values(), key=lambda one: -one.usd))
