"""Reads the sources of credentials and gives the gates of the running bottle what is new. What cannot be read stays as it was."""

import os
from collections.abc import Callable, Iterator, Mapping

from bot_bottle.bottles.secrets import read_secret, system_keyring
from bot_bottle.errors import BottleError
from bot_bottle.gates.ask import ask
from bot_bottle.host.run import run
from bot_bottle.manifest.spec import FromEnv
from bot_bottle.plans.bottle import BottlePlan
from bot_bottle.plans.gate import Secret

Log = Callable[[dict[str, object]], None]


def reread(plan: BottlePlan, known: Mapping[str, str], log: Log) -> dict[str, str]:
    """The values that are others than those known, once the gates have them. Failures are logged, by name only."""
    new = dict(_new(plan, known, log))
    if not new:
        return {}
    gates = ("dlp", "egress") if plan.dlp_plan is not None else ("egress",)  # searched for before it is used
    try:
        for gate in gates:
            answer = ask(plan.stage_dir / "bundle.sock", {"gate": gate, "op": "secrets", "secrets": new})
            if "error" in answer:
                raise BottleError(f"The gate {gate} did not take the new secrets: {answer['error']}")
    except BottleError as error:
        log({"why": error.what})
        return {}
    log({"names": sorted(new)})
    return new


def _new(plan: BottlePlan, known: Mapping[str, str], log: Log) -> Iterator[tuple[str, str]]:
    for secret in wanted(plan):
        try:
            value = read_secret(secret.source, host=os.environ, run=run, keyring=system_keyring)
        except BottleError as error:
            log({"name": secret.name, "why": error.what})
            continue
        if value and value != known.get(secret.name):
            yield secret.name, value


def wanted(plan: BottlePlan) -> tuple[Secret, ...]:
    """What may have changed: the environment of a process does not."""
    return tuple(one for one in plan.egress_plan.secrets() if not isinstance(one.source, FromEnv))
