"""What a benchmark found, as one line of JSON at the end of its output: `bench/all.py` reads it, people read what stands above."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass

OURS = "bot-bottle"


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One figure: what was measured, in which unit, of whom."""

    what: str
    value: float
    unit: str
    of: str = OURS


@dataclass(frozen=True, kw_only=True)
class Bar:
    """One bar that we set ourselves: the value must be at most `bar`, or with `at_least` at least."""

    what: str
    value: float
    bar: float
    at_least: bool = False

    @property
    def is_met(self) -> bool:
        """Whether it is."""
        return self.value >= self.bar if self.at_least else self.value <= self.bar


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """All of one benchmark."""

    bench: str
    figures: tuple[Figure, ...]
    bars: tuple[Bar, ...] = ()


def tell(bench: str, figures: Iterable[Figure], bars: Iterable[Bar] = ()) -> None:
    """Print the line."""
    print(json.dumps(asdict(Outcome(bench=bench, figures=tuple(figures), bars=tuple(bars)))), flush=True)


def heard(output: str) -> Outcome | None:
    """The outcome in a benchmark's output; None when it ended without one."""
    for line in reversed(output.splitlines()):
        if line.startswith('{"bench":'):
            return outcome_from(json.loads(line))
    return None


def outcome_from(row: dict) -> Outcome:  # type: ignore[type-arg]  # JSON
    """The record of its JSON."""
    figures = tuple(Figure(**one) for one in row["figures"])
    return Outcome(bench=row["bench"], figures=figures, bars=tuple(Bar(**one) for one in row["bars"]))
