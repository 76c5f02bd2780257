"""Pushes that wait for the operator: one file each in the stage dir, so that a restart keeps them. Nothing here runs git.

The objects of a held push lie in the mirror behind refs of the gate's own, which nobody can fetch. What is approved is named by a
token over the very ids that were shown; a push that differs has another token.
"""

import hashlib
import json
import re
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from bot_bottle.errors import BadUsage, BottleError
from bot_bottle.gates.git_gate.records import HIDDEN_REFS, Finding, Held, RefUpdate
from bot_bottle.host.files import make_private_folder, write_file
from bot_bottle.record import asdict, dataclass, replace

State = Literal["waiting", "taken", "refused", "rejected", "replaced"]
"""`taken` and `refused` are the upstream's answer after an approval; `rejected` is the operator's; a newer push replaces one."""

MOST = 32
"""Pushes of one bottle that wait at a time: more are refused until the operator has decided."""

_FILE = re.compile(r"([0-9]{4,9})\.json")


@dataclass(frozen=True, kw_only=True, slots=True)
class Hold:
    """One held push. `said` is what the operator or the upstream answered; times are seconds since 1970.

    `told` says whether the agent has been told of the decision.
    """

    number: int
    repository: str
    updates: tuple[RefUpdate, ...]
    findings: tuple[Finding, ...]
    why: str
    at: float
    state: State = "waiting"
    said: str = ""
    by: str = ""
    decided: float | None = None
    told: bool = False

    @property
    def token(self) -> str:
        """Names exactly these ids for exactly these refs of this repository."""
        text = json.dumps([self.repository, [[one.ref, one.old, one.new] for one in self.updates]])
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    @property
    def id(self) -> str:
        """What a decision names."""
        return f"{self.number}-{self.token}"

    def refs(self) -> tuple[tuple[str, str], ...]:
        """The gate's own refs that keep its objects: pairs of ref and id."""
        kept = [one.new for one in self.updates if not one.deletes]
        return tuple((f"{HIDDEN_REFS}/held/{self.number}/{place}", id) for place, id in enumerate(kept))


class Holds:
    """The held pushes of one bottle. One process writes at a time: the gate, or the operator's command after the bottle's end."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def all(self) -> tuple[Hold, ...]:
        """Every held push, the oldest first. BottleError when a file is not what we write."""
        if not self._folder.is_dir():
            return ()
        names = sorted(path.name for path in self._folder.iterdir() if _FILE.fullmatch(path.name))
        return tuple(read_hold((self._folder / name).read_text("ascii"), name) for name in names)

    def numbered(self, number: int) -> Hold | None:
        """The one of this number."""
        path = self._folder / f"{number:04}.json"
        return read_hold(path.read_text("ascii"), path.name) if path.is_file() else None

    def waiting(self) -> tuple[Hold, ...]:
        """Those that nobody has decided."""
        return tuple(one for one in self.all() if one.state == "waiting")

    def make(self, repository: str, updates: Sequence[RefUpdate], held: Held) -> Hold:
        """A new one, which is kept once it is written. BottleError when too many wait."""
        every = self.all()
        if sum(one.state == "waiting" for one in every) >= MOST:
            raise BottleError(f"{MOST} pushes already wait for the operator.", next="Wait until they are decided.")
        return Hold(
            number=max((one.number for one in every), default=0) + 1,
            repository=repository,
            updates=tuple(updates),
            findings=held.findings,
            why=held.why,
            at=time.time(),
        )

    def write(self, hold: Hold) -> None:
        """Replace its file."""
        make_private_folder(self._folder)
        write_file(self._folder / f"{hold.number:04}.json", json.dumps(asdict(hold), indent=1) + "\n")

    def named(self, id: str) -> Hold:
        """The waiting push that this id names. BadUsage when it names none, or one that is no longer what was shown."""
        number, _, token = id.partition("-")
        found = next((one for one in self.all() if str(one.number) == number), None)
        if found is None:
            raise BadUsage(f"There is no held push {id[:40]!a}.", next="`bot-bottle pushes ls` lists them.")
        if token != found.token:
            raise BadUsage(
                "This is not the push that you were shown.", facts=(f"Its id is {found.id}.",), next="Look at it again."
            )
        if found.state != "waiting":
            raise BadUsage(f"The push {found.id} is decided already: {found.state}.")
        return found

    def decide(self, hold: Hold, state: State, *, said: str = "", by: str = "") -> Hold:
        """Write down what became of it."""
        decided = replace(hold, state=state, said=said[:2000], by=by, decided=time.time())
        self.write(decided)
        return decided

    def replaced_by(self, hold: Hold) -> tuple[Hold, ...]:
        """The waiting pushes that this one makes pointless: to the same repository, and to no other refs than its own."""
        refs = {one.ref for one in hold.updates}
        return tuple(
            one
            for one in self.waiting()
            if one.number != hold.number and one.repository == hold.repository and {update.ref for update in one.updates} <= refs
        )

    def untold(self, repository: str) -> tuple[Hold, ...]:
        """Decisions that the agent has not heard of."""
        return tuple(
            one
            for one in self.all()
            if one.repository == repository and not one.told and one.state not in {"waiting", "replaced"}
        )


def read_hold(text: str, name: str) -> Hold:
    """A hold from its file."""
    try:
        return hold_from(json.loads(text))
    except (ValueError, KeyError, TypeError) as error:
        raise BottleError("The record of a held push cannot be read.", facts=(name, type(error).__name__)) from None


def hold_from(row: Mapping[str, Any]) -> Hold:  # Any: JSON
    """A hold from `asdict`."""
    fields = dict(row)
    fields["updates"] = tuple(RefUpdate(**one) for one in row["updates"])
    fields["findings"] = tuple(Finding(**one) for one in row["findings"])
    return Hold(**fields)


AWAITS = "push-"
"""What the id begins with by which an agent waits for the decision on a held push; its number follows."""


def awaited_row(hold: Hold) -> dict[str, Any]:  # Any: JSON
    """What became of it, for an agent that waits."""
    match hold.state:
        case "waiting":
            return {"status": "pending"}
        case "taken":
            return {"status": "approved", "note": "The upstream has it."}
        case "refused":
            return {"status": "denied", "reason": f"The operator approved it, but the upstream did not take it: {hold.said}"}
        case "rejected":
            return {"status": "denied", "reason": hold.said or "The operator rejected it."}
        case "replaced":
            return {"status": "unavailable", "reason": f"A newer push to the same branches stands in its place: {hold.said}."}


def told_lines(hold: Hold) -> Iterable[str]:
    """The decision in words for the agent."""
    refs = ", ".join(one.ref.removeprefix("refs/heads/") for one in hold.updates)
    match hold.state:
        case "taken":
            yield f"Your held push {hold.number} ({refs}) was approved, and the upstream has it."
        case "refused":
            yield f"Your held push {hold.number} ({refs}) was approved, but the upstream did not take it: {hold.said}"
        case "rejected":
            yield f"Your held push {hold.number} ({refs}) was rejected by the operator{': ' + hold.said if hold.said else '.'}"
        case _:
            return
