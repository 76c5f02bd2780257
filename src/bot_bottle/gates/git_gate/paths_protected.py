"""Which paths may a push touch? Pure: changes in, findings out.

A bottle writes every path. Protected ones are found under every name that some file system takes for them, as the place of a
symbolic link or a submodule, and through links that lead there already.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from posixpath import normpath

from bot_bottle.gates.git_gate.aliases import fold_path, may_be_short_for, short_stem
from bot_bottle.gates.git_gate.changes import ABSENT, SUBMODULE, Change, shown_path
from bot_bottle.gates.git_gate.protected_list import DEFAULT, LOCKFILES
from bot_bottle.gates.git_gate.records import Finding, PushRules
from bot_bottle.gates.git_gate.refs import ref_glob

LINK_LIMIT = 4096
"""Bytes of a link's target: PATH_MAX (limits.h)."""

LINKS = 10
"""Links that are followed one after the other."""


class Protection:
    """The protected paths, ready to be asked: sets where a glob allows it, because a push may touch a hundred thousand paths."""

    def __init__(self, globs: Iterable[str]) -> None:
        every = [one.lower() for glob in globs for one in (DEFAULT if glob == "default" else (glob.lstrip("/"),))]
        self._names: dict[str, str] = {}
        self._folders: dict[str, str] = {}
        self._roots: dict[str, str] = {}
        self._patterns: list[tuple[str, re.Pattern[str]]] = []
        self._literals: dict[str, str] = {}
        for glob in dict.fromkeys(every):
            self._add(glob)

    def _add(self, glob: str) -> None:
        parts = glob.split("/")
        for part in parts:
            if "*" not in part:
                self._literals.setdefault(part, glob)
        for end in range(1, len(parts)):
            above = "/".join(parts[:end])
            if "*" not in above:
                self._roots.setdefault(above, glob)  # a file, a link or a submodule in the place of a folder above
        match parts:
            case ["**", name] if "*" not in name:
                self._names[name] = glob
            case ["**", name, "**"] if "*" not in name:
                self._folders[name] = glob
            case _:
                self._patterns.append((glob, _compiled(glob)))

    def by(self, folded: str) -> str:
        """The glob that protects this folded path, or nothing."""
        names = folded.split("/")
        if names[-1] in self._names:
            return self._names[names[-1]]
        for name in names:
            if name in self._folders:
                return self._folders[name]
            if "~" in name and (glob := self._short(name)):
                return glob
        if folded in self._roots:
            return self._roots[folded]
        return next((glob for glob, pattern in self._patterns if pattern.fullmatch(folded)), "")

    def _short(self, name: str) -> str:
        stem = short_stem(name)
        if not stem:
            return ""
        return next((glob for literal, glob in self._literals.items() if may_be_short_for(stem, literal)), "")

    def through(self, links: Mapping[bytes, bytes]) -> "Protection":
        """With the targets of links at protected paths: who changes `docs/rules.md` changes the CLAUDE.md that leads to it."""
        found: dict[str, str] = {}
        for _ in range(LINKS):
            fresh = dict(self._targets(links, found))
            if not fresh.keys() - found.keys():
                break
            found |= fresh
        made = Protection(())
        made._names, made._folders, made._literals = self._names, self._folders, self._literals
        made._roots = self._roots | found
        below = [(glob, re.compile(f"{re.escape(target)}/.*", re.DOTALL)) for target, glob in found.items()]
        made._patterns = self._patterns + below
        return made

    def _targets(self, links: Mapping[bytes, bytes], found: Mapping[str, str]) -> Iterator[tuple[str, str]]:
        for path, target in links.items():
            folded = fold_path(path)
            glob = self.by(folded) or found.get(folded, "")
            if glob and not target.startswith(b"/"):
                reached = normpath(path.rpartition(b"/")[0] + b"/" + target).lstrip(b"/")
                yield fold_path(reached), f"{glob}, through the link {shown_path(path)}"


def _compiled(glob: str) -> re.Pattern[str]:
    """`**/` may also be nothing; `/**` is everything below."""
    if glob.startswith("**/"):
        return re.compile(f"(?:.*/)?{ref_glob(glob[3:]).pattern}", re.DOTALL)
    return re.compile(ref_glob(glob).pattern, re.DOTALL)


def judge_paths(changes: Sequence[Change], rules: PushRules, protection: Protection) -> list[Finding]:
    """Protected paths and submodules among these changes, each path once, with the first commit that touches it."""
    first: dict[bytes, Change] = {}
    for change in changes:
        first.setdefault(change.path, change)
    holds = rules.on_protected == "hold"
    found = []
    for change in first.values():
        if glob := protection.by(fold_path(change.path)):
            why = f"The path is protected ({glob})."
            next = "Leave it as it is, or say in your report what the operator should change there."
            found.append(Finding(rule="path-protected", where=change.where, why=why, next=next, holds=holds))
        elif SUBMODULE in {change.old_mode, change.new_mode}:
            why = "It adds, changes or removes a submodule, which brings code that nobody here has looked at."
            next = "Copy the code in, or leave the submodule as it is."
            found.append(Finding(rule="path-submodule", where=change.where, why=why, next=next, holds=holds))
    return found


def judge_size(change: Change, rules: PushRules) -> Finding | None:
    """A path too long or too deep for the file systems it may be checked out on."""
    if change.new_mode == ABSENT:
        return None
    if len(change.path) > rules.max_path:
        why = f"The path has {len(change.path)} bytes; {rules.max_path} are allowed."
        return Finding(rule="path-length", where=change.where, why=why, next="Use shorter names.")
    if change.path.count(b"/") >= rules.max_depth:
        why = f"The path is {change.path.count(b'/')} folders deep; {rules.max_depth - 1} are allowed."
        return Finding(rule="path-depth", where=change.where, why=why, next="Use fewer folders.")
    return None


def judge_link(change: Change, target: bytes | None) -> Finding | None:
    """A symbolic link must stay in the repository. `target` is None when it is longer than a path can be."""
    why = ""
    if target is None or not target or b"\0" in target:
        why = "Its target is no path."
    elif target.startswith((b"/", b"~", b"\\")) or re.match(rb"[A-Za-z]:", target):
        why = "It leads to an absolute path, outside the repository."
    else:
        text = target.replace(b"\\", b"/")
        reached = normpath(change.path.rpartition(b"/")[0] + b"/" + text) if b"/" in change.path else normpath(text)
        if reached.lstrip(b"/") == b".." or reached.lstrip(b"/").startswith(b"../") or _climbs(change.path, text):
            why = "It leads out of the repository."
        elif any(name in {".git"} or name.startswith("git~") for name in fold_path(reached).split("/")):
            why = "It leads into git's own folder."
    if not why:
        return None
    return Finding(
        rule="path-symlink", where=change.where, why=why, next="Link to a path inside the repository, or copy the file."
    )


def _climbs(path: bytes, target: bytes) -> bool:
    """Whether the target is above the root at any step, folder by folder."""
    depth = path.count(b"/")
    for name in target.split(b"/"):
        depth += -1 if name == b".." else 0 if name in {b"", b"."} else 1
        if depth < 0:
            return True
    return False


def judge_lockfiles(changes: Iterable[Change]) -> list[Finding]:
    """Lock files that change although nothing they are made from does: a place where reviewers do not look."""
    touched: set[str] = set()
    locks: dict[str, Change] = {}
    for change in changes:
        folded = fold_path(change.path)
        touched.add(folded)
        if folded.rpartition("/")[2] in LOCKFILES and change.new_mode != ABSENT:
            locks.setdefault(folded, change)
    found = []
    for folded, change in locks.items():
        folder, slash, name = folded.rpartition("/")
        sources = [ref_glob(f"{folder}{slash}{source}") for source in LOCKFILES[name]]
        if not any(source.fullmatch(path) for source in sources for path in touched):
            why = f"The lock file changes, but {' or '.join(LOCKFILES[name])} beside it does not."
            found.append(
                Finding(
                    rule="lockfile",
                    where=change.where,
                    why=why,
                    next="Change what it is made from, and make it anew.",
                    holds=True,
                )
            )
    return found
