"""One push from the bottle, from its commands to its report: quarantine, check, forward, and only then "ok".

Everything in the request is the bottle's. Nothing is acknowledged before the upstream took it, and what was refused is forgotten.
"""

import asyncio
import json
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any

from bot_bottle.errors import BottleError, Refused
from bot_bottle.gates.base import BlobScan, Event, Record
from bot_bottle.gates.chain import digest
from bot_bottle.gates.git_gate import pktline
from bot_bottle.gates.git_gate.check import check_push
from bot_bottle.gates.git_gate.forward import Forwarded, forward, learn
from bot_bottle.gates.git_gate.hold import Hold, Holds
from bot_bottle.gates.git_gate.http import Answer, BadRequest, Body, Gone
from bot_bottle.gates.git_gate.journal import Journal
from bot_bottle.gates.git_gate.mirror import Mirror
from bot_bottle.gates.git_gate.pktline import DATA, FLUSH, PROGRESS, Command, Push, Result
from bot_bottle.gates.git_gate.quarantine import Quarantine
from bot_bottle.gates.git_gate.records import Allowed, Finding, Held, PushRules, RefUpdate, Verdict
from bot_bottle.gates.git_gate.review import Review
from bot_bottle.host.plain import plain
from bot_bottle.record import dataclass

COMMANDS_LIMIT = 1024
"""Commands in one push that are read at all; how many are allowed is a rule."""

KEEPALIVE_S = 5.0
STALE = "stale info"
"""What git says when a lease does not hold (git-push(1), --force-with-lease)."""

RESULT = "application/x-git-receive-pack-result"
Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """One command, and the update of the upstream that it means."""

    command: Command
    update: RefUpdate

    @property
    def renamed(self) -> str:
        """Where it arrives, if that is not where the client sent it."""
        return self.update.ref if self.update.ref != self.command.ref else ""


def target_of(ref: str, *, own: str, maps: bool) -> str:
    """Where a branch of the bottle's arrives: below `own`, where the upstream maps."""
    if maps and ref.startswith("refs/heads/") and not ref.startswith(own):
        return own + ref.removeprefix("refs/heads/")
    return ref


def shown_refs(refs: dict[str, str], *, own: str, maps: bool) -> tuple[list[tuple[str, str]], list[str]]:
    """What a push may see: pairs of value and name, and the tips that are known without a name."""
    if not maps:
        return [(value, name) for name, value in sorted(refs.items())], []
    rows = [(value, name) for name, value in refs.items() if name.startswith((own, "refs/tags/"))]
    rows += [(value, f"refs/heads/{name.removeprefix(own)}") for name, value in refs.items() if name.startswith(own)]
    return sorted(rows, key=lambda row: row[1]), sorted(set(refs.values()) - {value for value, _ in rows})


class Pusher:
    """Takes the pushes to one upstream, one after the other."""

    def __init__(
        self,
        mirror: Mirror,
        rules: PushRules,
        *,
        scan: Callable[[], BlobScan],
        record: Record,
        holds: Holds,
        kept: Callable[[int], str],
    ) -> None:
        self.mirror = mirror
        self.rules = rules
        self._policy = digest(json.dumps(mirror.row["rules"], sort_keys=True).encode())
        self.journal = Journal(mirror.path.with_suffix(".journal"))
        self.review = Review(holds, mirror, self.journal, note=self._note)
        self._kept = kept
        self._scan = scan
        self._record = record
        self._turn = asyncio.Lock()
        self._work: set[asyncio.Task[Any]] = set()  # Any: whatever a push gives
        self._settled = False

    async def advertise(self) -> bytes:
        """What a push begins with."""
        await self.mirror.ready()
        await self._settle()
        refs = await self.mirror.refs()
        rows, known = shown_refs(refs, own=self.mirror.own, maps=self.mirror.row["maps"])
        zero = "0" * len(next(iter(refs.values()), "0" * 40))
        form = "sha256" if len(zero) == 64 else "sha1"
        able = "report-status report-status-v2 delete-refs side-band-64k quiet atomic ofs-delta"
        capabilities = f"{able} object-format={form} agent=bot-bottle"
        return pktline.advertisement("git-receive-pack", rows, capabilities=capabilities, known=known, zero=zero)

    async def settle(self) -> list[Event]:
        """Ask the upstream now about what a crash cut off; what was learnt, as it was recorded."""
        async with self._turn:
            return await self._settle()

    async def _settle(self) -> list[Event]:
        """Ask the upstream what became of pushes that a crash cut off. It alone knows; nothing is pushed again."""
        if self._settled:
            return []
        begun = self.journal.open()
        if begun:
            await self.mirror.refresh(at_once=True)
        refs = await self.mirror.refs() if begun else {}
        learnt = []
        for one in begun:
            taken = [update for update in one.updates if update.is_in(refs)]
            outcome = "taken" if taken else "lost"
            event = {"gate": "git-gate", "event": "settled", "repository": self.mirror.name, "outcome": outcome}
            learnt.append({**event, "updates": _rows(one.updates), "taken": _rows(taken)})
            self._record(learnt[-1])
            self.journal.end(one.number, outcome)
        self._settled = True
        return learnt

    async def receive(self, body: Body, answer: Answer) -> None:
        """Answer one push. BadRequest before the answer has begun, when the request is none."""
        push = await read_commands(body)
        if push is None:
            await body.drain()
            await answer.whole(200, b"", kind=RESULT)
            return
        await answer.begin(RESULT)
        band = "side-band-64k" in push.capabilities
        lines: asyncio.Queue[str] = asyncio.Queue()
        task = self._start(self._push(push, body, lines.put_nowait))
        while not task.done():
            await asyncio.wait({task}, timeout=KEEPALIVE_S if band else None)
            if band:
                await answer.write(_said(lines) or pktline.line(bytes((PROGRESS,))))
        report = await task
        await answer.write(_said(lines) + b"".join(pktline.band(DATA, report)) + FLUSH if band else report)
        await answer.end()

    async def close(self) -> None:
        """End what is under way."""
        for task in tuple(self._work):
            task.cancel()
        await asyncio.gather(*self._work, return_exceptions=True)

    def _start(self, work: Coroutine[Any, Any, bytes]) -> "asyncio.Task[bytes]":  # Any: a coroutine's own business
        """As a task of its own: a client that goes away does not stop a push half way."""
        task = asyncio.create_task(work)
        self._work.add(task)
        task.add_done_callback(self._work.discard)
        return task

    async def _push(self, push: Push, body: Body, say: Say) -> bytes:
        second = "report-status-v2" in push.capabilities
        async with self._turn:
            await self._settle()
            for line in self.review.news():
                say(line)
            quarantine = await asyncio.to_thread(Quarantine, self.mirror)
            try:
                fault = ""
                if any(command.new.strip("0") for command in push.commands):
                    fault = await quarantine.take(body, largest=self.rules.max_pack)
                else:
                    await body.drain()
                if fault:
                    for row in fault.splitlines():
                        say(row)
                    self._tell("deny", push.commands, findings=[{"rule": "pack", "where": "the pack"}])
                    return _all(push, "the pack is not taken", unpack="index-pack failed", second=second)
                results = await self._judge(push, quarantine, say)
                return pktline.report(results, unpack="ok", second=second)
            except BottleError as error:
                for row in (error.what, *error.facts):
                    say(self.mirror.scrubbed(row))
                return _all(push, "the gate could not go on", second=second)
            except (Gone, BadRequest):
                return _all(push, "the request broke off", second=second)
            finally:
                await asyncio.to_thread(quarantine.drop)

    async def _judge(self, push: Push, quarantine: Quarantine, say: Say) -> list[Result]:
        wanted = await self._wanted(push.commands)
        late = [one for one in wanted if one.command.old != one.update.old]
        if late:
            return [Result(ref=one.command.ref, why="fetch first") for one in wanted]
        updates = [one.update for one in wanted]
        began = time.monotonic()
        existing = await self.mirror.refs()
        verdict = await asyncio.to_thread(check_push, updates, self.rules, existing=existing, git=quarantine, scan=self._scan())
        took = round((time.monotonic() - began) * 1000, 1)
        for row in explained(verdict, [one.ref for one in updates]):
            say(row)
        if not isinstance(verdict, Allowed):
            name = "hold" if isinstance(verdict, Held) else "deny"
            self._tell(name, push.commands, findings=_found(verdict.findings), check_ms=took)
            why = _first(verdict.findings)
            if isinstance(verdict, Held):
                hold = await self.review.keep(quarantine, updates, verdict)
                how = self._kept(hold.number)
                say(f"It is kept as push {hold.number}: nothing is lost, and nothing has gone on. Go on with other work.{how}")
                why = f"held for the operator as push {hold.number}"
            return [Result(ref=one.command.ref, why=why) for one in wanted]
        told = {"findings": _found(verdict.notes), "check_ms": took}
        return await self._forward(push, wanted, quarantine, say, told)

    async def decide(self, id: str, *, approves: bool, by: str, said: str) -> Hold:
        """The operator's word on a held push. BadUsage when the id names none that waits."""
        async with self._turn:
            await self._settle()
            hold = self.review.holds.named(id)
            decided = await (self.review.approve(hold, by=by) if approves else self.review.reject(hold, by=by, said=said))
        rows = [[plain(one.ref, limit=200), one.old, one.new] for one in hold.updates]
        event = {"gate": "git-gate", "event": "review", "repository": self.mirror.name, "push": hold.id, "updates": rows}
        self._record({**event, "policy": self._policy, "state": decided.state, "by": by, "said": decided.said})
        return decided

    async def _wanted(self, commands: Sequence[Command]) -> list[Wanted]:
        refs = await self.mirror.refs()
        found = []
        for command in commands:
            ref = target_of(command.ref, own=self.mirror.own, maps=self.mirror.row["maps"])
            old = refs.get(ref, "0" * len(command.old))
            found.append(Wanted(command=command, update=RefUpdate(ref, old, command.new)))
        return found

    async def _forward(
        self, push: Push, wanted: Sequence[Wanted], quarantine: Quarantine, say: Say, told: Mapping[str, Any]
    ) -> list[Result]:  # Any: JSON
        updates = [one.update for one in wanted]
        number = self.journal.begin(updates)
        atomic = "atomic" in push.capabilities
        done = await forward(self.mirror, quarantine.seen_by(self.mirror.outward), updates, atomic=atomic)
        for row in done.words:
            say(f"upstream: {row}")
        done = await self._learn(done, updates, say)
        taken = [one for one in updates if one.ref not in done.refused]
        more = {"unknown": sorted(done.unanswered)} if done.unanswered else {}
        self._tell("allow", push.commands, taken=_rows(taken), refused=dict(done.refused), **told, **more)
        if taken:
            await asyncio.to_thread(quarantine.migrate)
            await self._note(taken)
        if not done.unanswered:
            self.journal.end(number, "taken" if taken else "refused")
        if any(why == STALE for why in done.refused.values()):
            await self.mirror.refresh(at_once=True)
            say("The upstream has moved since the gate last looked; it has looked now. Fetch, then push again.")
        results = []
        for one in wanted:
            why = done.refused.get(one.update.ref, "")
            if not why and one.renamed:
                say(f"{one.command.ref.removeprefix('refs/heads/')} arrived as {one.renamed.removeprefix('refs/heads/')}")
            results.append(
                Result(
                    ref=one.command.ref,
                    why=plain(why, limit=200),
                    renamed=one.renamed,
                    old=one.update.old,
                    new=one.update.new,
                )
            )
        return results

    async def _learn(self, done: Forwarded, updates: Sequence[RefUpdate], say: Say) -> Forwarded:
        """The answer with what the upstream has of what it did not answer to. Where it cannot be asked, the next push asks."""
        try:
            return await learn(self.mirror, done, updates)
        except BottleError as error:
            self._settled = False
            for row in (error.what, *error.facts):
                say(self.mirror.scrubbed(row))
            say("Whether the upstream has this push is not known yet. Try again: nothing is pushed twice.")
            return done

    async def _note(self, taken: Sequence[RefUpdate]) -> None:
        """What the upstream has now, in the mirror as well, so that the next fetch sees it at once."""
        await self.mirror.set_refs(taken)

    def _tell(self, verdict: str, commands: Sequence[Command], **more: Any) -> None:  # Any: JSON
        rows = [[plain(one.ref, limit=200), one.old, one.new] for one in commands[:64]]
        event = {
            "gate": "git-gate",
            "event": "push",
            "verdict": verdict,
            "repository": self.mirror.name,
            "policy": self._policy,
            "commands": rows,
            **more,
        }
        self._record(event)


def _rows(updates: Sequence[RefUpdate]) -> list[list[str]]:
    return [[one.ref, one.old, one.new] for one in updates]


def _all(push: Push, why: str, *, second: bool, unpack: str = "ok") -> bytes:
    """The report that refuses every command."""
    return pktline.report([Result(ref=one.ref, why=why) for one in push.commands], unpack=unpack, second=second)


async def read_commands(body: Body) -> Push | None:
    """The commands before the pack; None for the empty push with which clients try whether they are let in."""
    lines: list[bytes] = []
    try:
        while size := pktline.length(await body.read(4)):
            lines.append(await body.read(size - 4))
            if len(lines) > COMMANDS_LIMIT:
                raise Refused(f"one push has more than {COMMANDS_LIMIT} commands")
        return pktline.read_push(lines) if lines else None
    except Refused as refused:
        raise BadRequest(f"The push is not taken: {refused.what}.") from None


def explained(verdict: Verdict, refs: Sequence[str]) -> list[str]:
    """The verdict as the lines that the agent reads."""
    if isinstance(verdict, Allowed):
        return [f"note: {_line_of(one)}" for one in verdict.notes]
    if isinstance(verdict, Held):
        head = [f"bot-bottle holds this push for the operator: {verdict.why}"]
    else:
        head = ["bot-bottle refuses this push:"]
    return [*head, *(f"- {_line_of(one)}" for one in verdict.findings)]


def _found(findings: Sequence[Finding]) -> list[dict[str, str]]:
    """As the log holds them: the rule and the place, never what was found."""
    return [{"rule": one.rule, "where": one.where} for one in findings[:64]]


def _line_of(finding: Finding) -> str:
    what = f"{finding.where}: {finding.why} [{finding.rule}]"
    return f"{what} {finding.next}" if finding.next else what


def _first(findings: Sequence[Finding]) -> str:
    """The short reason beside the ref."""
    more = f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""
    return (findings[0].rule if findings else "refused") + more


def _said(lines: "asyncio.Queue[str]") -> bytes:
    parts: list[bytes] = []
    while not lines.empty():
        parts += pktline.band(PROGRESS, (lines.get_nowait() + "\n").encode("utf-8", "replace"))
    return b"".join(parts)
