"""Held pushes inside the running gate: kept when they come, pushed upstream when the operator approves exactly what was shown.

Only the operator's control socket leads here. The checks are not made again: the objects are the same, because ids are hashes.
What may have changed is the upstream, and the push goes there under a lease.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from bot_bottle.gates.git_gate.forward import forward, learn
from bot_bottle.gates.git_gate.hold import Hold, Holds, told_lines
from bot_bottle.gates.git_gate.journal import Journal
from bot_bottle.gates.git_gate.mirror import Mirror
from bot_bottle.gates.git_gate.quarantine import Quarantine
from bot_bottle.gates.git_gate.records import Held, RefUpdate
from bot_bottle.host.plain import plain
from bot_bottle.record import replace

Note = Callable[[Sequence[RefUpdate]], Awaitable[None]]
"""Writes what the upstream has taken into the mirror."""


class Review:
    """The held pushes to one upstream. Its caller takes care that nothing else is pushed there meanwhile."""

    def __init__(self, holds: Holds, mirror: Mirror, journal: Journal, *, note: Note) -> None:
        self.holds = holds
        self._mirror = mirror
        self._journal = journal
        self._note = note

    async def keep(self, quarantine: Quarantine, updates: Sequence[RefUpdate], held: Held) -> Hold:
        """Keep a push: its objects, then the refs that hold them, then the record. An older one to the same refs is over."""
        hold = self.holds.make(self._mirror.name, updates, held)
        await asyncio.to_thread(quarantine.migrate)
        rows = "".join(f"update {ref} {id}\n" for ref, id in hold.refs())
        await self._mirror.inside("update-ref", "--stdin", stdin=rows.encode())
        self.holds.write(hold)
        for one in self.holds.replaced_by(hold):
            self.holds.decide(one, "replaced", said=f"push {hold.number}")
            await self._forget(one)
        return hold

    async def approve(self, hold: Hold, *, by: str) -> Hold:
        """Push it upstream. The upstream's answer decides whether it is taken or refused."""
        await self._mirror.refresh(at_once=True)
        refs = await self._mirror.refs()
        said = ""
        if any(refs.get(one.ref, "0" * len(one.new)) != one.new for one in hold.updates):  # a crash may have come after the push
            moved = [one.ref for one in hold.updates if refs.get(one.ref, "0" * len(one.old)) != one.old]
            said = await self._forward(hold) if not moved else f"{moved[0]} has moved meanwhile: fetch, rebase and push again"
        if not said:
            await self._note(hold.updates)
        decided = self.holds.decide(hold, "refused" if said else "taken", said=said, by=by)
        await self._forget(hold)
        return decided

    async def _forward(self, hold: Hold) -> str:
        """Why the upstream did not take all of it, or nothing."""
        number = self._journal.begin(hold.updates)
        done = await forward(self._mirror, self._mirror.outward, hold.updates, atomic=len(hold.updates) > 1)
        done = await learn(self._mirror, done, hold.updates)  # where it cannot be asked, the push still waits
        self._journal.end(number, "refused" if done.refused else "taken")
        return "; ".join(plain(f"{ref}: {why}", limit=400) for ref, why in done.refused.items())

    async def reject(self, hold: Hold, *, by: str, said: str) -> Hold:
        """Drop it; the agent is told at its next push."""
        decided = self.holds.decide(hold, "rejected", said=plain(said, limit=1000), by=by)
        await self._forget(hold)
        return decided

    async def _forget(self, hold: Hold) -> None:
        rows = "".join(f"delete {ref}\n" for ref, _ in hold.refs())
        await self._mirror.inside("update-ref", "--stdin", stdin=rows.encode())

    def news(self) -> list[str]:
        """Decisions that the agent has not heard of; told now."""
        lines: list[str] = []
        for one in self.holds.untold(self._mirror.name):
            lines += told_lines(one)
            self.holds.write(replace(one, told=True))
        return lines
