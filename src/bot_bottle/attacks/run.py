"""The story of `bot-bottle attack`: set the scene, ask the program inside, look at the host, judge."""

import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from bot_bottle.attacks.case import Answer, Case, Group, Judged, Place, filled
from bot_bottle.attacks.evidence import look
from bot_bottle.attacks.facts import facts_of
from bot_bottle.attacks.judge import judge
from bot_bottle.attacks.scene import Say, Scene, Wanted, add_bottle, inside_words, set_scene
from bot_bottle.backends.base import Streams
from bot_bottle.backends.registry import find_backend
from bot_bottle.bottles.exec import open_streams
from bot_bottle.bottles.relay import KeeperFailed, Relay
from bot_bottle.bottles.status import read_status
from bot_bottle.errors import CannotRunHere
from bot_bottle.plans.bottle import BottlePlan
from bot_bottle.record import dataclass

ENDED_S = 15.0
"""How long the end of a bottle that is over a limit may take to be told."""
ANSWERS_LIMIT = 16 * 1024 * 1024
"""Bytes of all answers together that are read; they were written inside."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Attacked:
    """What came of it: where, and each case judged, in order."""

    backend: str
    own_kernel: bool
    judged: tuple[Judged, ...]

    @property
    def escaped(self) -> tuple[Judged, ...]:
        """What was not contained."""
        return tuple(one for one in self.judged if one.verdict == "NOT contained")


def attack(groups: Sequence[Group], wanted: Wanted, *, say: Say) -> Attacked:
    """Attack bottles with these classes; everything that was started is gone afterwards."""
    cases = [case for group in groups for case in group.cases]
    with set_scene(wanted, say=say) as scene:
        plan = scene.bottles["main"]
        scene.facts.update(facts_of(plan, secret_path=scene.facts["secret_path"], decoy_pid=scene.facts["decoy_pid"]))
        backend = find_backend(read_status(plan.slug).backend)
        reasons = waived(plan, own_kernel=backend.own_kernel)
        answers: dict[str, Answer] = {}
        for place in dict.fromkeys(case.place for case in cases):
            mine = [case for case in cases if case.place == place]
            try:
                answers |= ask(scene, place, mine)
            except NoSuchPlace as error:
                reasons |= dict.fromkeys((case.id for case in mine), f"no bottle of this kind here: {error.what}")
                answers |= dict.fromkeys((case.id for case in mine), Answer(outcome="not asked"))
        judged = tuple(verdicts(scene, groups, answers, reasons, own_kernel=backend.own_kernel))
    return Attacked(backend=backend.name, own_kernel=backend.own_kernel, judged=judged)


class NoSuchPlace(CannotRunHere):
    """This backend has no bottles of this mode here."""


def ask(scene: Scene, place: Place, cases: Sequence[Case]) -> dict[str, Answer]:
    """Run the cases of one bottle inside it; where it ends by one of them, the others run in another one."""
    answers: dict[str, Answer] = {}
    while left := [case for case in cases if case.id not in answers]:
        if place not in scene.bottles:
            try:
                add_bottle(scene, place)
            except CannotRunHere as error:
                raise NoSuchPlace(error.what) from error
        answers |= ask_once(scene, place, left)
        if place != "doomed" or not (unanswered := [case for case in left if case.id not in answers]):
            break
        answers[unanswered[0].id] = how_it_ended(scene.bottles.pop(place).slug)
    return answers


def how_it_ended(slug: str) -> Answer:
    """What the keeper says of a bottle that a case brought down; one that still runs was not ended, but its program."""
    deadline = time.monotonic() + ENDED_S
    while (status := read_status(slug)).state in ("starting", "running"):
        if time.monotonic() > deadline:
            return Answer(outcome="died", detail="the program that attacks, and not the bottle")
        time.sleep(0.05)
    return Answer(outcome="the bottle was ended" if status.why else "died", detail=status.why)


def ask_once(scene: Scene, place: Place, cases: Sequence[Case]) -> dict[str, Answer]:
    """Run these cases inside the bottle of this place, as far as it comes."""
    slug = scene.bottles[place].slug
    questions = [
        {"id": case.id, "run": case.run, "given": filled(case.given, scene.facts), "timeout_s": case.timeout_s} for case in cases
    ]
    asked, said, failed = (scene.folder / f"{place}.{name}" for name in ("questions", "answers", "errors"))
    asked.write_text(json.dumps(questions))
    with asked.open("rb") as stdin, said.open("wb") as stdout, failed.open("wb") as stderr:
        streams = Streams(stdin=stdin.fileno(), stdout=stdout.fileno(), stderr=stderr.fileno())
        channel, outer = open_streams(slug, inside_words("main"), env=(), cwd=None)
        try:
            ended = Relay(channel, outer, own=streams).run()
        except KeeperFailed:
            ended = {}
    if ended.get("code") == 127:
        raise CannotRunHere(
            "The program that attacks needs python3 inside the bottle.",
            facts=(first_line(failed),),
            next="--image with Python 3.",
        )
    return answers_of(said)


def answers_of(path: Path) -> dict[str, Answer]:
    """Each line that is an answer; the first for each case counts."""
    found: dict[str, Answer] = {}
    with path.open("rb") as file:
        for line in file.read(ANSWERS_LIMIT).splitlines():
            try:
                said = json.loads(line)
                found.setdefault(said["id"], Answer(outcome=str(said["outcome"]), detail=str(said["detail"])))
            except (ValueError, TypeError, KeyError):
                continue  # no answer: its case is judged as one that said nothing
    return found


def first_line(path: Path) -> str:
    """Of a small file."""
    with path.open("rb") as file:
        return file.read(500).decode(errors="replace").partition("\n")[0]


def verdicts(
    scene: Scene, groups: Sequence[Group], answers: Mapping[str, Answer], reasons: Mapping[str, str], *, own_kernel: bool
) -> Iterator[Judged]:
    """Each case judged, in order."""
    for group in groups:
        for case in group.cases:
            found = look(scene, case.evidence)
            yield judge(group.name, case, answers.get(case.id), own_kernel=own_kernel, found=found, waived=reasons.get(case.id))


def waived(plan: BottlePlan, *, own_kernel: bool) -> dict[str, str]:
    """Cases that this bottle's plan answers otherwise, with the reason; they are asked all the same."""
    reasons = {}
    if not own_kernel:
        reasons["kernel-other"] = "this backend shares the host's kernel, and filters what reaches it"
    if "a user namespace of its own" in plan.unproved:
        reasons["namespace-own-user"] = "the daemon shares its user namespace; the bottle's user has no capability in it"
    if plan.image is not None:
        of_image = "the image's own files, which are nobody's but this bottle's"
        reasons |= dict.fromkeys(("mount-system-write", "mount-system-make", "mount-machine"), of_image)
        bits = "programs of the image; nobody can gain privileges by them (no_new_privs)"
        reasons |= dict.fromkeys(("mount-nosuid", "privilege-setuid-programs"), bits)
    return reasons


def as_json(attacked: Attacked) -> dict[str, Any]:  # Any: JSON
    """For programs: every case, and the counts."""
    rows = [
        {
            "class": one.group,
            "id": one.case.id,
            "title": one.case.title,
            "verdict": one.verdict,
            "how": one.how,
        }
        for one in attacked.judged
    ]
    counts = {word: sum(row["verdict"] == word for row in rows) for word in ("contained", "NOT contained", "not applicable")}
    return {
        "backend": attacked.backend,
        "own_kernel": attacked.own_kernel,
        "host": os.uname().release,
        "counts": counts,
        "cases": rows,
    }
