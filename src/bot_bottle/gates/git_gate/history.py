"""What a push brings: its commits in order, every object of it, and what its refs come to. Reads, and changes nothing.

git's own walk says what is new; ids are believed, because `index-pack` has computed them.
"""

import re
from collections.abc import Collection, Mapping, Sequence

from bot_bottle.errors import Refused
from bot_bottle.gates.git_gate.reading import Listed, lines, list_objects, list_quarantine, printed
from bot_bottle.gates.git_gate.records import HIDDEN_REFS, Finding, GitRunner, PushRules, RefUpdate
from bot_bottle.gates.git_gate.refs import shown_ref
from bot_bottle.gates.git_gate.walk import Commit
from bot_bottle.record import dataclass

KNOWN = ("--not", f"--exclude={HIDDEN_REFS}/*", "--all")
"""What the upstream has: every ref of the mirror but the gate's own, behind which held pushes wait."""

LISTING = ("rev-list", "--objects", "--no-object-names", "--timestamp", "--parents", "--topo-order", "--reverse")
"""A commit is a line of time, id and parents; every other object is its id alone."""

_COMMIT = re.compile(rb"-?[0-9]+ ((?:[0-9a-f]{40}|[0-9a-f]{64})(?: (?:[0-9a-f]{40}|[0-9a-f]{64}))*)")
_OTHER = re.compile(rb"[0-9a-f]{40}|[0-9a-f]{64}")


@dataclass(frozen=True, kw_only=True, slots=True)
class History:
    """The new commits, parents first, and the ids of all new objects that the tips reach."""

    commits: tuple[Commit, ...]
    reached: frozenset[str]


def read_history(git: GitRunner, tips: Sequence[str], rules: PushRules) -> History:
    """What the upstream does not have of these tips. Refused past the rules' bounds."""
    commits: list[Commit] = []
    reached: set[str] = set()
    with printed(git, (*LISTING, *tips, *KNOWN)) as output:
        for line in lines(output):
            if (match := _COMMIT.fullmatch(line)) is not None:
                id, *parents = match[1].decode("ascii").split(" ")
                commits.append(Commit(id=id, parents=tuple(parents)))
                if len(commits) > rules.max_commits:
                    raise Refused(f"The push has more than {rules.max_commits} new commits.")
                reached.add(id)
            elif _OTHER.fullmatch(line):
                reached.add(line.decode("ascii"))
            else:
                raise Refused("git told of an object in a form that is not known.")
            if len(reached) > rules.max_objects:
                raise Refused(f"The push has more than {rules.max_objects} new objects.")
    return History(commits=tuple(commits), reached=frozenset(reached))


@dataclass(frozen=True, kw_only=True, slots=True)
class Everything:
    """The objects of a push. `loose` are those of them that no ref of it reaches."""

    objects: tuple[Listed, ...]
    loose: frozenset[str]


def list_brought(git: GitRunner, rules: PushRules) -> list[Listed]:
    """The objects that came with the push, in the order of its pack; none where they lie in the mirror already."""
    return list_quarantine(git, most=rules.max_objects) if git.quarantine is not None else []


def list_everything(git: GitRunner, brought: Sequence[Listed], reached: Collection[str]) -> Everything:
    """Objects that came with the push, and those it makes reachable although they lay in the mirror.

    What git added to complete a thin pack is known already and left out.
    """
    others = [one.id for one in brought if one.id not in reached]
    known = {one.id for one in list_objects(git, others, sees="mirror") if one.kind != "missing"} if others else set()
    lying = list_objects(git, sorted(set(reached) - {one.id for one in brought}))
    if any(one.kind == "missing" for one in lying):
        raise Refused("The push lacks an object that it refers to.")
    objects = (*(one for one in brought if one.id not in known), *lying)
    return Everything(objects=objects, loose=frozenset(one for one in others if one not in known))


@dataclass(frozen=True, kw_only=True, slots=True)
class Tips:
    """What the refs of a push come to: the commit of each id, and what is wrong with those that come to none."""

    commits: Mapping[str, str]
    findings: tuple[Finding, ...]


def read_tips(git: GitRunner, updates: Sequence[RefUpdate], brought: Sequence[Listed]) -> Tips:
    """A branch is a commit, and a tag is a commit or a tag of one. Refused when an object is missing."""
    kept = [update for update in updates if not update.deletes]
    fresh = {one.id: one.kind for one in brought if one.kind == "commit"}
    asked = [update.new for update in kept if update.new not in fresh]
    listed = list_objects(git, [*asked, *(f"{tip}^{{}}" for tip in asked)])
    kinds = fresh | {id: one.kind for id, one in zip(asked, listed, strict=False)}
    peeled = {id: one for id, one in zip(asked, listed[len(asked) :], strict=True)}
    commits: dict[str, str] = {}
    found = []
    for update in kept:
        kind = kinds[update.new]
        if kind == "missing":
            raise Refused("The push lacks an object that it refers to.")
        end = peeled.get(update.new, Listed(update.new, kind, 0))
        if end.kind == "commit":
            commits[update.new] = end.id
        is_tag = update.ref.startswith("refs/tags/") and kind == "tag"
        if kind != "commit" and not (is_tag and end.kind == "commit"):
            why = f"It would be a {kind}, or a tag of one, not a commit."
            found.append(Finding(rule="ref-kind", where=shown_ref(update.ref), why=why, next="Push a commit."))
    return Tips(commits=commits, findings=tuple(found))


def forward_refs(git: GitRunner, updates: Sequence[RefUpdate], tips: Tips, history: History) -> frozenset[str]:
    """The refs whose new commit descends from the old one. git is asked only where the new commits alone do not show it."""
    parents = {one.id: one.parents for one in history.commits}
    found = set()
    for update in updates:
        if update.creates or update.deletes:
            continue
        if (
            update.old == update.new
            or update.old in _ancestors(tips.commits.get(update.new, ""), parents)
            or git.run(("merge-base", "--is-ancestor", update.old, update.new)).code == 0
        ):
            found.add(update.ref)
    return frozenset(found)


def _ancestors(id: str, parents: Mapping[str, Sequence[str]]) -> set[str]:
    """The new ancestors of a commit and the known ones that they stand on."""
    seen: set[str] = set()
    waiting = [id]
    while waiting:
        for parent in parents.get(waiting.pop(), ()):
            if parent not in seen:
                seen.add(parent)
                waiting.append(parent)
    return seen
