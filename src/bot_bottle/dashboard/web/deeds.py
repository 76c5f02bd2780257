"""What the page may ask for, read strictly and put to the door."""

import json
from typing import Any

from bot_bottle.bottles.asks import AskView, read_narrow
from bot_bottle.bottles.snapshot import Snapshot
from bot_bottle.bottles.status import check_slug
from bot_bottle.dashboard.door import Door
from bot_bottle.errors import BadUsage

Said = dict[str, Any]  # Any: JSON
TEXT_LIMIT = 2000
LONGEST_S = 7 * 24 * 3600.0


def read_said(body: bytes) -> Said:
    """The object that a POST holds; an empty one for anything else, which then lacks what it must have."""
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def do(path: str, said: Said, door: Door) -> None:
    """One deed. BadUsage when it is none of ours, or lacks something."""
    match path:
        case "/approve":
            ask = shown(text(said, "id"), door.look())
            door.approve(ask, approval(said, ask))
        case "/deny":
            door.deny(shown(text(said, "id"), door.look()), text(said, "reason") or "No.")
        case "/revoke":
            door.revoke(check_slug(text(said, "slug")), text(said, "name"))
        case "/stop":
            door.stop(check_slug(text(said, "slug")))
        case _:
            raise BadUsage("The page asks for something that there is not.")


def shown(ask_id: str, snapshot: Snapshot) -> AskView:
    """The ask of exactly this id, which holds the token of what was shown."""
    found = next((one for one in snapshot.inbox.pending if one.id == ask_id), None)
    if found is None:
        raise BadUsage("This request is not what it was when you were shown it, or was answered.", next="Look at it again.")
    return found


def approval(said: Said, ask: AskView) -> Said:
    """The answer as the gate wants it."""
    if ask.kind == "push":
        return {}
    if ask.choices:
        return {"scope": "once", "narrow": {}, "answer": text(said, "answer")}
    scope = text(said, "scope")
    if scope not in ("once", "for", "session"):
        raise BadUsage("An approval holds once, for a time, or for the session.")
    given: Said = {"scope": scope, "narrow": read_narrow(tuple(text(said, "narrow").split()))}
    if scope == "for":
        given["seconds"] = seconds(said.get("seconds"))
    return given


def seconds(value: object) -> float:
    """A time that is more than nothing and at most a week."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= LONGEST_S:
        raise BadUsage("The time must be more than nothing and at most a week.")
    return float(value)


def text(said: Said, name: str) -> str:
    """A text, short enough; empty when it is left out."""
    value = said.get(name, "")
    if not isinstance(value, str) or len(value) > TEXT_LIMIT:
        raise BadUsage(f"{name} must be a text of at most {TEXT_LIMIT} characters.")
    return value
