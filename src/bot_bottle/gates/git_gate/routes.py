"""Which repository a request is about, and what it asks of it. Pure; the target is the bottle's.

A target is compared with a finite table: nothing of it ever becomes a path on the host.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from bot_bottle.errors import Refused
from bot_bottle.gates.git_gate.http import BadRequest, Head
from bot_bottle.gates.git_gate.inside import LOCAL
from bot_bottle.host.plain import plain
from bot_bottle.manifest.remotes import DEFAULT_PORTS, Remote, parse_remote
from bot_bottle.record import dataclass

Service = Literal["git-upload-pack", "git-receive-pack"]
Action = Literal["refs", "rpc", "lfs-batch", "lfs-object"]

_ENDS = (
    ("GET", "/info/refs?service=git-upload-pack", "refs", "git-upload-pack"),
    ("GET", "/info/refs?service=git-receive-pack", "refs", "git-receive-pack"),
    ("POST", "/git-upload-pack", "rpc", "git-upload-pack"),
    ("POST", "/git-receive-pack", "rpc", "git-receive-pack"),
)
_LFS = re.compile(r"(?P<place>/.+)/info/lfs/objects/(?:batch|(?P<oid>[0-9a-f]{64}))")
_USER = re.compile(r"^[^/@]*@")


@dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """One repository of the table: its name, and where it is for a server's."""

    name: str
    remote: Remote | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Route:
    """What a request asks for."""

    name: str
    action: Action
    service: Service
    oid: str = ""


def table(rows: Sequence[Mapping[str, Any]]) -> tuple[Known, ...]:  # Any: JSON
    """From the gate's configuration."""
    return tuple(Known(name=row["name"], remote=parse_remote(row["url"]) if row["url"] else None) for row in rows)


def route(head: Head, known: Sequence[Known]) -> Route:
    """The route of a request. BadRequest (with the status and the reason) when there is none."""
    for method, end, action, service in _ENDS:
        if head.target.endswith(end) and head.target.startswith("/"):
            if head.method != method:
                raise BadRequest(f"{service} takes {method} only.", status=405)
            place = head.target.removesuffix(end)
            return Route(name=find(place, known).name, action=action, service=service)  # type: ignore[arg-type]  # from _ENDS
    if lfs := _LFS.fullmatch(head.target):
        name = find(lfs["place"], known).name
        if head.method == "POST" and not lfs["oid"]:
            return Route(name=name, action="lfs-batch", service="git-upload-pack")
        if head.method == "GET" and lfs["oid"]:
            return Route(name=name, action="lfs-object", service="git-upload-pack", oid=lfs["oid"])
    if "/info/refs" in head.target or "/objects/" in head.target:
        raise BadRequest("This gate speaks git's smart protocol only: use git 1.6.6 or newer.", status=403)
    if "/info/lfs" in head.target:
        raise BadRequest("Of git LFS, this gate takes downloads only.", status=403)
    raise BadRequest("This is the git gate: it answers git's requests for the bottle's repositories, nothing else.", status=404)


def find(place: str, known: Sequence[Known]) -> Known:
    """The repository at this place below the gate. BadRequest with what to ask for when the bottle has none there."""
    first, _, rest = place.removeprefix("/").partition("/")
    if first == LOCAL:
        name = rest.strip("/")
        for one in known:
            if one.remote is None and name in {one.name, f"{one.name}.git"}:
                return one
        raise _not_here(name, known)
    if first in DEFAULT_PORTS:
        text = f"{first}://{_USER.sub('', rest) if first in {'https', 'http'} else rest}"
    elif first == "scp":
        text = rest
    else:
        raise _not_here(place, known)
    try:
        remote = parse_remote(text)
    except Refused:
        raise _not_here(_USER.sub("", rest), known) from None
    return match(remote, known)


def match(remote: Remote, known: Sequence[Known]) -> Known:
    """The repository that is meant, however its address is spelled: the scheme may differ, a port said must be right."""
    for one in known:
        if one.remote is not None and (one.remote.host, one.remote.path) == (remote.host, remote.path):
            usual = remote.port == DEFAULT_PORTS[remote.scheme] and remote.scheme != one.remote.scheme
            if remote.port == one.remote.port or usual:
                return one
    raise _not_here(remote.url, known, ask=remote)


def _not_here(place: str, known: Sequence[Known], *, ask: Remote | None = None) -> BadRequest:
    have = ", ".join(one.remote.url if one.remote else f"{LOCAL}/{one.name}" for one in known) or "none"
    words = [f"{plain(place, limit=200)} is not one of this bottle's repositories (it has {plain(have, limit=600)})."]
    if ask is not None and ask.scheme == "git":
        words.append("git:// is never used: it is neither encrypted nor signed.")
    if ask is not None:
        wanted = f"https://{ask.host}/{ask.path}.git"
        words.append(f"If you need it, ask the operator to add it to the manifest: git: upstreams: [{{url: {wanted}}}]")
    return BadRequest("\n".join(words), status=403)
