"""Queue and grants as JSON, so that a gate that starts anew knows what was asked and given. Pure but for two functions.

The file lies in the stage dir (0600), where no bottle can write. One that cannot be read keeps the gate from starting.
"""

import json
from pathlib import Path
from typing import Any

from bot_bottle.errors import BottleError, Refused
from bot_bottle.gates.supervise.asks import Answer, Ask, Queue
from bot_bottle.gates.supervise.deltas import Delta, NetworkDelta, read_delta, row_of
from bot_bottle.gates.supervise.grants import Grant, Grants
from bot_bottle.gates.supervise.risk import Risk
from bot_bottle.host.files import write_file
from bot_bottle.manifest.spec import Rule
from bot_bottle.record import asdict, dataclass, field, replace

Row = dict[str, Any]  # Any: JSON

VERSION = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class State:
    """Everything that outlives the gate's process. `key` makes the review tokens."""

    queue: Queue
    grants: Grants = ()
    next_grant: int = 1
    key: bytes = field(repr=False)


def to_row(state: State) -> Row:
    """For the file."""
    queue = state.queue
    return {
        "version": VERSION,
        "key": state.key.hex(),
        "next_grant": state.next_grant,
        "next_number": queue.next_number,
        "news": list(queue.news),
        "asks": [_ask_row(ask) for ask in queue.asks],
        "grants": [
            {**asdict(replace(one, deltas=())), "deltas": [delta_row(delta) for delta in one.deltas]} for one in state.grants
        ],
    }


def from_row(row: Row) -> State:
    """From the file. KeyError, TypeError, ValueError or Refused when it is not one of ours."""
    if row["version"] != VERSION:
        raise ValueError("another version")
    asks = tuple(_ask_from(one) for one in row["asks"])
    queue = Queue(asks=asks, next_number=int(row["next_number"]), news=tuple(float(at) for at in row["news"]))
    grants = tuple(Grant(**{**one, "deltas": tuple(delta_from(delta) for delta in one["deltas"])}) for one in row["grants"])
    return State(queue=queue, grants=grants, next_grant=int(row["next_grant"]), key=bytes.fromhex(row["key"]))


def _ask_row(ask: Ask) -> Row:
    return {**asdict(replace(ask, delta=None)), "delta": delta_row(ask.delta) if ask.delta is not None else None}


def _ask_from(row: Row) -> Ask:
    known = {
        **row,
        "delta": delta_from(row["delta"]) if row["delta"] is not None else None,
        "risks": tuple(Risk(**risk) for risk in row["risks"]),
        "answer": Answer(**row["answer"]) if row["answer"] is not None else None,
        "choices": tuple(row["choices"]),
        "evidence": tuple(row["evidence"]),
    }
    return Ask(**known)


def delta_row(delta: Delta) -> Row:
    """A delta whole: a preset's rules may hold addresses, which no agent can ask for."""
    return {"kind": "rule", "rule": asdict(delta.rule)} if isinstance(delta, NetworkDelta) else row_of(delta)


def delta_from(row: Row) -> Delta:
    """The delta again."""
    return NetworkDelta(rule=rule_from(row["rule"])) if row["kind"] == "rule" else read_delta(row)


def rule_from(row: Row) -> Rule:
    """A rule from JSON, which has lists where the record has tuples. TypeError for a field that no rule has."""
    fields: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in row.items()
    }  # Any: JSON
    return Rule(**fields)


def read_state(path: Path) -> State | None:
    """What the file says; None when there is none yet. BottleError when it cannot be read."""
    try:
        return from_row(json.loads(path.read_bytes()))
    except FileNotFoundError:
        return None
    except (KeyError, TypeError, ValueError, OSError, Refused) as error:
        raise BottleError(
            "What was asked and granted in this bottle cannot be read.",
            facts=(f"{path}: {type(error).__name__}: {error}",),
            next="Remove the file: open requests are forgotten, and nothing is granted.",
        ) from None


def save_state(path: Path, state: State) -> None:
    """Write it whole, or not at all."""
    write_file(path, json.dumps(to_row(state)))
