"""The bare mirror of one upstream, for one bottle: filled from the upstream by the gate, read by the bottle, never written by it.

The credential is in the environment of the children that speak to the upstream, and nowhere else. What an upstream sends is
checked (fsck) as what the bottle sends is.
"""

import asyncio
import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from bot_bottle.errors import BottleError
from bot_bottle.gates.git_gate.children import Done, complete
from bot_bottle.gates.git_gate.records import HIDDEN_REFS, RefUpdate
from bot_bottle.gates.git_gate.runner import STORE_LIMIT, Git, authorization
from bot_bottle.manifest.remotes import parse_remote
from bot_bottle.record import replace

FETCH_TIMEOUT_S = 1800.0
FRESH_S = 1.0
"""A second question within this time is part of the same `git clone` or `git push`."""

_REF = re.compile(r"([0-9a-f]{40}|[0-9a-f]{64}) (refs/[^\x00-\x20\x7f]+)")


class Mirror:
    """One upstream as the gate knows it."""

    def __init__(
        self,
        row: Mapping[str, Any],
        *,
        folder: Path,
        git: Git,
        value: str | None,
        host: Mapping[str, str],
        proxy: str | None = None,
    ) -> None:
        self.row = row
        self.name: str = row["name"]
        self.own: str = row["own"]
        self.path = folder / f"{self.name}.git"
        self.source: str = row["path"] or row["url"]
        self.git = git.with_env(GIT_ALLOW_PROTOCOL="")
        self.proxy = proxy
        outward = git.with_settings([("http.proxy", proxy)]) if proxy else git
        self.outward = _outward(outward, row, value, host).leashed()
        self.lock = asyncio.Lock()
        self.header = _authorization(row, value) if value is not None else ""
        self._secrets = tuple(one for one in (value, self._header_value(value), *_passwords(proxy)) if one)
        self._refreshed = 0.0
        self._refs: dict[str, str] | None = None

    def _header_value(self, value: str | None) -> str:
        if value is None:
            return ""
        return _authorization(self.row, value).partition(": ")[2].rpartition(" ")[2]

    async def refresh(self, *, at_once: bool = False) -> None:
        """Bring it to what the upstream has now. BottleError with the upstream's words when it cannot be asked."""
        async with self.lock:
            if not at_once and time.monotonic() - self._refreshed < FRESH_S:
                return
            if not (self.path / "HEAD").is_file():
                await self._make()
            self._refs = None
            await self._fetch()
            self._refs = None
            self._refreshed = time.monotonic()

    def without(self, kind: str) -> None:
        """What this host has of sandboxes, "landlock" or "bubblewrap", does not work here."""
        if kind == "landlock":
            self.git, self.outward = (replace(one, landlock=False) for one in (self.git, self.outward))
        else:
            self.git, self.outward = (replace(one, bwrap="", ends_with_us=False) for one in (self.git, self.outward))

    async def ready(self) -> None:
        """Make it where it is not there yet. What is pushed is leased, so that an older view of the upstream does no harm;
        the operator's own repository is quick to look at, and there branches come and go."""
        if self.row["path"] is not None or not (self.path / "HEAD").is_file():
            await self.refresh()

    async def refs(self) -> dict[str, str]:
        """Its refs, those that are the gate's own left out. Nobody but this gate changes them."""
        if self._refs is None:
            self._refs = await self._read_refs()
        return dict(self._refs)

    async def set_refs(self, updates: Sequence[RefUpdate]) -> None:
        """What the upstream has now, so that the next fetch sees it at once."""
        rows = [f"delete {one.ref}\n" if one.deletes else f"update {one.ref} {one.new}\n" for one in updates]
        async with self.lock:
            refs, self._refs = await self.refs(), None
            await self.inside("update-ref", "--stdin", stdin="".join(rows).encode())
            gone = {one.ref for one in updates if one.deletes}
            refs |= {one.ref: one.new for one in updates}
            self._refs = {name: value for name, value in refs.items() if name not in gone}

    async def _read_refs(self) -> dict[str, str]:
        done = await self.inside("for-each-ref", "--format=%(objectname) %(refname)")
        found = {match[2]: match[1] for match in map(_REF.fullmatch, done.stdout.decode().splitlines()) if match}
        return {name: value for name, value in found.items() if not name.startswith(f"{HIDDEN_REFS}/")}

    async def inside(self, *words: str, stdin: bytes = b"", timeout_s: float = 60.0) -> Done:
        """Run git in the mirror, without any transport. BottleError when it fails."""
        done = await complete(self.git, *words, at=self.path, stdin=stdin, timeout_s=timeout_s)
        if done.code != 0:
            raise BottleError(f"git {words[0]} failed in the gate's mirror.", facts=tuple(done.words.splitlines()[-4:]))
        return done

    def scrubbed(self, words: str) -> str:
        """What git or an upstream said, without the credential in any spelling that we know."""
        for secret in self._secrets:
            words = words.replace(secret, "[hidden]")
        return words

    async def _make(self) -> None:
        """An empty mirror whose HEAD is the upstream's."""
        done = await complete(self.outward, "ls-remote", "--symref", "--", self.source, "HEAD", timeout_s=120.0)
        if done.code != 0:
            raise self._failed(done)
        text = done.stdout.decode("utf-8", "replace")
        head = re.match(r"ref: (refs/heads/[^\x00-\x20\x7f]+)\tHEAD\n", text)
        wide = bool(re.search(r"^[0-9a-f]{64}\t", text, re.MULTILINE))
        form = "--object-format=sha256" if wide else "--object-format=sha1"
        branch = head[1].removeprefix("refs/heads/") if head else "main"
        words = ("init", "--quiet", "--bare", "--template=", form, f"--initial-branch={branch}", str(self.path))
        made = await complete(self.git, *words, timeout_s=60.0)
        if made.code != 0:
            raise BottleError("The gate could not make its mirror.", facts=tuple(made.words.splitlines()[-4:]))

    async def _fetch(self) -> None:
        """All branches and tags that the upstream shows."""
        words = (
            "fetch",
            "--quiet",
            "--prune",
            "--force",
            "--no-tags",
            "--no-write-fetch-head",
            "--no-auto-gc",
            "--no-recurse-submodules",
        )
        mirrored = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")
        place = ("--", self.source, *mirrored)
        done = await complete(self.outward, *words, *place, at=self.path, timeout_s=FETCH_TIMEOUT_S, largest_file=STORE_LIMIT)
        if done.code != 0:
            raise self._failed(done)

    def _failed(self, done: Done) -> BottleError:
        words = self.scrubbed(done.words).splitlines()[-8:]
        return BottleError(f"The upstream of {self.name} could not be read.", facts=tuple(words))


def _passwords(proxy: str | None) -> tuple[str, ...]:
    """What opens the proxy, in the spellings that a message could have."""
    word = urlsplit(proxy or "").password or ""
    return (word, unquote(word))


def _authorization(row: Mapping[str, Any], value: str) -> str:  # Any: JSON
    slot, name, form = row["header"]
    return authorization(slot, name, form, value)


def _outward(git: Git, row: Mapping[str, Any], value: str | None, host: Mapping[str, str]) -> Git:  # Any: JSON
    """Git with the one transport that leads to this upstream, and with what authenticates us there."""
    if row["path"] is not None:
        return git.with_env(GIT_ALLOW_PROTOCOL="file")
    remote = parse_remote(row["url"])
    if remote.scheme == "ssh":
        ssh = host.get("GIT_SSH_COMMAND", "ssh")
        return git.with_env(
            **{name: host[name] for name in ("PATH", "HOME", "USER", "LOGNAME", "SSH_AUTH_SOCK") if name in host},
            GIT_ALLOW_PROTOCOL="ssh",
            GIT_SSH_VARIANT="ssh",
            GIT_SSH_COMMAND=f"{ssh} -o BatchMode=yes -o ForwardAgent=no -o ClearAllForwardings=yes -o PermitLocalCommand=no",
        )
    outward = git.with_env(GIT_ALLOW_PROTOCOL=remote.scheme)
    if value is None:
        return outward
    return outward.with_settings([(f"http.{row['url']}.extraHeader", _authorization(row, value))])
