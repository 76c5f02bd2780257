"""May this push go on? Reads everything in it, and says all that is wrong with it at once.

The push lies in a quarantine that nobody else reads; nothing here changes it or any ref. It fails closed: what cannot be read, or
not within its bounds, is refused.
"""

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from bot_bottle.errors import Refused
from bot_bottle.gates.base import BlobScan
from bot_bottle.gates.git_gate.changes import ABSENT, SUBMODULE, Change
from bot_bottle.gates.git_gate.history import forward_refs, list_brought, list_everything, read_history, read_tips
from bot_bottle.gates.git_gate.objects import REACHED, About, Pass, as_finding, judge_sizes
from bot_bottle.gates.git_gate.paths_protected import LINK_LIMIT, Protection, judge_link
from bot_bottle.gates.git_gate.reading import Listed, Reader, reader
from bot_bottle.gates.git_gate.records import (
    MIB,
    Allowed,
    Finding,
    GitRunner,
    Held,
    PushRules,
    RefUpdate,
    Rejected,
    Verdict,
)
from bot_bottle.gates.git_gate.refs import judge_refs
from bot_bottle.gates.git_gate.walk import Commit, all_changes, links_in, walk
from bot_bottle.host.run import CouldNotRun
from bot_bottle.record import replace

MOST = 40
"""Findings that are told; an agent that mends these and pushes again hears of the others."""

UNWALKABLE = frozenset(("path-depth", "tree-bomb"))
"""Findings after which git is not asked to walk the trees."""

OLD_BLOBS = 200
"""Old versions of files that are looked at to see whether a finding is news."""

PLACES = 50
"""Places of one blob that are looked at."""

_ID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
UNREADABLE = "Make it anew with git itself. If this is no mistake, ask the operator."


def check_push(
    updates: Sequence[RefUpdate],
    rules: PushRules,
    *,
    existing: Collection[str],
    git: GitRunner,
    scan: BlobScan,
    options: Sequence[str] = (),
) -> Verdict:
    """Everything that stands against these updates of the upstream's refs, which are `existing`. `options` came with the push.

    Reads all objects once; blocks for as long as that takes.
    """
    try:
        found, notes = _judge(updates, rules, existing=existing, git=git, scan=scan, options=options)
    except Refused as refused:
        found, notes = [Finding(rule="unreadable", where="the push", why=refused.what, next=UNREADABLE)], []
    except CouldNotRun as error:
        found, notes = [Finding(rule="unreadable", where="the push", why=error.what, next="Push less at a time.")], []
    return verdict_of(found, notes, rules)


def verdict_of(found: Iterable[Finding], notes: Iterable[Finding], rules: PushRules) -> Verdict:
    """One finding that cannot be held refuses all; others wait for the operator, as does every push where the rules say so."""
    told = _bounded(dict.fromkeys(found))
    if any(not one.holds for one in told):
        return Rejected(findings=tuple(told))
    if told:
        return Held(findings=tuple(told), why="The operator must look at what is below.")
    if rules.review == "hold":
        return Held(findings=(), why="The operator reviews every push to this repository.")
    return Allowed(notes=tuple(dict.fromkeys(notes))[:MOST])


def _bounded(found: Iterable[Finding]) -> list[Finding]:
    """What refuses before what only holds; not more than MOST."""
    told = sorted(found, key=lambda one: one.holds)
    if len(told) <= MOST:
        return told
    more = Finding(
        rule="more", where="the push", why=f"{len(told) - MOST} more findings are not shown.", next="", holds=told[-1].holds
    )
    return [*told[:MOST], more]


def _judge(
    updates: Sequence[RefUpdate],
    rules: PushRules,
    *,
    existing: Collection[str],
    git: GitRunner,
    scan: BlobScan,
    options: Sequence[str],
) -> tuple[list[Finding], list[Finding]]:
    if not all(_ID.fullmatch(id) for update in updates for id in (update.old, update.new)):
        raise Refused("The push names an object by something that is no id.")
    if len(updates) > rules.max_refs:  # nothing else is looked at
        every = [update.ref for update in updates]
        return judge_refs(updates, rules, existing=(), forward=every), []
    found = _judge_words(updates, scan, options)
    if all(update.deletes for update in updates):
        return judge_refs(updates, rules, existing=existing, forward=()) + found, []
    with reader(git) as objects:
        more, notes = look(git, objects, updates, rules, scan, existing=existing)
    return [*found, *_judge_pack(git, rules), *more], notes


def _judge_words(updates: Sequence[RefUpdate], scan: BlobScan, options: Sequence[str]) -> list[Finding]:
    """What was said beside the pack."""
    found = []
    if options:
        why = "Push options tell the server what to do (merge, skip its checks), so none is passed on."
        found.append(Finding(rule="push-option", where="the push", why=why, next="Push without -o."))
    for update in updates:
        seen = scan((update.ref.encode("utf-8", "replace"),), "ref")
        found += [as_finding(one, "the name of a ref") for one in seen if one.stops]
    return found


def look(
    git: GitRunner, objects: Reader, updates: Sequence[RefUpdate], rules: PushRules, scan: BlobScan, *, existing: Collection[str]
) -> tuple[list[Finding], list[Finding]]:
    """The refs and all new objects: what is wrong with them, and what is worth a note."""
    brought = list_brought(git, rules)
    tips = read_tips(git, updates, brought)
    history = read_history(git, tuple(dict.fromkeys(update.new for update in updates if not update.deletes)), rules)
    forward = forward_refs(git, updates, tips, history)
    found = [*judge_refs(updates, rules, existing=existing, forward=forward), *tips.findings]
    everything = list_everything(git, brought, history.reached)
    sized = list(judge_sizes(everything, rules))
    if any(isinstance(one, Finding) for one in sized):
        return found + [one for one in sized if isinstance(one, Finding)], []  # too much to be read
    if everything.loose:
        why = f"It brings {len(everything.loose)} objects that no ref of it reaches."
        found.append(Finding(rule="unreachable", where="the push", why=why, next="Push with git itself, which sends none."))
    seen = Pass(git, objects, everything, rules, scan)
    seen.read_written()
    if any(one.rule in UNWALKABLE for one in seen.findings):
        return found + seen.findings, seen.notes
    ends = tuple(dict.fromkeys(tips.commits.values()))
    touched = walk(git, history.commits, rules, protection_of(git, objects, ends, rules))
    seen.search_paths(touched.paths)
    seen.read_blobs(change.new for change in touched.links)
    found += [*touched.findings, *_judge_links(objects, touched.links, seen.links)]
    seen.about += [one for one in sized if isinstance(one, About)]
    settled, notes = settle(git, history.commits, seen, loose=everything.loose)
    return found + seen.findings + settled, seen.notes + notes


def protection_of(git: GitRunner, objects: Reader, tips: Sequence[str], rules: PushRules) -> Protection:
    """The protected paths, and what links at them lead to."""
    protection = Protection(rules.protected)
    links = links_in(git, tips, protection)
    targets = contents(objects, links.values())
    return protection.through({path: target for path, id in links.items() if (target := targets[id]) is not None})


def contents(objects: Reader, ids: Iterable[str]) -> dict[str, bytes | None]:
    """Small blobs by id; None for those that are longer than a link's target can be."""
    found: dict[str, bytes | None] = {}

    def keep(one: Listed, content: Iterator[bytes]) -> None:
        found[one.id] = b"".join(content) if one.size < LINK_LIMIT else None

    objects.read(sorted(set(ids)), keep)
    return found


def _judge_links(objects: Reader, links: Sequence[Change], known: Mapping[str, bytes | None]) -> list[Finding]:
    targets = {id: target for id, target in known.items() if target is not None}
    read = contents(objects, (change.new for change in links if change.new not in targets))
    every = {**read, **targets}
    return [finding for change in links if (finding := judge_link(change, every[change.new])) is not None]


def settle(
    git: GitRunner, commits: Sequence[Commit], seen: Pass, *, loose: frozenset[str]
) -> tuple[list[Finding], list[Finding]]:
    """Findings in blobs, with their places; what was in the file before is no news and becomes a note."""
    if not seen.about:
        return [], []
    places: dict[str, list[Change]] = {one.id: [] for one in seen.about}
    for change in all_changes(git, commits):
        if change.new in places and len(places[change.new]) < PLACES:
            places[change.new].append(change)
    found: list[Finding] = []
    notes: list[Finding] = []
    marks: dict[str, frozenset[tuple[str, str]]] = {}
    for one in seen.about:
        fresh = [change for change in places[one.id] if not _was_there(one, change, seen, marks)]
        where = fresh[0].where if fresh else places[one.id][0].where if places[one.id] else one.finding.where
        if one.id in loose:
            where = f"{one.finding.where}, {REACHED}"
        is_news = bool(fresh) or not places[one.id]
        (found if one.stops and is_news else notes).append(replace(one.finding, where=where))
    return found, notes


def _was_there(one: About, change: Change, seen: Pass, marks: dict[str, frozenset[tuple[str, str]]]) -> bool:
    if not one.mark or change.old_mode in {ABSENT, SUBMODULE}:
        return False
    if change.old not in marks:
        if len(marks) >= OLD_BLOBS:
            return False
        marks[change.old] = seen.old_marks(change.old)
    return (one.finding.rule, one.mark) in marks[change.old]


def _judge_pack(git: GitRunner, rules: PushRules) -> list[Finding]:
    if git.quarantine is None:
        return []
    size = sum(
        path.stat().st_size for path in git.quarantine.rglob("*") if path.is_file() and path.suffix not in {".idx", ".rev"}
    )
    if size <= rules.max_pack:
        return []
    why = f"Its pack has {size // MIB} MiB; {rules.max_pack // MIB} are allowed."
    return [Finding(rule="size-pack", where="the push", why=why, next="Push less at a time, and no large files.")]
