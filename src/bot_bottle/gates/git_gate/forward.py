"""The gate's own push: checked objects to the upstream, under a lease, and what the upstream said to it.

The bottle's pack is never forwarded: git makes a new one from the objects that were checked. The upstream is trusted to know what
it took; its words are shown made plain.
"""

import re
from collections.abc import Mapping, Sequence

from bot_bottle.gates.git_gate.children import complete
from bot_bottle.gates.git_gate.mirror import Mirror
from bot_bottle.gates.git_gate.records import RefUpdate
from bot_bottle.gates.git_gate.runner import STORE_LIMIT, Git
from bot_bottle.record import dataclass

PUSH_TIMEOUT_S = 1800.0

LOCAL_RECEIVE = (
    "git -c receive.denyCurrentBranch=refuse -c receive.denyDeleteCurrent=refuse -c receive.autogc=false"
    " -c receive.fsckObjects=true receive-pack"
)
"""In the operator's own repository its hooks decide as for any push, but nothing changes what is checked out."""

_ROW = re.compile(r"([ +\-*!=])\t[^\t]*:([^\t:]+)\t(.*)")


@dataclass(frozen=True, kw_only=True, slots=True)
class Forwarded:
    """The upstream's answer. `refused` has the reason for each ref that it did not take; `words` are its own lines.

    To those in `unanswered`, which are in `refused` too, it said nothing: it may have taken them all the same.
    """

    refused: Mapping[str, str]
    words: tuple[str, ...]
    unanswered: frozenset[str] = frozenset()


async def forward(mirror: Mirror, git: Git, updates: Sequence[RefUpdate], *, atomic: bool) -> Forwarded:
    """Push, each ref from exactly the value that was checked. A ref without an answer counts as refused until `learn` asked."""
    leases = [f"--force-with-lease={one.ref}:{'' if one.creates else one.old}" for one in updates]
    specs = [f"{'' if one.deletes else one.new}:{one.ref}" for one in updates]
    local = [f"--receive-pack={LOCAL_RECEIVE}"] if mirror.row["path"] is not None else []
    words = ("push", "--porcelain", "--no-verify", "--no-follow-tags", "--no-recurse-submodules", "--no-signed")
    more = [*(["--atomic"] if atomic else []), *local, *leases, "--", mirror.source, *specs]
    done = await complete(git, *words, *more, at=mirror.path, timeout_s=PUSH_TIMEOUT_S, largest_file=STORE_LIMIT)
    answers = read_porcelain(done.stdout.decode("utf-8", "replace"))
    said = mirror.scrubbed(done.words).splitlines()
    told = tuple(line.removeprefix("remote: ").rstrip() for line in said if line.startswith("remote:"))
    fault = next((line for line in reversed(said) if line.startswith(("fatal:", "error:"))), "")
    refused = {}
    for one in updates:
        answer = answers.get(one.ref)
        if answer is None:
            refused[one.ref] = fault.partition(": ")[2] or "the upstream gave no answer"
        elif answer[0] == "!":
            refused[one.ref] = reason(answer[1])
    if refused and not told:
        told = tuple(line for line in said if line.startswith(("fatal:", "error:")))[:20]
    unanswered = frozenset(one.ref for one in updates if one.ref not in answers)
    return Forwarded(refused=refused, words=told[:200], unanswered=unanswered)


async def learn(mirror: Mirror, done: Forwarded, updates: Sequence[RefUpdate]) -> Forwarded:
    """The upstream's answer, once it was asked what it has of what it did not answer to. BottleError when it cannot be asked."""
    if not done.unanswered:
        return done
    await mirror.refresh(at_once=True)
    refs = await mirror.refs()
    arrived = {one.ref for one in updates if one.is_in(refs)} & done.unanswered
    return Forwarded(refused={ref: why for ref, why in done.refused.items() if ref not in arrived}, words=done.words)


def read_porcelain(text: str) -> dict[str, tuple[str, str]]:
    """Ref → flag and summary, of `git push --porcelain` (git-push(1), OUTPUT)."""
    rows = (match for match in map(_ROW.fullmatch, text.splitlines()) if match)
    return {match[2]: (match[1], match[3]) for match in rows}


def reason(summary: str) -> str:
    """The reason in a summary such as `[remote rejected] (hook declined)`."""
    match = re.fullmatch(r"\[([^\]]*)\](?: \((.*)\))?", summary)
    return (match[2] or match[1]) if match else summary
