"""What a bottle changed in its image, kept as one image more while it is stopped: the container itself ends with its keeper.

The image carries the container's labels, is named in the bottle's folder, and goes with the bottle.
"""

import json
import os
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import Any

from bot_bottle.backends.base import KEPT
from bot_bottle.backends.docker.client import docker, explain
from bot_bottle.backends.docker.engine import ASK_TIMEOUT_S, refusal_in
from bot_bottle.backends.docker.plan import DockerPlan
from bot_bottle.errors import BottleError
from bot_bottle.host.files import write_file
from bot_bottle.host.local_http import ask
from bot_bottle.host.run import run
from bot_bottle.record import dataclass

REPOSITORY = "bot-bottle/kept"
COMMIT_TIMEOUT_S = 600.0
REMOVE_TIMEOUT_S = 60.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Kept:
    """The image `identity`, called `name` by the daemon that `docker` names, made of what was changed `on` another."""

    docker: tuple[str, ...]
    name: str
    identity: str
    on: str


def keep_changes(plan: DockerPlan) -> None:
    """Make the image; nothing where the bottle changed nothing outside its mounts. BottleError with the daemon's words."""
    said = _ask(plan, f"/containers/{plan.container}/changes", method="GET", timeout_s=ASK_TIMEOUT_S, wanted=200)
    changed = (str(row.get("Path")) for row in said or ())
    if plan.read_only or not is_changed(changed, tuple(mount.guest_path for mount in plan.mounts)):
        return
    # the label of the image below would be its own otherwise, and `images` would take it for that
    target = f"/commit?container={plan.container}&repo={REPOSITORY}&tag={plan.container}&changes=LABEL%20bot-bottle.image=kept"
    made = _ask(plan, target, method="POST", timeout_s=COMMIT_TIMEOUT_S, wanted=201)
    on = _first(plan)
    row = {"docker": list(plan.docker), "name": f"{REPOSITORY}:{plan.container}", "image": str(made["Id"]), "on": on}
    write_file(plan.stage_dir / KEPT, json.dumps(row))


def is_changed(paths: Iterable[str], mounted: tuple[str, ...]) -> bool:
    """Whether something else than the places of the mounts is among the changed paths. Pure."""
    places = [PurePosixPath(path) for path in (*mounted, "/sys")]

    def is_place(path: PurePosixPath) -> bool:
        return any(path.is_relative_to(place) or place.is_relative_to(path) for place in places)

    return any(not is_place(PurePosixPath(path)) for path in paths)


def _first(plan: DockerPlan) -> str:
    """The image that the operator chose: the one below every change."""
    before = kept_in(plan.stage_dir)
    return before.on if before is not None and before.identity == plan.image_ref else plan.image_ref


def kept_in(stage_dir: Path) -> Kept | None:
    """What was kept of this bottle."""
    try:
        row = json.loads((stage_dir / KEPT).read_bytes())
        words = tuple(str(word) for word in row["docker"])
        return Kept(docker=words, name=str(row["name"]), identity=str(row["image"]), on=str(row["on"]))
    except (OSError, ValueError, KeyError, TypeError):
        return None


def forget(stage_dir: Path) -> None:
    """Remove the image. BottleError when the daemon does not; then it is still noted."""
    kept = kept_in(stage_dir)
    if kept is None:
        return
    words = ("image", "rm", "--force", kept.name)
    done = docker(kept.docker, *words, run=run, host=os.environ, timeout_s=REMOVE_TIMEOUT_S)
    if done.code != 0 and b"No such image" not in done.stderr:
        why = explain(done.stderr.decode(errors="replace"))
        raise BottleError(f"The image {kept.name} may be left.", facts=(why.what, *why.facts), next=why.next)
    (stage_dir / KEPT).unlink(missing_ok=True)


def _ask(plan: DockerPlan, target: str, *, method: str, timeout_s: float, wanted: int) -> Any:  # Any: JSON
    question = ask(plan.socket, target, method=method, timeout_s=timeout_s)
    answer = None if question is None else question.answer(timeout_s=timeout_s)
    if answer is None or answer.status != wanted:
        raise explain(refusal_in(answer), image=plan.image_ref)
    return json.loads(answer.body)
