"""What the operator gave: for one request, for some minutes, for as long as the bottle runs, or always. Pure.

A grant is a delta in force. The gate that carries it out sees it as one more rule whose origin is the grant's name, so that every
decision in the log says by which grant it was made.
"""

from collections.abc import Mapping
from typing import Any, Literal, get_args

from bot_bottle.errors import Refused
from bot_bottle.gates.supervise.deltas import LIVE, Delta
from bot_bottle.record import dataclass, replace

Scope = Literal["once", "for", "session", "always"]

LONGEST_S = 7 * 86400.0
ONCE_S = 3600.0
"""A grant for one request that is not used within the hour ends unused."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Grant:
    """One delta in force, or over: `ended` says why it is over, and is empty as long as it holds.

    `deltas` are one or, for a preset, several; `expires` is a moment in seconds since 1970.
    """

    name: str
    ask: int
    title: str
    deltas: tuple[Delta, ...]
    scope: Scope
    by: str
    at: float
    expires: float | None = None
    used: int = 0
    ended: str = ""

    @property
    def holds(self) -> bool:
        """Whether it is in force."""
        return not self.ended


Grants = tuple[Grant, ...]

KEPT_LIMIT = 200


def read_scope(said: Mapping[str, Any]) -> tuple[Scope, float | None]:  # Any: JSON
    """Scope and seconds of an approval. Refused when they do not go together."""
    scope, seconds = said.get("scope", "session"), said.get("seconds")
    if scope not in get_args(Scope):
        raise Refused(f"A grant is {', '.join(get_args(Scope))}.")
    if scope == "for":
        if not isinstance(seconds, int | float) or isinstance(seconds, bool) or not 1 <= seconds <= LONGEST_S:
            raise Refused(f"A grant for a time is for 1 to {LONGEST_S:.0f} seconds.")
        return "for", float(seconds)
    if seconds is not None:
        raise Refused(f"A grant that is {scope} has no time.")
    return scope, ONCE_S if scope == "once" else None


def check_scope(delta: Delta, scope: Scope) -> None:
    """Refused when this kind of delta cannot be given in this way."""
    if delta.kind not in LIVE and scope != "always":
        raise Refused(f"A running bottle cannot get another {delta.kind}: give it always, and it holds from the next start on.")
    if scope == "once" and delta.kind != "egress":  # only what allows a request is over with it
        raise Refused(f"A {delta.kind} cannot be given for one request; give it for a time.")
    if delta.kind == "budget" and scope != "session":
        raise Refused(f"A {delta.kind} is given once and for all: use session.")


def add(grants: Grants, grant: Grant) -> Grants:
    """One more; the oldest that are over are forgotten."""
    grants = (*grants, grant)
    while len(grants) > KEPT_LIMIT and (over := next((one for one in grants if one.ended), None)) is not None:
        grants = tuple(one for one in grants if one is not over)
    return grants


def end(grants: Grants, name: str, why: str) -> Grants:
    """The grant of this name is over. Refused when there is none in force."""
    if not any(one.name == name and one.holds for one in grants):
        raise Refused(f"No grant {name} is in force.")
    return tuple(replace(one, ended=why) if one.name == name else one for one in grants)


def use(grants: Grants, name: str) -> tuple[Grants, Grant | None]:
    """A request went through by this grant. One for a single request is over with it."""
    found = next((one for one in grants if one.name == name and one.holds), None)
    if found is None:
        return grants, None
    used = replace(found, used=found.used + 1, ended="it was used" if found.scope == "once" else "")
    return tuple(used if one is found else one for one in grants), used


def expire(grants: Grants, now: float) -> tuple[Grants, Grants]:
    """End what is over by now. Returns those too."""
    over = tuple(one for one in grants if one.holds and one.expires is not None and one.expires <= now)
    return tuple(replace(one, ended="its time is over") if one in over else one for one in grants), over


def next_expiry(grants: Grants) -> float | None:
    """The moment at which the next one ends."""
    return min((one.expires for one in grants if one.holds and one.expires is not None), default=None)


def new_session(grants: Grants) -> Grants:
    """What is left of them when the bottle starts anew: only what was given for a time that is not over."""
    return tuple(
        replace(one, ended="the bottle ended") if one.holds and one.scope in ("once", "session", "always") else one
        for one in grants
    )
