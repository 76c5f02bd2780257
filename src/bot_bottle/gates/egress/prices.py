"""What tokens cost, from the table in prices.json. A model that is not in it costs as much as the dearest one: fail closed."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bot_bottle.gates.egress.usage import Used, model_name
from bot_bottle.record import dataclass, field

FAST_FACTOR = 2
"""Both vendors' surcharge for their fast tiers (priority, fast mode); the highest of the published ones."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Price:
    """US dollars per million tokens. `long` holds for the whole of a request whose prompt is over `over` tokens."""

    input: float
    output: float
    cache_read: float
    cache_write: float
    cache_write_1h: float
    over: int = 0
    long: "Price | None" = None

    def usd(self, used: Used) -> float:
        """What this usage costs."""
        if self.long is not None and used.prompt > self.over:
            return self.long.usd(used)
        micro = used.input * self.input + used.output * self.output + used.cache_read * self.cache_read
        micro += used.cache_write * self.cache_write + used.cache_write_1h * self.cache_write_1h
        return micro * (FAST_FACTOR if used.is_fast else 1) / 1e6


@dataclass(frozen=True, kw_only=True, slots=True)
class Prices:
    """The table: what it says of each model, when it was read, and where."""

    as_of: str
    sources: tuple[str, ...]
    models: Mapping[str, Price] = field(repr=False)

    def usd(self, used: Used) -> float:
        """What it costs, dearly when the model is unknown."""
        price = self.find(used.model)
        return price.usd(used) if price else max(one.usd(used) for one in self.models.values())

    def find(self, model: str) -> Price | None:
        """The price of the model, or of the version it belongs to: `claude-opus-4-1` of `claude-opus-4`.

        Words are not dropped: `-pro` behind a name can mean ten times its price.
        """
        name = model_name(model)
        while name not in self.models:
            name, _, last = name.rpartition("-")
            if not last.isdigit():
                return None
        return self.models[name]


def read_prices() -> Prices:
    """The table that comes with this version."""
    said = json.loads(Path(__file__).with_name("prices.json").read_text())
    return Prices(
        as_of=said["as_of"],
        sources=tuple(said["sources"]),
        models={name: _price(row) for name, row in said["models"].items()},
    )


def _price(row: Mapping[str, Any]) -> Price:  # Any: JSON
    plain = float(row["input"])
    long = row.get("long")
    return Price(
        input=plain,
        output=float(row["output"]),
        cache_read=float(row.get("cache_read", plain)),
        cache_write=float(row.get("cache_write", plain)),
        cache_write_1h=float(row.get("cache_write_1h", row.get("cache_write", plain))),
        over=int(long["over"]) if long else 0,
        long=_price(long) if long else None,
    )
