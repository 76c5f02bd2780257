"""Which machine a bottle has, written before it is made, so that it can be removed after a killed keeper.

The file lies beside the backend's folder, which is removed at a bottle's end.
"""

import json
from pathlib import Path

from bot_bottle.backends.smolmachines.client import machine_words
from bot_bottle.backends.smolmachines.plan import SmolmachinesBottlePlan
from bot_bottle.host.files import write_file
from bot_bottle.record import dataclass

NAME = "machine.json"


@dataclass(frozen=True, kw_only=True, slots=True)
class Noted:
    """A machine that may be there, and how it is deleted."""

    name: str
    argv: tuple[str, ...]
    env: tuple[tuple[str, str], ...]


def note(plan: SmolmachinesBottlePlan) -> None:
    """Before the machine is made."""
    argv, env = machine_words(plan, "delete", "-f"), [list(pair) for pair in plan.engine.env]
    write_file(plan.stage_dir / NAME, json.dumps({"name": plan.machine_name, "argv": list(argv), "env": env}))


def noted(stage_dir: Path) -> Noted | None:
    """What may be left; None when nothing is."""
    try:
        found = json.loads((stage_dir / NAME).read_bytes())
        env = tuple((str(name), str(value)) for name, value in found["env"])
        return Noted(name=str(found["name"]), argv=tuple(str(word) for word in found["argv"]), env=env)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def strike(stage_dir: Path) -> None:
    """The machine is gone."""
    (stage_dir / NAME).unlink(missing_ok=True)
