"""Held pushes as the operator sees them: listed, shown with their diff, approved or rejected; also after the bottle's end.

Everything in a push came from a bottle. git reads it in a sandbox where the host has one, and what it prints is made plain. A
decision names the id under which the push was shown; a push with other commits has another id.
"""

import asyncio
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bot_bottle.bottles.asks import who
from bot_bottle.bottles.audit.say import later, note
from bot_bottle.bottles.status import is_kept, read_status, slugs
from bot_bottle.errors import BadUsage, BottleError
from bot_bottle.gates.ask import ask as ask_gate
from bot_bottle.gates.git_gate.hold import Hold, Holds
from bot_bottle.gates.git_gate.journal import read_journal
from bot_bottle.gates.git_gate.records import HIDDEN_REFS, RefUpdate
from bot_bottle.host import paths
from bot_bottle.host.plain import plain
from bot_bottle.record import dataclass

if TYPE_CHECKING:
    from bot_bottle.gates.git_gate.runner import Git

DECIDE_S = 1800.0
"""An approval waits for the upstream."""

SHOWN_LIMIT = 3 * 1024 * 1024
"""Bytes of a diff that are shown; a larger one is shown as a list of files."""

EMPTY_TREE = {
    40: "4b825dc642cb6eb9a060e54bf8d69288fbee4904",
    64: "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321",
}
"""The tree without entries, which every repository has, by the length of its ids."""


@dataclass(frozen=True, kw_only=True, slots=True)
class HeldPush:
    """One held push of one bottle. `id` is SLUG/NUMBER-TOKEN, what a decision names."""

    slug: str
    hold: Hold

    @property
    def id(self) -> str:
        """What a decision names."""
        return f"{self.slug}/{self.hold.id}"


@dataclass(frozen=True, kw_only=True, slots=True)
class DoubtfulPush:
    """A push that was begun when its bottle died, so that only the upstream knows whether it has it."""

    slug: str
    repository: str
    number: int
    updates: tuple[RefUpdate, ...]


def folder_of(slug: str) -> Path:
    """The git gate's folder of a bottle."""
    return paths.bottle_dir(slug) / "git"


def held(slug: str | None = None, *, decided_too: bool = False) -> list[HeldPush]:
    """The held pushes of one bottle, or of all; the oldest first."""
    if slug is not None:
        read_status(slug)
    found = [
        HeldPush(slug=one, hold=hold)
        for one in ([slug] if slug is not None else slugs())
        for hold in Holds(folder_of(one) / "held").all()
        if decided_too or hold.state == "waiting"
    ]
    return sorted(found, key=lambda one: one.hold.at)


def in_doubt(slug: str | None = None) -> list[DoubtfulPush]:
    """The pushes of one ended bottle, or of all, that nobody was told the end of. A running bottle's are under way."""
    if slug is not None:
        read_status(slug)
    found = []
    for one in [slug] if slug is not None else slugs():
        if is_kept(one):
            continue
        for path in sorted(folder_of(one).glob("*.journal")):
            begun, _ = read_journal(path.read_text("ascii"))
            found += [DoubtfulPush(slug=one, repository=path.stem, number=each.number, updates=each.updates) for each in begun]
    return found


def settle(slug: str) -> list[dict[str, Any]]:  # Any: JSON
    """Ask the upstreams of an ended bottle what became of its pushes in doubt. BottleError when one is silent."""
    if is_kept(slug):
        raise BadUsage(f"The bottle {slug} runs.", next="Its own next push asks; or `bot-bottle stop` first.")
    if not in_doubt(slug):
        return []
    settled: list[dict[str, Any]] = asyncio.run(
        _without_bottle(slug, {"op": "settle"}, {"gate": "operator", "event": "settle", "by": who()})
    )["settled"]  # Any: JSON
    return settled


def find(text: str) -> HeldPush:
    """The push that an operator names: SLUG/NUMBER-TOKEN, SLUG/NUMBER, or NUMBER where one waits. BadUsage when it is not one."""
    slug, slash, rest = text.rpartition("/")
    number, dash, token = rest.partition("-")
    named = [one for one in held(slug if slash else None, decided_too=True) if str(one.hold.number) == number]
    if not slash and len(named) > 1:
        named = [one for one in named if one.hold.state == "waiting"]
    if len(named) != 1:
        raise BadUsage(
            f"{len(named) or 'No'} held pushes are meant by {plain(text, limit=60)}.",
            facts=tuple(one.id for one in named),
            next="`bot-bottle pushes ls` lists those that wait.",
        )
    if dash and token != named[0].hold.token:
        raise BadUsage(
            "This is not the push that you were shown.", facts=(f"Its id is {named[0].id}.",), next="Look at it again."
        )
    return named[0]


def decide(one: HeldPush, *, approves: bool, said: str = "") -> tuple[str, str]:
    """Approve or reject exactly this push; its new state, and what the upstream said where it refused."""
    op, by = "approve" if approves else "reject", who()
    request = {"gate": "git-gate", "op": op, "id": one.hold.id, "by": by, "said": said}
    seen = {"id": one.id, "kind": "push", "by": by, "said": said, "shown": seen_of(one)}
    if is_kept(one.slug):
        note(one.slug, op, seen)
        answer = ask_gate(paths.bottle_dir(one.slug) / "bundle.sock", request, timeout_s=DECIDE_S)
    else:
        answer = asyncio.run(_without_bottle(one.slug, request, {"gate": "operator", "event": op, **seen}))
    if "error" in answer:
        raise BottleError(str(answer["error"]), facts=tuple(str(fact) for fact in answer.get("facts", ())))
    return str(answer["state"]), str(answer["said"])


def seen_of(one: HeldPush) -> dict[str, Any]:  # Any: JSON
    """What its id stands for, as an approval is recorded: the upstream, and ref, old and new commit of each update."""
    rows = [[plain(update.ref, limit=200), update.old, update.new] for update in one.hold.updates]
    findings = [{"rule": finding.rule, "where": plain(finding.where, limit=200)} for finding in one.hold.findings[:64]]
    return {"repository": one.hold.repository, "updates": rows, "findings": findings}


async def _without_bottle(slug: str, request: Mapping[str, Any], said: dict[str, Any]) -> dict[str, Any]:  # Any: JSON
    """The gate itself, for one decision: the bottle is over, its mirror and its configuration are still there."""
    from bot_bottle.gates.events import EventLog
    from bot_bottle.gates.git_gate.serve import GitGate

    with later(slug) as (path, sign):
        log = EventLog(path)
        log.record(said, sign=sign)
        try:
            gate = GitGate(config_of(slug), secrets_of(slug), log.record)
            answer = await gate.control(request)
            await gate.close()
        finally:
            log.close()
    return answer


def config_of(slug: str) -> dict[str, Any]:  # Any: JSON
    """The git gate's configuration as the bottle had it."""
    config: dict[str, Any] = _stored(slug, "bundle.json")["gates"]["git-gate"]  # Any: JSON
    return config


def secrets_of(slug: str) -> dict[str, str]:
    """The values of the upstreams' credentials, read anew from their sources."""
    import os

    from bot_bottle.bottles.secrets import read_secrets, system_keyring
    from bot_bottle.gates.git_gate.plan import PROXY_LOGIN
    from bot_bottle.host.run import run
    from bot_bottle.plans.gate import Secret
    from bot_bottle.plans.sources import source_from

    rows = [row["credential"] for row in _stored(slug, "plan.json")["git_gate_plan"]["repositories"]]
    login = _stored(slug, "plan.json")["git_gate_plan"]["upstream"].get("proxy_login")
    rows += [{"name": PROXY_LOGIN, "source": login}] if login is not None else []
    wanted = {row["name"]: Secret(name=row["name"], source=source_from(row["source"])) for row in rows if row is not None}
    return read_secrets(tuple(wanted.values()), host=os.environ, run=run, keyring=system_keyring)


def _stored(slug: str, name: str) -> Any:  # Any: JSON
    try:
        return json.loads((paths.bottle_dir(slug) / name).read_bytes())
    except (OSError, ValueError) as error:
        raise BottleError(f"What {slug} was started with cannot be read.", facts=(f"{name}: {error}",)) from None


def shown(one: HeldPush, *, patches: bool = False) -> Iterator[str]:
    """Everything that its id stands for, as lines without control characters: commits, findings, and the diff."""
    hold = one.hold
    yield f"push       {one.id}  ({hold.state}{' by ' + plain(hold.by) if hold.by else ''})"
    yield f"repository {plain(hold.repository)}"
    for update in hold.updates:
        yield f"ref        {plain(update.ref)}: {update.old[:12]} → {update.new[:12]}"
    yield f"held       {plain(hold.why)}"
    for finding in hold.findings:
        yield f"finding    {plain(finding.where)}: {plain(finding.why)} [{plain(finding.rule)}]"
    if hold.said:
        yield f"said       {plain(hold.said)}"
    if hold.state != "waiting":
        return
    for update in hold.updates:
        yield from _content(one, update, patches=patches)


def _content(one: HeldPush, update: RefUpdate, *, patches: bool) -> Iterator[str]:
    mirror = folder_of(one.slug) / f"{one.hold.repository}.git"
    git = reader(one.slug, mirror)
    known = ("--not", f"--exclude={HIDDEN_REFS}/*", "--all")
    yield ""
    form = "--format=commit %H%nauthor %an <%ae>, committer %cn <%ce>, %aI%n%n%w(0,4,4)%B"
    how = ("-p", "--cc") if patches else ("--stat=120",)
    yield from _lines(git, mirror, "log", "--reverse", "--no-color", "--encoding=UTF-8", form, *_DIFF, *how, update.new, *known)
    if patches:
        return
    base = _base(git, mirror, update)
    yield ""
    yield from _lines(git, mirror, "diff", "--no-color", *_DIFF, base, update.new)


_DIFF = ("--no-ext-diff", "--no-textconv", "--no-renames", "--submodule=short", "--src-prefix=a/", "--dst-prefix=b/")


def _base(git: "Git", mirror: Path, update: RefUpdate) -> str:
    """What the new commit is compared with: where it left the branch it updates, or the upstream's default one."""
    done = git.run("merge-base", update.new, "HEAD" if update.creates else update.old, at=mirror)
    base = done.stdout.decode("ascii", "replace").strip()
    return base if done.code == 0 and base else EMPTY_TREE[len(update.new)]


def reader(slug: str, mirror: Path) -> "Git":
    """git with our settings, which sees this mirror only where the host has a sandbox."""
    from bot_bottle.gates.git_gate.runner import make_git
    from bot_bottle.gates.git_gate.sandbox import landlock_here

    config = config_of(slug)
    bwrap = config["bwrap"]
    git = make_git(config["git"], folder_of(slug), name="pushes.config", bwrap=bwrap, landlock=not bwrap and landlock_here())
    return git.sealed(read=(mirror,))


def _lines(git: "Git", mirror: Path, *words: str) -> Iterator[str]:
    done = git.run(*words, at=mirror)
    if done.code != 0:
        last = done.stderr.decode("utf-8", "replace").splitlines()[-3:]
        raise BottleError("git could not show the push.", facts=tuple(map(plain, last)))
    text = done.stdout[:SHOWN_LIMIT].decode("utf-8", "backslashreplace")
    for line in text.split("\n"):
        yield "\t".join(plain(part) for part in line.split("\t"))
    if len(done.stdout) > SHOWN_LIMIT:
        yield f"… cut after {SHOWN_LIMIT} bytes."
