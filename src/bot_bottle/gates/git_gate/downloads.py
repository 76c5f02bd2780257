"""Objects of git LFS, for reading: the gate asks the upstream, checks what comes by its hash, and gives it to the bottle.

The request is the bottle's; the upstream's answer may name other servers, which get no credential of ours unless they are the
upstream itself. Nothing that does not have the hash that was asked for is kept or shown. Uploads are refused: what a push may
bring is what the gate has read.
"""

import asyncio
import hashlib
import json
import os
import re
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from bot_bottle.errors import BottleError, Refused
from bot_bottle.record import dataclass, field

KIND = "application/vnd.git-lfs+json"
MOST = 1000
"""Objects in one request; git-lfs asks for a hundred at a time."""

LARGEST = 8 * 1024**3
"""Bytes of one object."""

ANSWER_LIMIT = 8 * 1024 * 1024
TIMEOUT_S = 60.0
_OID = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """One object of a request: the SHA-256 of its content, and its size."""

    oid: str
    size: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where an upstream said that an object is."""

    href: str
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)


def read_batch(content: bytes) -> tuple[Wanted, ...]:
    """The objects of a download (Git LFS Batch API). Refused for an upload and for what is none."""
    try:
        row = json.loads(content)
        operation, objects = row["operation"], row["objects"]
        wanted = tuple(Wanted(oid=str(one["oid"]), size=int(one["size"])) for one in objects)
    except (ValueError, KeyError, TypeError, RecursionError):
        raise Refused("this is not a request of git LFS") from None
    if operation != "download":
        raise Refused("LFS objects are not uploaded through this gate: push the file itself, or ask the operator")
    if len(wanted) > MOST or any(not _OID.fullmatch(one.oid) or not 0 <= one.size <= LARGEST for one in wanted):
        raise Refused("this request of git LFS names no proper objects")
    return wanted


def answer(wanted: Sequence[Wanted], have: set[str], base: str) -> bytes:
    """The answer to a batch: where each object is to be had from us."""
    rows: list[dict[str, Any]] = []
    for one in wanted:
        row: dict[str, Any] = {"oid": one.oid, "size": one.size}
        if one.oid in have:
            row["actions"] = {"download": {"href": f"{base}/{one.oid}"}}
        else:
            row["error"] = {"code": 404, "message": "The upstream does not have this object."}
        rows.append(row)
    return json.dumps({"transfer": "basic", "objects": rows}).encode()


class Downloads:
    """The LFS objects of one upstream, kept once they were fetched."""

    def __init__(self, row: Mapping[str, Any], *, folder: Path, authorization: str, roots: str | None, proxy: str | None) -> None:
        self._url = str(row["url"]).rstrip("/").removesuffix(".git") + ".git/info/lfs/objects/batch" if row["url"] else ""
        self._local = tuple(Path(row["path"], name, "lfs/objects") for name in (".git", "")) if row["path"] else ()
        self._store = folder / f"{row['name']}.lfs"
        self._authorization = authorization.partition(": ")[::2]
        self._places: dict[str, tuple[Place, int]] = {}
        self._roots, self._proxy = roots, proxy

    async def find(self, wanted: Sequence[Wanted]) -> set[str]:
        """Those that the upstream has."""
        if self._local:
            return {one.oid for one in wanted if self._in_repository(one.oid) is not None}
        if not self._url.startswith("https:"):
            raise BottleError("LFS objects are read over https and from the operator's own repository only.")
        have = {one.oid for one in wanted if (self._store / one.oid).is_file()}
        missing = [one for one in wanted if one.oid not in have]
        return have | (await asyncio.to_thread(self._ask, missing) if missing else set())

    async def get(self, oid: str) -> Path:
        """The object as a file. BottleError when the upstream does not give it, or something else."""
        inside = self._in_repository(oid)
        if inside is not None:
            return inside
        kept = self._store / oid
        if not kept.is_file():
            await asyncio.to_thread(self._fetch, oid, kept)
        return kept

    def _in_repository(self, oid: str) -> Path | None:
        places = (folder / oid[:2] / oid[2:4] / oid for folder in self._local)
        return next((path for path in places if path.is_file() and not path.is_symlink()), None)

    def _ask(self, wanted: Sequence[Wanted]) -> set[str]:
        rows = [{"oid": one.oid, "size": one.size} for one in wanted]
        body = json.dumps({"operation": "download", "transfers": ["basic"], "objects": rows}).encode()
        headers = {"Accept": KIND, "Content-Type": KIND, **dict([self._authorization] if self._authorization[0] else [])}
        with self._open(urllib.request.Request(self._url, data=body, headers=headers)) as reply:  # noqa: S310  # https, checked
            text = reply.read(ANSWER_LIMIT)
        sizes = {one.oid: one.size for one in wanted}
        found = read_places(text)
        self._places |= {oid: (place, sizes[oid]) for oid, place in found.items() if oid in sizes}
        return {oid for oid in found if oid in sizes}

    def _fetch(self, oid: str, target: Path) -> None:
        known = self._places.get(oid)
        if known is None:
            raise BottleError("This LFS object was not asked for before.")
        place, size = known
        headers = dict(place.headers)
        if not headers and self._authorization[0] and _origin(place.href) == _origin(self._url):
            headers = dict([self._authorization])
        self._store.mkdir(mode=0o700, exist_ok=True)
        partial = target.with_name(f".{oid}.{os.urandom(4).hex()}")
        digest = hashlib.sha256()
        try:
            with self._open(urllib.request.Request(place.href, headers=headers)) as reply, open(partial, "xb") as file:  # noqa: S310
                while part := reply.read(1 << 18):
                    digest.update(part)
                    file.write(part)
                    if file.tell() > size:
                        break
            if digest.hexdigest() != oid or partial.stat().st_size != size:
                raise BottleError("The upstream gave something else than the LFS object that was asked for.")
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)

    def _open(self, request: urllib.request.Request) -> Any:  # Any: what urlopen gives
        context = ssl.create_default_context(cafile=self._roots)
        proxies = urllib.request.ProxyHandler({"https": self._proxy} if self._proxy else {})
        opener = urllib.request.build_opener(proxies, urllib.request.HTTPSHandler(context=context), _Stay())
        try:
            return opener.open(request, timeout=TIMEOUT_S)
        except (OSError, HTTPException, urllib.error.URLError) as error:
            code = getattr(error, "code", "")
            raise BottleError(
                "The upstream did not answer for an LFS object.", facts=(f"{type(error).__name__} {code}".strip(),)
            ) from None


class _Stay(urllib.request.HTTPRedirectHandler):
    """No redirect is followed: what authenticates us goes where the operator said."""

    def redirect_request(self, *_: Any) -> None:  # Any: as the base class has it
        return None


def read_places(content: bytes) -> dict[str, Place]:
    """Object → where an upstream says that it is. Only https places count."""
    try:
        found = {}
        for row in json.loads(content)["objects"]:
            action = row.get("actions", {}).get("download")
            if action is not None and str(action["href"]).startswith("https://"):
                headers = tuple((str(key), str(value)) for key, value in action.get("header", {}).items())
                found[str(row["oid"])] = Place(href=str(action["href"]), headers=headers)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise BottleError("The upstream's answer about LFS objects cannot be read.") from None
    return found


def _origin(url: str) -> tuple[str | None, int | None]:
    parts = urlsplit(url)
    return parts.hostname, parts.port
