"""What the operator gives for always becomes a line of their policy: shown as a diff, written whole, whoever else writes too."""

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bot_bottle.bottles.asks import AskView, approve, take_back
from bot_bottle.errors import BadManifest, BadUsage, BottleError, Refused
from bot_bottle.host.files import make_private_folder, write_file
from bot_bottle.host.paths import config_dir
from bot_bottle.manifest.available import AVAILABLE
from bot_bottle.manifest.edit import Append, Change, Put, edited
from bot_bottle.manifest.find import POLICY_NAME, find_policy
from bot_bottle.manifest.mistakes import refuse
from bot_bottle.record import dataclass

Row = Mapping[str, Any]  # Any: JSON

TRIES = 3
"""How often an edit is made anew because the file changed under it."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Edit:
    """One change of the policy file: what it was (None: there was none), what it will be, and the difference as lines."""

    path: Path
    before: str | None
    after: str
    diff: tuple[str, ...]


def change_for(delta: Row) -> Change:
    """The change of the policy that a delta stands for. Refused where a policy has no place for it."""
    kind, row = delta["kind"], {key: value for key, value in delta.items() if key != "kind"}
    if kind == "egress":
        usual = [443] if row.get("scheme", "https") == "https" else [80]
        return Append(
            path=("egress", "rules"), item={key: value for key, value in row.items() if (key, value) != ("ports", usual)}
        )
    if kind == "preset":
        return Append(path=("egress", "presets"), item=row["name"])
    if kind == "dlp":
        return Append(path=("dlp", "actions"), item={"rule": row["rule"], "host": row["host"], "action": "warn"})
    if kind == "mount":
        more = {"writable": True} if row.get("writable") else {}
        return Append(path=("mounts",), item={"path": row["path"], "to": row["to"], **more})
    if kind == "limit":
        return Put(path=("limits", str(row["name"])), value=str(row["value"]))
    raise Refused(f"A {kind} is nothing that a policy can give for always; write it into the manifest.")


def plan_edit(delta: Row) -> Edit:
    """The edit as it would be made now. Refused when the file cannot be added to; BadManifest when it has mistakes."""
    source = find_policy()
    path = source.path if source is not None else config_dir() / POLICY_NAME
    before = source.content.decode() if source is not None else None
    after = edited(before or "", change_for(delta))
    _check(after, path)
    return Edit(path=path, before=before, after=after, diff=difference(before or "", after))


def difference(before: str, after: str) -> tuple[str, ...]:
    """A unified diff without its head."""
    from difflib import unified_diff

    return tuple(unified_diff(before.splitlines(), after.splitlines(), POLICY_NAME, POLICY_NAME, n=2, lineterm=""))[2:]


def write_edit(delta: Row, planned: Edit) -> Edit:
    """Write it. When the file has changed since it was planned, the same change is made to what it is now; what was written is
    given back. BottleError when it never holds still.
    """
    with _only_writer():
        for _ in range(TRIES):
            if _now(planned.path) == planned.before:
                real = planned.path.resolve()  # a link stays one: many keep their settings elsewhere
                mode = real.stat().st_mode & 0o777 if real.exists() else 0o600
                write_file(real, planned.after, mode=mode)
                return planned
            planned = plan_edit(delta)
    raise BottleError("The policy file is being written to.", facts=(str(planned.path),), next="Try again.")


def plan_always(ask: AskView, narrow: Row | None = None) -> Edit:
    """What giving an ask for always would write. BadUsage where there is nothing to write."""
    if ask.delta is None:
        raise BadUsage("A question is answered once.")
    try:
        return plan_edit({**ask.delta, **(narrow or {})})
    except Refused as refused:
        raise BadUsage("This cannot be written into your policy.", facts=(refused.what,)) from None


def give_always(ask: AskView, said: dict[str, Any], planned: Edit, *, host: Mapping[str, str]) -> tuple[dict[str, Any], Edit]:
    """Give it, then write it: a request that is no longer open must not change the policy. What was given, what was written."""
    assert ask.delta is not None
    given = approve(ask, said, host=host)
    try:
        return given, write_edit({**ask.delta, **said["narrow"]}, planned)
    except (OSError, BottleError):
        take_back(ask.slug, str(given["grant"]))
        raise


def _now(path: Path) -> str | None:
    try:
        return path.read_text()
    except FileNotFoundError:
        return None


@contextmanager
def _only_writer() -> Iterator[None]:
    """Of our own programs one writes at a time; an editor does not know the lock, so the content is compared as well."""
    folder = config_dir() if config_dir().is_dir() else make_private_folder(config_dir())
    descriptor = os.open(folder / ".policy.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _check(text: str, path: Path) -> None:
    """Read it as the next start will. BadManifest with its mistakes."""
    from bot_bottle.manifest.model import Policy
    from bot_bottle.manifest.parse import parse

    _, mistakes = parse(text.encode(), label=POLICY_NAME, base=path.parent, model=Policy, available=AVAILABLE)
    if mistakes:
        raise refuse(mistakes, what="With this change the policy would have mistakes.")


__all__ = ["BadManifest", "Edit", "change_for", "difference", "give_always", "plan_always", "plan_edit", "write_edit"]
