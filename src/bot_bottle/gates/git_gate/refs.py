"""May these refs change? Pure: the commands of a push, the refs that exist, and what is an ancestor of what; findings out.

A bottle writes every name and chooses every combination. A name is not only matched against the operator's globs: it must also be
one that no program, and no person, takes for something else.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from functools import cache

from bot_bottle.gates.git_gate.records import HIDDEN_REFS, Finding, PushRules, RefUpdate
from bot_bottle.host.plain import plain

LONGEST = 200
"""Bytes of a ref's name; file systems end at 255 for one component."""

_NAME = re.compile(r"refs(?:/[A-Za-z0-9_+=%,#!&()'@.-]+)+")
"""What a name may be made of: ASCII, and nothing that git-check-ref-format(1) or a shell's globs give a meaning to."""

_BAD = re.compile(r"\.\.|@\{|//|/\.|\.lock(?:/|$)|\.$|/-|/@(?:/|$)")
"""git-check-ref-format(1), rules 1, 3, 6, 7 and 8; and a component like an option."""

ORDINARY = ("refs/heads/", "refs/tags/")

_PSEUDO = re.compile(r"(?:[A-Z_]*HEAD|AUTO_MERGE)", re.IGNORECASE)
"""gitglossary(7), pseudoref: HEAD, FETCH_HEAD, ORIG_HEAD, MERGE_HEAD…"""

_PLACES = frozenset(("refs", "heads", "tags", "remotes", "origin", "upstream", "stash", "notes", "replace", "pull"))
"""First words of a branch's name that make git, or a reader, look elsewhere (gitrevisions(7), <refname>)."""

_HEX = re.compile(r"[0-9a-f]{4,64}", re.IGNORECASE)
_DESCRIBED = re.compile(r"-g[0-9a-f]{4,64}$", re.IGNORECASE)
"""gitrevisions(7): <describeOutput> is read as the commit it ends with."""

_ALIKE = str.maketrans("01i!", "olll")


def judge_refs(
    updates: Sequence[RefUpdate], rules: PushRules, *, existing: Collection[str], forward: Collection[str]
) -> list[Finding]:
    """Everything that is wrong with these commands. `forward` are the refs whose new commit descends from the old one."""
    found = [finding for update in updates for finding in _judge_one(update, rules, forward)]
    return found + list(_judge_all(updates, rules, existing))


def _judge_one(update: RefUpdate, rules: PushRules, forward: Collection[str]) -> Iterator[Finding]:
    where = shown_ref(update.ref)
    if why := misnamed(update.ref):
        yield Finding(rule="ref-name", where=where, why=why, next=f"Push to {_offer(rules)}.")
        return
    if why := mistaken(update.ref):
        yield Finding(rule="ref-lookalike", where=where, why=why, next=f"Push to {_offer(rules)}.")
    if update.deletes:
        yield Finding(
            rule="ref-delete", where=where, why="A bottle deletes no ref.", next="Leave it; the operator can delete it."
        )
    if why := _misplaced(update, rules):
        rule = "ref-special" if not update.ref.startswith(ORDINARY) else "ref-prefix"
        rule = "ref-tag" if update.ref.startswith("refs/tags/") else rule
        yield Finding(rule=rule, where=where, why=why, next=f"Push to {_offer(rules)}.")
    if not (update.creates or update.deletes) and update.ref not in forward and (why := _unforced(update, rules)):
        yield Finding(rule="ref-force", where=where, why=why, next="Rebase or merge onto what is there, and push again.")


def misnamed(ref: str) -> str:
    """Why this is no name for a ref, or nothing."""
    if len(ref.encode("utf-8", "replace")) > LONGEST:
        return f"The name is longer than {LONGEST} bytes."
    if not ref.startswith("refs/"):
        return "Only names below refs/ can be pushed to."
    if not ref.isascii():
        return "The name has letters that are not ASCII, which may look like others."
    if not _NAME.fullmatch(ref) or _BAD.search(ref):
        return "The name has characters or parts that git or a shell reads as something else."
    return ""


def mistaken(ref: str) -> str:
    """What git, or a reader, could take this name for, or nothing."""
    words = ref.split("/")[2:]
    short = "/".join(words)
    if any(_PSEUDO.fullmatch(word) for word in words):
        return "Git has names like this for its own state (HEAD and its kin)."
    if ref.startswith(ORDINARY) and words[0].lower() in _PLACES:
        return f"A name that begins with {words[0]}/ is read as one of another place."
    if _HEX.fullmatch(short) or any(len(word) in {40, 64} and _HEX.fullmatch(word) for word in words):
        return "The name reads as a commit's id."
    if _DESCRIBED.search(short):
        return "A name that ends in -g and hexadecimal digits is read as the commit of that id."
    return ""


def _misplaced(update: RefUpdate, rules: PushRules) -> str:
    ref = update.ref
    if ref == HIDDEN_REFS or ref.startswith(f"{HIDDEN_REFS}/"):
        return "These refs are the gate's own."
    if ref.startswith("refs/tags/"):
        return "" if rules.tags else "Tags are not allowed here."
    if not ref.startswith(ORDINARY):
        place = "/".join(ref.split("/")[:2])
        named = place == "refs/notes" and any(glob.startswith("refs/notes/") for glob in rules.prefixes)
        if not named:
            return f"Refs below {place}/ mean something to git or to the server; only branches are pushed."
    if not any(ref_glob(glob).fullmatch(ref) for glob in rules.prefixes):
        return f"The rules allow {', '.join(rules.prefixes) or 'no ref'} only."
    return ""


def _unforced(update: RefUpdate, rules: PushRules) -> str:
    if update.ref.startswith("refs/tags/"):
        return "A tag that exists is not moved."
    if rules.force == "never":
        return "The new commit does not descend from the old one, and nothing may be rewritten here."
    if not any(ref_glob(glob).fullmatch(update.ref) for glob in rules.own):
        return "The new commit does not descend from the old one, and only the bottle's own branches may be rewritten."
    return ""


def _judge_all(updates: Sequence[RefUpdate], rules: PushRules, existing: Collection[str]) -> Iterator[Finding]:
    """What no single command shows."""
    if not updates:
        yield Finding(rule="ref-none", where="the push", why="It names no ref.", next="Push a branch.")
    if len(updates) > rules.max_refs:
        yield Finding(
            rule="ref-many",
            where="the push",
            why=f"It changes {len(updates)} refs; {rules.max_refs} are allowed at a time.",
            next="Push only the branches you worked on, by name.",
        )
    for ref, count in Counter(update.ref for update in updates).items():
        if count > 1:
            yield Finding(rule="ref-twice", where=shown_ref(ref), why="The push names it more than once.", next="Name it once.")
    fresh = [update.ref for update in updates if not update.deletes and update.ref not in existing]
    known = set(existing) | {update.ref for update in updates}
    alike: dict[str, str] = {}
    for ref in sorted(known, key=lambda name: (name in fresh, name)):
        other = alike.setdefault(looks_like(ref), ref)
        if ref in fresh and other != ref:
            why = f"It looks like {shown_ref(other)}, or is the same on a file system that ignores case."
            yield Finding(rule="ref-collision", where=shown_ref(ref), why=why, next="Choose another name.")
    folders = {folder: ref for ref in known for folder in _folders(ref)}
    for ref in fresh:
        below = folders.get(ref) or next((folder for folder in _folders(ref) if folder in known), None)
        if below is not None:
            why = f"It cannot be there beside {shown_ref(below)}: one name is a folder of the other."
            yield Finding(rule="ref-collision", where=shown_ref(ref), why=why, next="Choose another name.")


def looks_like(ref: str) -> str:
    """Equal for names that a reader takes for one another, or that a file system does: case, 0 and o, 1 and l and i, rn and m."""
    head, slash, name = ref.rpartition("/")
    name = name.casefold().replace("rn", "m").replace("vv", "w")
    return head.casefold() + slash + name.translate(_ALIKE)


def _folders(ref: str) -> Iterator[str]:
    while "/" in ref:
        ref = ref.rpartition("/")[0]
        if ref.count("/") > 1:
            yield ref


def shown_ref(ref: str) -> str:
    """Fit to be shown."""
    return plain(ref, limit=120)


def _offer(rules: PushRules) -> str:
    return " or ".join(rules.prefixes[:3]) or "nothing: no ref is allowed"


@cache
def ref_glob(glob: str) -> re.Pattern[str]:
    """The glob for `fullmatch`: `*` within a segment, `**` across."""
    parts = re.split(r"(\*+)", glob)
    return re.compile("".join({"*": "[^/]*"}.get(part, ".*") if part[:1] == "*" else re.escape(part) for part in parts))
