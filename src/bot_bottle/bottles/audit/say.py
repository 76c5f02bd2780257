"""What is written into a log by somebody other than the bottle's keeper and gates: the operator's commands, and whoever finds a
log that its keeper could not end.

What an operator does is signed with their key before it is done, so that no gate can claim an approval that nobody gave.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from bot_bottle import __version__
from bot_bottle.bottles.audit import places
from bot_bottle.bottles.audit.key import load_or_make, signer
from bot_bottle.bottles.secrets import system_keyring
from bot_bottle.errors import BottleError
from bot_bottle.gates.chain import Chain, Event, LogOver, Sign, is_over, last_line
from bot_bottle.host import paths

More = Mapping[str, Any]  # Any: JSON


def note(slug: str, event: str, more: More) -> None:
    """Write what the operator does to this running bottle, signed. BottleError when it cannot be: then it must not be done.

    Nothing for a bottle that has no log of this form.
    """
    path = log_of(paths.bottle_dir(slug))
    if path is not None:
        _append(path, {"gate": "operator", "event": event, **more}, sign=own_sign())


def remark(stage_dir: Path, event: Event) -> None:
    """Write what a process of ours has to say that is nobody's decision, such as a notification that failed. Not signed."""
    path = log_of(stage_dir)
    if path is not None:
        _append(path, event)


def close(stage_dir: Path, why: str) -> None:
    """Sign that this log has no end mark, if it has none: its keeper is gone. Half a line at its end is cut off and counted."""
    path = log_of(stage_dir)
    if path is None:
        return
    with open(path, "rb") as file:
        tail, torn = last_line(file.fileno(), file.seek(0, os.SEEK_END))
    if torn or not is_over(tail):
        with suppress(LogOver):  # its keeper was just about to end it
            _append(path, {"gate": "keeper", "event": "closed", "why": why}, sign=own_sign())


@contextmanager
def later(slug: str) -> Iterator[tuple[Path, Sign]]:
    """A log of its own for what is done after a bottle's end: the end mark of the bottle's own stays its last line.

    It begins with the id and the head of the bottle's log, and is ended and signed here.
    """
    from bot_bottle.bottles.audit.read import check

    before = log_of(paths.bottle_dir(slug))
    after = None
    if before is not None:
        report = check(before).report
        after = {"id": report.id, "events": report.events, "head": report.head}
    path, chain, sign = *places.begun(slug, {"uid": os.getuid(), "version": __version__, "after": after}), own_sign()
    try:
        yield path, sign
    finally:
        chain.append({"gate": "keeper", "event": "end", "own": [1]}, sign=sign, at_once=True)
        chain.close()


def log_of(stage_dir: Path) -> Path | None:
    """The log that the bottle's folder links to."""
    link = stage_dir / places.EVENTS
    return link.resolve() if link.is_symlink() and link.exists() else None


def own_sign() -> Sign:
    """Signs with the operator's key."""
    return signer(load_or_make(system_keyring))


def _append(path: Path, event: Event, *, sign: Sign | None = None) -> None:
    try:
        chain = Chain(path)
        try:
            chain.append(event, sign=sign, at_once=sign is not None)
        finally:
            chain.close()
    except OSError as error:
        raise BottleError("The bottle's log cannot be written.", facts=(f"{path}: {error.strerror}",)) from None
