"""Which backend runs a bottle: the one that was named, else the strongest that works here, or the quickest when nobody asked.

What is strongest is remembered for a day, for asking every engine takes up to a second; whether the remembered one works is asked
at each start all the same. `doctor` looks anew.
"""

import json
import os
import time
from collections.abc import Iterable, Mapping
from typing import Any

from bot_bottle.backends.base import Backend, Unusable, Usable
from bot_bottle.backends.registry import BACKENDS, backends, find_backend
from bot_bottle.bottles.fit import misfit
from bot_bottle.errors import CannotRunHere
from bot_bottle.host import paths
from bot_bottle.host.files import write_file
from bot_bottle.manifest.spec import BottleSpec
from bot_bottle.plans.gate import Line
from bot_bottle.record import dataclass, replace

STRONGEST_FIRST = ("smolmachines", "gvisor", "docker", "namespaces")
"""A kernel on virtual hardware, a kernel in user space, the host's kernel behind a daemon's filters, and behind ours."""

REMEMBERED_S = 24 * 3600.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Chosen:
    """The backend, and what the preflight says about the choice when it was ours."""

    backend: Backend
    line: Line | None = None


Passed = tuple[tuple[str, str], ...]
"""The stronger backends that do not work here, each with its reason."""


def choose(spec: BottleSpec) -> Chosen:
    """The backend of this bottle. CannotRunHere with what to do when there is none."""
    if spec.backend != "auto":
        return Chosen(backend=named(spec))
    if "backend" in dict(spec.decided_by):
        return strongest(spec)
    return quickest(spec)


def named(spec: BottleSpec) -> Backend:
    """The backend that somebody asked for by name."""
    backend = find_backend(spec.backend)
    refusal = misfit(backend, spec)
    if refusal is not None:
        raise refusal
    survey = backend.survey()
    if isinstance(survey, Unusable):
        raise CannotRunHere(f"The {backend.name} backend does not work here: {survey.why}", facts=survey.facts, next=survey.next)
    return backend


def quickest(spec: BottleSpec) -> Chosen:
    """Nobody said anything: the embedded default, which needs no engine and starts at once; where it does not work, the next."""
    fit = (one for one in backends() if misfit(one, spec) is None)
    found = next((one for one in fit if isinstance(one.survey(), Usable)), None)
    return Chosen(backend=found or named(replace(spec, backend="namespaces")))


def strongest(spec: BottleSpec) -> Chosen:
    """Somebody said `auto`: what was found last time if it still works, else look."""
    asker = asker_of(os.environ, has_image=spec.image is not None, has_services=bool(spec.services))
    remembered = recall(asker)
    if remembered is not None:
        backend = find_backend(remembered[0])
        if isinstance(backend.survey(), Usable):
            return Chosen(backend=backend, line=described(*remembered))
    passed: list[tuple[str, str]] = []
    for backend in by_strength(BACKENDS):
        if misfit(backend, spec) is not None:
            continue
        survey = backend.survey()
        if isinstance(survey, Usable):
            remember(asker, backend.name, tuple(passed))
            return Chosen(backend=backend, line=described(backend.name, tuple(passed)))
        passed.append((backend.name, survey.why))
    raise CannotRunHere(
        "No backend works here.",
        facts=tuple(f"{name}: {why}" for name, why in passed),
        next="`bot-bottle doctor` says what each one needs.",
    )


def asker_of(env: Mapping[str, str], *, has_image: bool, has_services: bool = False) -> dict[str, Any]:  # Any: JSON
    """What the strongest backend depends on besides the engines themselves."""
    said = {name: value for name, value in sorted(env.items()) if name == "PATH" or name.startswith(("BOT_BOTTLE_", "DOCKER_"))}
    return {"kernel": os.uname().release, "user": os.geteuid(), "env": said, "image": has_image, "services": has_services}


def by_strength(names: Iterable[str]) -> Iterable[Backend]:
    """Those that this version has, each loaded when its turn comes."""
    return (find_backend(name) for name in STRONGEST_FIRST if name in names)


def described(name: str, passed: Passed) -> Line:
    """The preflight's line. Pure."""
    reasons = "".join(f"; {other} does not work: {why.rstrip('.')}" for other, why in passed)
    return Line(label="backend", text=name, why=f"the strongest that works here{reasons}")


def forget() -> None:
    """Look anew at the next start."""
    (paths.cache_dir() / "auto.json").unlink(missing_ok=True)


def recall(asker: Mapping[str, Any]) -> tuple[str, Passed] | None:
    """What was chosen for this asker less than a day ago; None when nothing was, or when the file says something else."""
    try:
        found = json.loads((paths.cache_dir() / "auto.json").read_text())
        passed = tuple((str(name), str(why)) for name, why in found["passed"])
        is_fresh = 0 <= time.time() - found["at"] < REMEMBERED_S
        if found["asker"] == dict(asker) and is_fresh and found["chosen"] in BACKENDS:
            return str(found["chosen"]), passed
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return None


def remember(asker: Mapping[str, Any], chosen: str, passed: Passed) -> None:
    """For the next start. In the cache: losing it costs one look."""
    paths.cache_dir().mkdir(parents=True, exist_ok=True)
    written = {"asker": dict(asker), "chosen": chosen, "passed": [list(one) for one in passed], "at": time.time()}
    write_file(paths.cache_dir() / "auto.json", json.dumps(written))
