"""One attack as a record: what runs inside, and which outcomes alone prove that it was contained. Pure."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal

from bot_bottle.errors import BadUsage
from bot_bottle.record import dataclass, field

Given = Mapping[str, Any]  # Any: JSON
Place = Literal["main", "clone", "bind", "doomed"]
"""The bottle a case runs in: one with a copied workspace and every gate, a clone, a shared folder, or one that may end by it."""

OUTSIDE_THE_KERNEL = "own kernel: what is reached is not the host's"


@dataclass(frozen=True, kw_only=True, slots=True)
class Case:
    """One attack.

    `run` names a function below `attacks/inside/` ("net.tcp"); `given` are its arguments, where "$name" stands for a fact that is
    known only once the scene is set. `closed` are the only outcomes that count as contained: names of errors, or words that the
    function answers. `absent` pairs an outcome with the reason why there is nothing to attack here.
    `own_kernel`: with a kernel of the bottle's own, an outcome that is not closed harms nobody but the bottle.
    `evidence` names a look at the host afterwards (`evidence.py`), with its arguments; what it finds outweighs every answer.
    """

    id: str
    title: str
    run: str
    closed: tuple[str, ...]
    given: Given = field(default_factory=dict)
    absent: tuple[tuple[str, str], ...] = ()
    own_kernel: bool = False
    evidence: tuple[str, ...] = ()
    place: Place = "main"
    timeout_s: float = 10.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Group:
    """One class of attacks: its name on the command line, what it is about, and its cases in order."""

    name: str
    about: str
    cases: tuple[Case, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What the program inside says of one case."""

    outcome: str
    detail: str = ""


Verdict = Literal["contained", "NOT contained", "not applicable"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Judged:
    """One case, judged: the verdict, and how it was reached."""

    group: str
    case: Case
    verdict: Verdict
    how: str


def chosen(groups: Sequence[Group], names: Sequence[str]) -> tuple[Group, ...]:
    """The groups of these names, all without any. BadUsage for a name that is none."""
    known = {group.name for group in groups}
    for name in names:
        if name not in known:
            raise BadUsage(f"There is no class of attacks called {name!a}.", facts=(f"They are {', '.join(sorted(known))}.",))
    return tuple(group for group in groups if not names or group.name in names)


def filled(value: Any, facts: Given) -> Any:  # Any: JSON
    """`value` with every "$name" in it replaced by the fact of that name; a list of facts is spliced into a list."""
    if isinstance(value, str):
        return facts[value[1:]] if value.startswith("$") else value
    if isinstance(value, Mapping):
        return {key: filled(one, facts) for key, one in value.items()}
    if isinstance(value, Sequence):
        return [filled(one, facts) for one in value]
    return value


def attack(
    id: str,
    title: str,
    run: str,
    closed: Sequence[str],
    *,
    own_kernel: bool = False,
    absent: Mapping[str, str] | None = None,
    evidence: tuple[str, ...] = (),
    place: Place = "main",
    timeout_s: float = 10.0,
    **given: Any,  # Any: JSON
) -> Case:
    """One row of a table: a case, its arguments by name."""
    return Case(
        id=id,
        title=title,
        run=run,
        closed=tuple(closed),
        given=given,
        absent=tuple((absent or {}).items()),
        own_kernel=own_kernel,
        evidence=evidence,
        place=place,
        timeout_s=timeout_s,
    )
