"""What the new commits change, one comparison of a commit with a parent after the other. Reads, and changes nothing."""

from collections.abc import Iterator, Mapping, Sequence

from bot_bottle.errors import Refused
from bot_bottle.gates.git_gate.aliases import fold_path
from bot_bottle.gates.git_gate.changes import ABSENT, LINK, SUBMODULE, Change, read_changes
from bot_bottle.gates.git_gate.paths_protected import Protection, judge_lockfiles, judge_paths, judge_size
from bot_bottle.gates.git_gate.protected_list import LOCKFILES
from bot_bottle.gates.git_gate.reading import printed, words_in
from bot_bottle.gates.git_gate.records import Finding, GitRunner, PushRules
from bot_bottle.record import dataclass

DIFF = (
    "diff-tree",
    "--stdin",
    "-r",
    "-z",
    "--raw",
    "--no-renames",
    "--root",
    "--always",
    "--no-ext-diff",
    "--no-textconv",
    "--ignore-submodules=none",
)
MOST_CHANGES = 10_000_000
MOST_PATHS = 500_000
"""What is looked at of one push. Renaming a large folder again and again costs the pusher nothing and us a line for each file."""

MERGES = 200
"""Paths in merges whose common ancestor is looked up; further ones count as the merger's own work."""

LINKS_MOST = 2_000
"""Links that are followed although they are at no protected path: a protected one may lead to one of them."""

SOURCES = frozenset(source for sources in LOCKFILES.values() for source in sources if "*" not in source)
ENDINGS = tuple(source[1:] for sources in LOCKFILES.values() for source in sources if "*" in source)


@dataclass(frozen=True, kw_only=True, slots=True)
class Commit:
    """A new commit and its parents."""

    id: str
    parents: tuple[str, ...]


def all_changes(git: GitRunner, commits: Sequence[Commit]) -> Iterator[Change]:
    """Every difference between a new commit and each of its parents; `Change.pair` counts the comparisons in order."""
    pairs = [f"{one.id} {parent}".strip() for one in commits for parent in one.parents or ("",)]
    if not pairs:
        return
    with printed(git, DIFF, stdin=(f"{pair}\n".encode() for pair in pairs)) as output:
        for number, change in enumerate(read_changes(words_in(output))):
            if number >= MOST_CHANGES:
                raise Refused(f"The push changes files more than {MOST_CHANGES} times.")
            yield change


@dataclass(frozen=True, kw_only=True, slots=True)
class Touched:
    """What the commits touch: findings, new symbolic links, and the paths as such."""

    findings: tuple[Finding, ...]
    links: tuple[Change, ...]
    paths: frozenset[bytes]


def walk(git: GitRunner, commits: Sequence[Commit], rules: PushRules, protection: Protection) -> Touched:
    """Look at every change once."""
    merges = {one.id: one for one in commits if len(one.parents) > 1}
    plain: list[Change] = []
    merged: dict[str, list[Change]] = {}
    locks: list[Change] = []
    links: dict[tuple[bytes, str], Change] = {}
    paths: set[bytes] = set()
    sizes: dict[bytes, Finding] = {}
    guarded: set[bytes] = set()
    for change in all_changes(git, commits):
        if change.path not in paths:
            paths.add(change.path)
            if len(paths) > MOST_PATHS:
                raise Refused(f"The push touches more than {MOST_PATHS} paths.")
            if len(change.path) <= rules.max_path and protection.by(fold_path(change.path)):
                guarded.add(change.path)
            if (finding := judge_size(change, rules)) is not None:
                sizes[change.path] = finding
        if change.new_mode == LINK:
            links.setdefault((change.path, change.new), change)
        if rules.lockfiles != "any" and _is_of_lock(change.path):
            locks.append(change)
        if change.path in guarded or SUBMODULE in {change.old_mode, change.new_mode}:
            merged.setdefault(change.commit, []).append(change) if change.commit in merges else plain.append(change)
    looked = 0
    for id, changes in merged.items():
        for change in _by_path(changes):
            looked += 1
            if looked > MERGES or is_own_work(git, merges[id], changes, change.path):
                plain.append(change)
    found = [*sizes.values(), *judge_paths(plain, rules, protection), *judge_lockfiles(locks)]
    return Touched(findings=tuple(found), links=tuple(links.values()), paths=frozenset(paths))


def _is_of_lock(path: bytes) -> bool:
    name = fold_path(path).rpartition("/")[2]
    return name in LOCKFILES or name in SOURCES or name.endswith(ENDINGS)


def _by_path(changes: Sequence[Change]) -> list[Change]:
    return list({change.path: change for change in reversed(changes)}.values())


def is_own_work(git: GitRunner, merge: Commit, changes: Sequence[Change], path: bytes) -> bool:
    """Whether a merge does with this path what merging does not: it may take the side that changed it since the common ancestor.

    A result like neither side is the merger's own; so is one like the side that did not change it: it undoes what the other did.
    """
    here = {change.pair: change for change in changes if change.path == path}
    if len(here) >= len(merge.parents) or len(merge.parents) != 2:
        return True
    (other,) = here.values()
    bases = git.run(("merge-base", "--all", *merge.parents))
    ids = bases.stdout.decode("ascii", "replace").split()
    if bases.code != 0 or len(ids) != 1:
        return True
    return entry_at(git, ids[0], path) != (other.old_mode, other.old)


def entry_at(git: GitRunner, commit: str, path: bytes) -> tuple[str, str]:
    """Mode and id of a path in a commit; zeros when it is not there."""
    done = git.run(("ls-tree", "-z", "--full-tree", commit, "--", path.decode("utf-8", "surrogateescape")))
    if done.code != 0:
        raise Refused("git could not read a tree of the push.")
    for row in done.stdout.split(b"\0"):
        head, _, name = row.partition(b"\t")
        if name == path:
            mode, _, id = head.decode("ascii").split(" ")
            return mode, id
    return ABSENT, "0" * len(commit)


def links_in(git: GitRunner, tips: Sequence[str], protection: Protection) -> Mapping[bytes, str]:
    """The symbolic links in these commits: path → id of the blob with the target. Of many, only those at protected paths."""
    found: dict[bytes, str] = {}
    for tip in tips:
        with printed(git, ("ls-tree", "-r", "-z", "--full-tree", tip)) as output:
            for row in words_in(output):
                if row.startswith(LINK.encode()):
                    head, _, path = row.partition(b"\t")
                    if len(found) < LINKS_MOST or protection.by(fold_path(path)):
                        found[path] = head.decode("ascii").split(" ")[2]
    return found
