"""Every object of a push, looked at once: which there are, their sizes and shapes, and what the scan sees in them.

An object is looked at whether or not a ref reaches it, and whether it came with this push or lay in the mirror unseen. Everything
in it is the bottle's.
"""

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import chain

from bot_bottle.gates.base import BlobScan, Sighting
from bot_bottle.gates.git_gate.aliases import misnamed
from bot_bottle.gates.git_gate.changes import shown_path
from bot_bottle.gates.git_gate.commits import judge_object, read_object
from bot_bottle.gates.git_gate.history import Everything
from bot_bottle.gates.git_gate.lfs import POINTER_LIMIT, judge_blob
from bot_bottle.gates.git_gate.paths_protected import LINK_LIMIT
from bot_bottle.gates.git_gate.reading import Listed, Reader, reader
from bot_bottle.gates.git_gate.records import MIB, Finding, GitRunner, PushRules
from bot_bottle.gates.git_gate.trees import MOST_PATHS, TREE_MODES, read_tree, shape
from bot_bottle.record import dataclass

NAMES = 64 * 1024
"""Bytes of names that are searched together."""

WORKERS = 4
"""Threads that look at the blobs of one push. The search lets go of the interpreter while it runs."""

WORTH_A_THREAD = 2 * MIB
"""Bytes for which a thread and a git of its own are worth their start."""

LARGEST_OTHER = 16 * MIB
"""Bytes of a tree, commit or tag: a folder of 300,000 files."""

REACHED = "an object that no ref of the push reaches"


@dataclass(frozen=True, kw_only=True, slots=True)
class About:
    """A finding in a blob, whose place in the repository is not known yet. `mark` is that of the sighting it comes from."""

    id: str
    finding: Finding
    mark: str = ""
    stops: bool = True


def judge_sizes(everything: Everything, rules: PushRules) -> Iterator[Finding | About]:
    """Bytes of each blob and of all, uncompressed: a pack of a megabyte may hold a terabyte."""
    total = sum(one.size for one in everything.objects)
    if total > rules.max_total:
        why = f"Its objects have {total // MIB} MiB uncompressed; {rules.max_total // MIB} are allowed."
        yield Finding(rule="size-total", where="the push", why=why, next="Push less at a time, and no large files.")
    for one in everything.objects:
        if one.kind != "blob" and one.size > LARGEST_OTHER:
            why = f"It has {one.size} bytes; {LARGEST_OTHER} are allowed."
            where = f"{one.kind} {one.id[:10]}"
            yield Finding(rule="size-object", where=where, why=why, next="Push what git itself makes of files and messages.")
        if one.kind == "blob" and one.size > rules.max_blob:
            why = f"It has {one.size} bytes; {rules.max_blob} are allowed."
            next = "Take the file out of every commit; a later commit that removes it is not enough."
            yield About(id=one.id, finding=Finding(rule="size-blob", where=f"blob {one.id[:10]}", why=why, next=next))


_LINKS = re.compile(rb"\A(?:(?:tree|object|parent) (?:[0-9a-f]{40}|[0-9a-f]{64})\n)+")
"""What a commit or tag begins with: ids of objects, which `index-pack --strict` has seen to exist. Nobody writes them."""


class Pass:
    """One look at all objects of a push: first commits, tags and trees, then blobs."""

    def __init__(self, git: GitRunner, objects: Reader, everything: Everything, rules: PushRules, scan: BlobScan) -> None:
        self._git = git
        self._reader = objects
        self._everything = everything
        self._rules = rules
        self._scan = scan
        self._names: set[bytes] = set()
        self._fresh: list[bytes] = []
        self._trees: dict[bytes, tuple[tuple[bytes, ...], int]] = {}
        self.findings: list[Finding] = []
        self.notes: list[Finding] = []
        self.about: list[About] = []
        self.links: dict[str, bytes | None] = {}

    def read_written(self) -> None:
        """Commits, tags and trees. A finding says so where the trees have a shape that cannot be walked."""
        ids = [one.id for one in self._everything.objects if one.kind != "blob"]
        self._reader.read(ids, self._written)
        self._search_names()
        form = shape(self._trees)
        if form.depth > self._rules.max_depth:
            why = f"A tree is {form.depth} folders deep or more; {self._rules.max_depth} are allowed."
            self.findings.append(Finding(rule="path-depth", where="the push", why=why, next="Use fewer folders."))
        if form.paths > MOST_PATHS:
            why = f"A tree unfolds to more than {MOST_PATHS} paths."
            self.findings.append(
                Finding(rule="tree-bomb", where="the push", why=why, next="Push a tree that can be checked out.")
            )

    def _written(self, one: Listed, content: Iterator[bytes]) -> None:
        where = f"{one.kind} {one.id[:10]}" + (f" ({REACHED})" if one.id in self._everything.loose else "")
        if one.kind == "tree":
            self._tree(one, b"".join(content), where)
            return
        whole = b"".join(content)
        self.findings += judge_object(one.kind, whole, where, self._rules)
        self.tell(self._scan((_LINKS.sub(b"", whole, count=1),), where), where)
        name = read_object(one.kind, whole).first(b"encoding").decode("latin-1")
        if name:
            self.tell(self._scan((_reencoded(whole, name),), where), where)

    def _tree(self, one: Listed, content: bytes, where: str) -> None:
        entries = read_tree(content, id_size=len(one.id) // 2)
        below = tuple(id for mode, _, id in entries if mode in TREE_MODES)
        self._trees[bytes.fromhex(one.id)] = (below, len(entries) - len(below))
        fresh = {name for _, name, _ in entries} - self._names
        self._names |= fresh
        self._fresh += fresh
        for name in fresh:
            if why := misnamed(name):
                at = f"the name {shown_path(name)} in {where}"
                self.findings.append(Finding(rule="path-name", where=at, why=f"No tree may have it: {why}.", next="Rename it."))

    def search_paths(self, paths: Iterable[bytes]) -> None:
        """Search whole paths: a secret may be spread over folders."""
        for path in paths:
            if b"/" in path and path not in self._names:
                self._names.add(path)
                self._fresh.append(path)
        self._search_names()

    def _search_names(self) -> None:
        """Many at a time, and one by one only where something is seen."""
        batch: list[bytes] = []
        size = 0
        for name in chain(filter(None, self._fresh), (b"",)):  # the empty one marks the end
            if batch and (size > NAMES or not name):
                if self._scan((b"\n\n".join(batch),), "names"):
                    for one in batch:
                        where = f"the name {_first_letters(one)}"
                        self.tell(self._scan((one,), where), where)
                batch, size = [], 0
            batch.append(name)
            size += len(name) + 2
        self._fresh.clear()

    def read_blobs(self, links: Iterable[str]) -> None:
        """Blobs. Those that `links` names are targets of symbolic links, which are kept."""
        self.links = dict.fromkeys(links)
        limit = self._rules.max_blob
        blobs = [one for one in self._everything.objects if one.kind == "blob" and one.size <= limit]
        parts = shares(blobs, most=min(WORKERS, len(os.sched_getaffinity(0))))
        if len(parts) < 2:
            self.about += self._share(self._reader, blobs, self._scan)
            return
        with ThreadPoolExecutor(len(parts)) as pool:
            for about in [pool.submit(self._apart, part, self._scan.apart()) for part in parts]:
                self.about += about.result()

    def _apart(self, blobs: Sequence[Listed], scan: BlobScan) -> list[About]:
        with reader(self._git) as objects:
            return self._share(objects, blobs, scan)

    def _share(self, objects: Reader, blobs: Sequence[Listed], scan: BlobScan) -> list[About]:
        about: list[About] = []
        objects.read((one.id for one in blobs), lambda one, content: self._blob(one, content, scan, about))
        return about

    def _blob(self, one: Listed, content: Iterator[bytes], scan: BlobScan, about: list[About]) -> None:
        where = f"blob {one.id[:10]}"
        if one.size < LINK_LIMIT:
            whole = b"".join(content)
            if one.id in self.links:
                self.links[one.id] = whole
            if one.size < POINTER_LIMIT and (finding := judge_blob(whole, where, allowed=self._rules.lfs == "allow")):
                about.append(About(id=one.id, finding=finding))
            content = iter((whole,))
        for seen in scan(content, where):
            about.append(About(id=one.id, finding=as_finding(seen, where), mark=seen.mark, stops=seen.stops))

    def old_marks(self, id: str) -> frozenset[tuple[str, str]]:
        """What is seen in a blob that was there before: rule and mark of each thing."""
        seen: list[Sighting] = []
        self._reader.read((id,), lambda _, content: seen.extend(self._scan(content, "an old blob")))
        return frozenset((f"dlp {one.rule}", one.mark) for one in seen if one.mark)

    def tell(self, seen: Iterable[Sighting], where: str) -> None:
        """What the scan saw, as findings and notes."""
        for one in seen:
            (self.findings if one.stops else self.notes).append(as_finding(one, where))


def shares(blobs: Sequence[Listed], *, most: int) -> list[Sequence[Listed]]:
    """The blobs in as many parts as can be looked at at once, each of about the same size, none of them small.

    The order stays: versions of a file lie beside each other, and git makes one from the other.
    """
    total = sum(one.size for one in blobs)
    count = max(1, min(most, total // WORTH_A_THREAD))
    if count == 1:
        return [blobs]
    found: list[list[Listed]] = [[]]
    size = 0
    for one in blobs:
        if size >= total * len(found) / count:
            found.append([])
        found[-1].append(one)
        size += one.size
    return list(found)


def as_finding(one: Sighting, where: str) -> Finding:
    """With what the agent can do."""
    next = "Take it out of every commit that has it (git rebase -i, or commit anew); removing it in a later commit is not enough."
    return Finding(rule=f"dlp {one.rule}", where=where, why=f"{one.what}.", next=next if one.stops else "", holds=one.asks)


def _first_letters(name: bytes) -> str:
    """A name that holds a secret is not shown."""
    return f"that begins with “{shown_path(name[:4])}”"


def _reencoded(content: bytes, encoding: str) -> bytes:
    try:
        return content.decode(encoding, "replace").encode("utf-8", "replace")
    except (LookupError, ValueError):
        return b""
