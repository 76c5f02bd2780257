"""Starts a bottle from a program: the command line does it, in a process of its own, as it does for the dashboard.

A process of its own, because a bottle's keeper is a fork: of this program it would keep every file, socket and lock.
"""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from bot_bottle.api.bottle import Bottle
from bot_bottle.api.manifest import Manifest
from bot_bottle.bottles.starting import Asking, Began, Failed, Progress, Starting, Wanted, begin
from bot_bottle.errors import BottleError, Declined
from bot_bottle.record import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Preflight:
    """The plan of a bottle that has not been started: its name, and rows of label, text, and who decided it."""

    name: str
    rows: tuple[tuple[str, str, str], ...]

    def __str__(self) -> str:
        return "\n".join(f"{label:10} {text}{f'  ({why})' if why else ''}" for label, text, why in self.rows)


Confirm = Callable[[Preflight], bool]
Tell = Callable[[str], None]


def start(
    manifest: Manifest | None = None,
    *,
    agent: str | None = None,
    args: Sequence[str] = (),
    workspace: str | Path | None = None,
    name: str | None = None,
    confirm: Confirm | None = None,
    tell: Tell | None = None,
) -> Bottle:
    """Start a bottle, and return once it is proved sealed and its agent runs on a terminal of its own.

    Without a manifest it is looked for as `bot-bottle run` does: `bottle.yaml` in the workspace, which may only tighten the
    operator's policy until it is trusted. `agent`, `args` and `workspace` stand above the manifest. Without any word of it the
    workspace is the current folder. Credentials are read from this program's environment.

    `confirm` is shown the very plan that will be launched; when it says False, Declined is raised and nothing was started. `tell`
    hears what takes a while, line by line.

    Raises BadManifest, Declined, CannotRunHere, NotContained, BadUsage or another BottleError; then there is no bottle.
    """
    return follow(begin(wanted_from(manifest, agent, args, workspace, name), host=os.environ), confirm=confirm, tell=tell)


def wanted_from(
    manifest: Manifest | None, agent: str | None, args: Sequence[str], workspace: str | Path | None, name: str | None
) -> Wanted:
    """What the child is asked for."""
    return Wanted(
        folder=Path.cwd(),
        workspace=None if workspace is None else Path(workspace).expanduser().absolute(),
        name=name or "",
        manifest=manifest.path if manifest else None,
        text=manifest.text if manifest else None,
        agent=agent or "",
        args=tuple(args),
    )


def follow(starting: Starting, *, confirm: Confirm | None = None, tell: Tell | None = None) -> Bottle:
    """Hear the child to its end, and answer when it asks."""
    declined = False
    for news in starting.news():
        match news:
            case Asking():
                agreed = confirm is None or confirm(Preflight(name=news.slug, rows=news.preflight))
                starting.answer(yes=agreed)
                declined = not agreed
            case Progress() if tell is not None:
                tell(news.text)
            case Began():
                return Bottle(news.slug)
            case Failed():
                raise _error(news, declined=declined)
            case _:
                continue
    raise BottleError("The start ended without a word.")


def _error(failed: Failed, *, declined: bool) -> BottleError:
    if declined:
        return Declined("Nothing was started.")
    return failed.error or BottleError("The bottle could not be started.", facts=failed.words)
