"""The git gate's socket: git's smart HTTP protocol for the bottle's own repositories, and nothing else. It fails closed.

Trusts its configuration and the credentials it was given; the bottle controls every byte that is read. Reading is served by
`git upload-pack` from a mirror, writing by our own reader of the push protocol, with git's plumbing underneath.
"""

import asyncio
import json
import re
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from bot_bottle.errors import BottleError, Refused
from bot_bottle.gates.base import BlobScan, Deciding, Gate, Inspector, Record
from bot_bottle.gates.git_gate.children import complete, running
from bot_bottle.gates.git_gate.downloads import KIND, Downloads, read_batch
from bot_bottle.gates.git_gate.downloads import answer as batch_answer
from bot_bottle.gates.git_gate.hold import AWAITS, Holds, awaited_row
from bot_bottle.gates.git_gate.http import HEAD_LIMIT, Answer, BadRequest, Body, Gone, Head, read_head
from bot_bottle.gates.git_gate.inside import GATE
from bot_bottle.gates.git_gate.mirror import Mirror
from bot_bottle.gates.git_gate.pktline import FLUSH, line
from bot_bottle.gates.git_gate.plan import PROXY_LOGIN
from bot_bottle.gates.git_gate.pushing import Pusher
from bot_bottle.gates.git_gate.records import MIB, rules_from
from bot_bottle.gates.git_gate.routes import Route, route, table
from bot_bottle.gates.git_gate.runner import Git, make_git, only_own
from bot_bottle.gates.git_gate.sandbox import landlock_here
from bot_bottle.host.files import make_private_folder
from bot_bottle.host.plain import plain
from bot_bottle.record import replace

CONNECTIONS = 64
"""Connections that one bottle may hold; git opens one or two at a time."""

FETCHES = 8
"""Fetches that are served at a time; others wait. Each may take the processor and much memory."""

ASK_LIMIT = 32 * MIB
"""Largest request of a fetch: 600,000 lines of "have" and "want"."""

PUSH_LIMIT = 4096 * MIB
"""Largest request that is read at all; the size of a pack is a rule, with a reason for the agent."""

LFS_LIMIT = 4 * MIB
_HERE = re.compile(r"127\.0\.0\.1:[0-9]{1,5}")
_PROTOCOL = re.compile(r"version=[12]")


class GitGate(Gate, Deciding):
    """The running gate of one bottle."""

    name = "git-gate"
    awaits = AWAITS

    def __init__(self, config: Mapping[str, Any], secrets: Mapping[str, str], record: Record) -> None:
        folder = make_private_folder(Path(config["folder"]))
        rows = config["repositories"]
        self._record = record
        self._holds = Holds(folder / "held")
        self._known = table(rows)
        self._pushers = {row["name"]: self._pusher(row, folder, config, secrets) for row in rows}
        self._slots = asyncio.Semaphore(FETCHES)
        self._tried = False
        self._config = config
        self._lfs: dict[str, Downloads] = {}
        self._trying = asyncio.Lock()
        self._connections: set[asyncio.Task[None]] = set()
        self._counts = {"fetches": 0, "pushes": 0, "refused": 0}

    def _pusher(self, row: Mapping[str, Any], folder: Path, config: Mapping[str, Any], secrets: Mapping[str, str]) -> Pusher:
        more = only_own(row["own"]) if row["path"] else http_settings(config)
        safe = (Path(row["path"]), Path(row["path"], ".git")) if row["path"] else ()
        landlock = landlock_here()
        git = make_git(
            config["git"], folder, name=f"{row['name']}.config", safe=safe, more=more, bwrap=config["bwrap"], landlock=landlock
        )
        git = git.with_env(NO_PROXY=",".join(config["no_proxy"]))
        value = secrets[row["credential"]] if row["credential"] else None
        proxy = proxy_url(config["proxy"], secrets.get(PROXY_LOGIN, ""))
        mirror = Mirror(row, folder=folder, git=git, value=value, host=config["host"], proxy=proxy)
        rules = rules_from(row["rules"])
        return Pusher(mirror, rules, scan=self._scan, record=self._record, holds=self._holds, kept=self._tell_of_hold)

    def _scan(self) -> BlobScan:
        if not isinstance(self.inspector, Inspector):
            raise BottleError("There is nothing that searches pushes for secrets, so none goes on.")
        return self.inspector.object_scan()

    async def serve(self, listener: socket.socket) -> None:
        """Accept until cancelled."""
        server = await asyncio.start_server(self._connected, sock=listener, limit=HEAD_LIMIT * 2)
        async with server:
            await server.serve_forever()

    async def control(self, request: Mapping[str, Any]) -> dict[str, Any]:  # Any: JSON
        """`counts`; `pushes` lists those that wait; `approve` and `reject` decide the one that `id` names; `settle` asks the
        upstreams what became of pushes that a crash cut off."""
        match request.get("op"):
            case "counts":
                return {"ok": True, **self._counts}
            case "pushes":
                return {"ok": True, "waiting": [one.id for one in self._holds.waiting()]}
            case "approve" | "reject" as op:
                hold = self._holds.named(str(request.get("id")))
                by, said = str(request.get("by", "operator")), str(request.get("said", ""))
                decided = await self._pushers[hold.repository].decide(hold.id, approves=op == "approve", by=by, said=said)
                self.decided()
                return {"ok": True, "state": decided.state, "said": decided.said}
            case "settle":
                return {"ok": True, "settled": [event for pusher in self._pushers.values() for event in await pusher.settle()]}
        return {"error": "no such operation", "operations": ["counts", "pushes", "approve", "reject", "settle"]}

    def awaited(self, id: str) -> dict[str, Any]:  # Any: JSON
        """What became of the held push of this number."""
        found = self._holds.numbered(int(id.removeprefix(AWAITS)))
        if found is None:
            raise Refused(f"There is no held push {id.removeprefix(AWAITS)} in this bottle.")
        return awaited_row(found)

    def _tell_of_hold(self, number: int) -> str:
        """Another push waits: who waits for one that it replaces hears so. How to wait for this one, where that can be done."""
        self.decided()
        return f" await_decision with the id {AWAITS}{number} waits for the operator." if self.can_ask else ""

    async def close(self) -> None:
        """End every connection, and with it every git of ours."""
        for task in tuple(self._connections):
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        for pusher in self._pushers.values():
            await pusher.close()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            if len(self._connections) > CONNECTIONS:
                await Answer(writer, keeps=False).whole(503, f"This bottle already has {CONNECTIONS} connections.\n".encode())
                return
            while await self._one(reader, writer):
                pass
        except Gone:
            return
        finally:
            self._connections.discard(task)
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer one request. Whether the connection goes on."""
        answer = Answer(writer, keeps=False)
        try:
            head = await read_head(reader)
            answer = Answer(writer, keeps=head.keeps)
            limit = PUSH_LIMIT if head.target.endswith("/git-receive-pack") else ASK_LIMIT
            body = Body(head, reader, limit=limit)
            if head.headers.get("expect", "").lower() == "100-continue":
                await answer.go_on()
            await self._answer(head, body, answer)
            return head.keeps and body.is_over and answer.is_whole
        except BadRequest as bad:
            self._refuse(bad)
            if not answer.has_begun:
                await answer.whole(bad.status, _told(bad.why), kind="text/plain; charset=utf-8")
        except BottleError as error:
            self._record({"gate": "git-gate", "event": "failed", "what": error.what, "facts": list(error.facts)[:8]})
            if not answer.has_begun:
                await answer.whole(502, _told("\n".join((error.what, *error.facts))))
        return False

    def _refuse(self, bad: BadRequest) -> None:
        self._counts["refused"] += 1
        if bad.status != 404:
            self._record({"gate": "git-gate", "event": "refused", "verdict": "deny", "why": plain(bad.why, limit=400)})

    async def _try_sandbox(self) -> None:
        """Once: whether git runs in its sandbox here. Where it does not, it runs in the open, and the log says so."""
        async with self._trying:
            if self._tried:
                return
            self._tried = True
            mirrors = [pusher.mirror for pusher in self._pushers.values()]
            git = mirrors[0].git
            either = {"landlock": replace(git, bwrap=""), "bubblewrap": replace(git, landlock=False)}
            here = {kind: one for kind, one in either.items() if one.landlock or one.bwrap}
            faults = dict(zip(here, await asyncio.gather(*map(_fails_sealed, here.values())), strict=True))
            for kind in (kind for kind, why in faults.items() if why):
                for mirror in mirrors:
                    mirror.without(kind)
            if all(faults.values()):
                self._record({"gate": "git-gate", "event": "no-sandbox", "faults": faults})

    async def _answer(self, head: Head, body: Body, answer: Answer) -> None:
        found = route(head, self._known)
        await self._try_sandbox()
        pusher = self._pushers[found.name]
        if found.service == "git-receive-pack":
            if found.action == "refs":
                await body.drain()
                await answer.whole(200, await pusher.advertise(), kind="application/x-git-receive-pack-advertisement")
            else:
                self._counts["pushes"] += 1
                await pusher.receive(body, answer)
            return
        if found.action in {"lfs-batch", "lfs-object"}:
            await self._serve_lfs(found, head, body, answer)
            return
        git = _with_protocol(pusher.mirror.git, head)
        if found.action == "refs":
            await body.drain()
            await pusher.mirror.refresh()
            await self._advertise(git, pusher.mirror, answer)
        else:
            self._counts["fetches"] += 1
            await self._serve_fetch(git, pusher.mirror, found, body, answer)

    async def _serve_lfs(self, found: Route, head: Head, body: Body, answer: Answer) -> None:
        downloads = self._downloads(found.name)
        if found.action == "lfs-batch":
            content = b""
            while part := await body.some():
                content += part
                if len(content) > LFS_LIMIT:
                    raise BadRequest("The request is larger than the gate takes.", status=413)
            try:
                wanted = read_batch(content)
            except Refused as refused:
                await answer.whole(403, json.dumps({"message": f"bot-bottle: {refused.what}"}).encode(), kind=KIND)
                return
            host = head.headers["host"]
            here = f"http://{host}" if _HERE.fullmatch(host) else GATE
            base = here + head.target.removesuffix("/batch")
            await answer.whole(200, batch_answer(wanted, await downloads.find(wanted), base), kind=KIND)
            return
        await body.drain()
        path = await downloads.get(found.oid)
        with await asyncio.to_thread(open, path, "rb") as file:
            await answer.begin("application/octet-stream")
            while part := await asyncio.to_thread(file.read, 1 << 18):
                await answer.write(part)
            await answer.end()

    def _downloads(self, name: str) -> Downloads:
        if name not in self._lfs:
            mirror = self._pushers[name].mirror
            config = self._config
            self._lfs[name] = Downloads(
                mirror.row, folder=mirror.path.parent, authorization=mirror.header, roots=config["roots"], proxy=mirror.proxy
            )
        return self._lfs[name]

    async def _advertise(self, git: Git, mirror: Mirror, answer: Answer) -> None:
        words = ("upload-pack", "--stateless-rpc", "--strict", "--http-backend-info-refs", str(mirror.path))
        done = await complete(git, *words, timeout_s=60.0)
        if done.code != 0:
            raise BottleError("The mirror could not be read.", facts=tuple(done.words.splitlines()[-4:]))
        second = git.env.get("GIT_PROTOCOL") == "version=2"
        begin = b"" if second else line("# service=git-upload-pack\n") + FLUSH
        await answer.whole(200, begin + done.stdout, kind="application/x-git-upload-pack-advertisement")

    async def _serve_fetch(self, git: Git, mirror: Mirror, found: Route, body: Body, answer: Answer) -> None:
        if not (mirror.path / "HEAD").is_file():
            await mirror.refresh()
        words = ("upload-pack", "--stateless-rpc", "--strict", "--timeout=600", str(mirror.path))
        async with self._slots, running(git.sealed(read=(mirror.path,)), *words) as child:
            feeding = asyncio.create_task(_feed(body, child.stdin))
            try:
                await answer.begin("application/x-git-upload-pack-result")
                while part := await child.stdout.read(1 << 16):
                    await answer.write(part)
                await feeding
                code = await child.ended()
            finally:
                feeding.cancel()
            if code == 0 or not await child.last_words():
                await answer.end()
                return
            why = (await child.last_words())[-400:]
            self._record({"gate": "git-gate", "event": "fetch-failed", "repository": found.name, "why": plain(why, limit=400)})
            await answer.end()


async def _fails_sealed(git: Git) -> str:
    """Why git does not run in a sandbox here; nothing when it does."""
    try:
        done = await complete(git.sealed(read=()), "version", timeout_s=30.0)
    except BottleError as error:
        return "; ".join((error.what, *error.facts))
    return "" if done.code == 0 else done.words[-400:] or f"git ended with {done.code}"


async def _feed(body: Body, stdin: asyncio.StreamWriter) -> None:
    try:
        while part := await body.some():
            stdin.write(part)
            await stdin.drain()
    except (BrokenPipeError, ConnectionResetError):
        await body.drain()
    finally:
        stdin.close()


def _with_protocol(git: Git, head: Head) -> Git:
    """The version that the client asks for, if it is one that we know (gitprotocol-http(5))."""
    asked = head.headers.get("git-protocol", "")
    return git.with_env(GIT_PROTOCOL=asked) if _PROTOCOL.fullmatch(asked) else git


def http_settings(config: Mapping[str, Any]) -> list[tuple[str, str]]:
    """How the gate's git reaches servers: the operator's roots and pinned addresses. The proxy may hold a secret: see Mirror."""
    rows = [("http.sslCAInfo", config["roots"])] if config["roots"] else []
    return [*rows, *(("http.curloptResolve", pin) for pin in config["pins"])]


def proxy_url(proxy: str | None, login: str) -> str | None:
    """The proxy with what opens it, as git takes both (git-config(1), http.proxy)."""
    if not proxy or not login:
        return proxy
    scheme, _, place = proxy.partition("://")
    user, _, word = login.partition(":")
    return f"{scheme}://{quote(user, safe='')}:{quote(word, safe='')}@{place}"


def _told(why: str) -> bytes:
    return "".join(f"bot-bottle: {row}\n" for row in why.splitlines()).encode("utf-8", "replace")


def make_gate(config: Mapping[str, Any], secrets: Mapping[str, str], record: Record) -> Gate:
    """For the bundle."""
    return GitGate(config, secrets, record)
