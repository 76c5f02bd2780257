"""Which container a bottle has, written before it is made, so that it can be removed after a killed keeper.

The file lies beside the backend's folder, which is removed at a bottle's end.
"""

import json
from pathlib import Path

from bot_bottle.backends.base import OUTSIDE
from bot_bottle.backends.docker.plan import DockerPlan
from bot_bottle.host.files import write_file
from bot_bottle.record import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Noted:
    """Containers that may be there, and the words that name their daemon."""

    docker: tuple[str, ...]
    container: str
    stage: str


def noted_by(plan: DockerPlan) -> Noted:
    """What this plan would note."""
    return Noted(docker=plan.docker, container=plan.container, stage=str(plan.stage_dir))


def note(plan: DockerPlan) -> None:
    """Before the container is made."""
    made = {"docker": list(plan.docker), "container": plan.container, "stage": str(plan.stage_dir)}
    write_file(plan.stage_dir / OUTSIDE, json.dumps(made))


def noted(stage_dir: Path) -> Noted | None:
    """What may be left; None when nothing is."""
    try:
        found = json.loads((stage_dir / OUTSIDE).read_bytes())
        return Noted(
            docker=tuple(str(word) for word in found["docker"]), container=str(found["container"]), stage=str(found["stage"])
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None


def strike(stage_dir: Path) -> None:
    """The container is gone."""
    (stage_dir / OUTSIDE).unlink(missing_ok=True)
