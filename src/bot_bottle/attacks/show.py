"""What came of the attacks, as a table by class for people. Pure: lines of text."""

from collections.abc import Iterator, Sequence

from bot_bottle.attacks.case import Group, Judged
from bot_bottle.attacks.run import Attacked

MARKS = {"contained": "contained", "NOT contained": "NOT CONTAINED", "not applicable": "n/a"}


def table(attacked: Attacked, groups: Sequence[Group]) -> Iterator[str]:
    """Each class with its cases, then a line for each class, then the sum."""
    wide = max(len(one.case.title) for one in attacked.judged)
    for group in groups:
        rows = [one for one in attacked.judged if one.group == group.name]
        yield f"{group.name}: {group.about}"
        for one in rows:
            yield f"  {MARKS[one.verdict]:<13}  {one.case.title:<{wide}}  {one.how}"
        yield ""
    yield from summary(attacked, groups)


def summary(attacked: Attacked, groups: Sequence[Group]) -> Iterator[str]:
    """Counts by class, and what they add up to."""
    yield f"{'CLASS':<16} {'CONTAINED':>9}  {'NOT':>4}  {'N/A':>4}"
    for group in groups:
        yield counts(group.name, [one for one in attacked.judged if one.group == group.name])
    yield counts("in all", attacked.judged)
    if attacked.escaped:
        yield f"{len(attacked.escaped)} of {len(attacked.judged)} attacks were NOT contained."
    else:
        yield f"Nothing escaped: {len(attacked.judged)} attacks on a bottle of the backend {attacked.backend}."


def counts(name: str, rows: Sequence[Judged]) -> str:
    """One row of the summary."""
    numbers = [sum(one.verdict == word for one in rows) for word in MARKS]
    return f"{name:<16} {numbers[0]:>9}  {numbers[1]:>4}  {numbers[2]:>4}"


def listed(groups: Sequence[Group]) -> Iterator[str]:
    """Every case, without running any."""
    for group in groups:
        yield f"{group.name}: {group.about}"
        for case in group.cases:
            yield f"  {case.id:<28} {case.title}"
