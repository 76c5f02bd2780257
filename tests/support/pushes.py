"""Pushes made by hand: objects and packs written byte by byte, so that they may be what no git would send."""

import hashlib
import os
import struct
import tempfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from bot_bottle.gates.dlp.blobs import BlobScanner, ObjectScan
from bot_bottle.gates.dlp.own import OwnSecret
from bot_bottle.gates.dlp.policy import Settings
from bot_bottle.gates.git_gate.check import check_push
from bot_bottle.gates.git_gate.records import HIDDEN_REFS, MIB, Finding, GitRunner, PushRules, RefUpdate, Rejected, Sees, Verdict
from bot_bottle.host.run import Command, Finished, LongCommand, Process, run, spawn
from bot_bottle.record import dataclass

ZERO = "0" * 40
KINDS = {"commit": 1, "tree": 2, "blob": 3, "tag": 4}
WHO = b"A U Thor <author@example.com> 1700000000 +0000"
ENV = {
    "PATH": "/usr/local/bin:/usr/bin:/bin",
    "HOME": "/nonexistent",
    "LC_ALL": "C.UTF-8",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_NO_REPLACE_OBJECTS": "1",
}


Files = dict[str | bytes, bytes | str | tuple[str, str]]
"""Files by path: their content, the id of a blob, or a mode with an id or a link's target."""


class Pile:
    """Objects that are to be pushed. Each `add` gives the id."""

    def __init__(self) -> None:
        self.objects: dict[str, tuple[str, bytes]] = {}

    def add(self, kind: str, content: bytes) -> str:
        """Any bytes as an object of this kind."""
        id = hashlib.sha1(b"%s %d\0" % (kind.encode(), len(content)) + content, usedforsecurity=False).hexdigest()
        self.objects[id] = (kind, content)
        return id

    def blob(self, content: bytes) -> str:
        return self.add("blob", content)

    def rows(self, rows: Sequence[tuple[bytes, bytes, str]]) -> str:
        """A tree from its entries as they are: mode, name, id."""
        return self.add("tree", b"".join(b"%s %s\0" % (mode, name) + bytes.fromhex(id) for mode, name, id in rows))

    def tree(self, files: Files) -> str:
        """A tree of files by path: bytes are content, a str is an existing blob's id, a pair is mode and id or target."""
        here: dict[bytes, tuple[bytes, str]] = {}
        below: dict[bytes, Files] = {}
        for path, what in files.items():
            name, slash, rest = (path.encode() if isinstance(path, str) else path).partition(b"/")
            if slash:
                below.setdefault(name, {})[rest] = what
            elif isinstance(what, bytes):
                here[name] = (b"100644", self.blob(what))
            elif isinstance(what, str):
                here[name] = (b"100644", what)
            else:
                mode, target = what
                here[name] = (mode.encode(), self.blob(target.encode()) if mode == "120000" else target)
        for name, inner in below.items():
            here[name] = (b"40000", self.tree(inner))
        order = sorted(here.items(), key=lambda row: row[0] + (b"/" if row[1][0] == b"40000" else b""))
        return self.rows([(mode, name, id) for name, (mode, id) in order])

    def commit(
        self,
        tree: str,
        *parents: str,
        message: bytes = b"Change something\n",
        author: bytes = WHO,
        committer: bytes = WHO,
        headers: bytes = b"",
    ) -> str:
        """A commit; `headers` are further lines behind the committer."""
        lines = [b"tree " + tree.encode(), *(b"parent " + parent.encode() for parent in parents)]
        lines += [b"author " + author, b"committer " + committer]
        return self.add("commit", b"\n".join(lines) + b"\n" + headers + b"\n" + message)

    def tag(self, target: str, name: str, *, kind: str = "commit", message: bytes = b"A tag\n", tagger: bytes = WHO) -> str:
        head = b"object %s\ntype %s\ntag %s\ntagger %s\n\n" % (target.encode(), kind.encode(), name.encode(), tagger)
        return self.add("tag", head + message)

    def pack(self, *, more: Sequence[bytes] = ()) -> bytes:
        """All of it as a pack (gitformat-pack), with further entries that are made already."""
        entries = [entry(KINDS[kind], content) for kind, content in self.objects.values()] + list(more)
        body = b"PACK" + struct.pack(">II", 2, len(entries)) + b"".join(entries)
        return body + hashlib.sha1(body, usedforsecurity=False).digest()


def entry(kind: int, content: bytes, *, base: bytes = b"") -> bytes:
    """One entry of a pack: kind and size, the base's id for a delta (kind 7), and the content, deflated."""
    size, head = len(content), bytearray()
    byte, size = (kind << 4) | (size & 15), size >> 4
    while size:
        head.append(byte | 0x80)
        byte, size = size & 0x7F, size >> 7
    head.append(byte)
    return bytes(head) + base + zlib.compress(content, 1)


def delta(base_size: int, size: int, instructions: bytes) -> bytes:
    """A delta (gitformat-pack, deltified representation)."""
    return _number(base_size) + _number(size) + instructions


def _number(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append((value & 0x7F) | 0x80)
        value >>= 7
    return bytes((*out, value))


def git(*words: str, at: Path, stdin: bytes = b"", env: Mapping[str, str] | None = None) -> Finished:
    """Run git in a bare repository."""
    argv = ("git", f"--git-dir={at}", *words)
    return run(Command(argv=argv, env={**ENV, **(env or {})}, timeout_s=120, stdin=stdin, output_limit=512 * MIB))


class Quarantine(GitRunner):
    """The objects of one push beside a repository, taken in as the gate does: `index-pack --strict`."""

    def __init__(self, repository: Path) -> None:
        self.repository = repository
        self.quarantine: Path = Path(tempfile.mkdtemp(dir=repository))
        (self.quarantine / "pack").mkdir()
        objects = str(repository / "objects")
        own = {"GIT_OBJECT_DIRECTORY": str(self.quarantine)}
        self._env: dict[Sees, dict[str, str]] = {
            "both": {**ENV, **own, "GIT_ALTERNATE_OBJECT_DIRECTORIES": objects},
            "quarantine": {**ENV, **own},
            "mirror": dict(ENV),
        }

    def take(self, pack: bytes) -> str:
        """Why git does not take the pack, or nothing."""
        argv = ("git", f"--git-dir={self.repository}", "index-pack", "--stdin", "--fix-thin", "--strict")
        done = run(Command(argv=argv, env=self._env["both"], timeout_s=120, stdin=pack))
        return done.stderr.decode() if done.code else ""

    def run(
        self,
        words: Sequence[str],
        *,
        stdin: bytes = b"",
        output_limit: int = 64 * MIB,
        timeout_s: float = 60.0,
        sees: Sees = "both",
    ) -> Finished:
        argv = ("git", f"--git-dir={self.repository}", *words)
        return run(Command(argv=argv, env=self._env[sees], timeout_s=timeout_s, stdin=stdin, output_limit=output_limit))

    def open(self, words: Sequence[str], *, stdin: int, stdout: int, sees: Sees = "both") -> Process:
        argv = ("git", f"--git-dir={self.repository}", *words)
        return spawn(LongCommand(argv=argv, env=self._env[sees], stdin=stdin, stdout=stdout))


def make_repository(path: Path) -> Path:
    """An empty bare repository."""
    os.makedirs(path)
    done = run(Command(argv=("git", "init", "-q", "--bare", "-b", "main", str(path)), env=ENV, timeout_s=30))
    assert done.code == 0, done.stderr
    return path


SECRET = b"correct-horse-battery-staple-4711"
OWN = [OwnSecret("DATABASE_PASSWORD", SECRET)]
RULES = PushRules(prefixes=("refs/heads/bottle/**",), own=("refs/heads/bottle/red-fox/**",))
BRANCH = "refs/heads/bottle/red-fox/work"


@dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """What the repository holds: ids by a short name."""

    path: Path
    main: str
    side: str
    first: str
    work: str
    files: Files

    def with_files(self, files: Files) -> Files:
        """The files of main with these."""
        return {**self.files, **files}


class Push:
    """One push to the known repository."""

    def __init__(self, known: Known, scanner: BlobScanner) -> None:
        self.known = known
        self.pile = Pile()
        self._scanner = scanner

    def judge(
        self,
        updates: Sequence[RefUpdate],
        *,
        rules: PushRules = RULES,
        pack: bytes | None = None,
        options: Sequence[str] = (),
        settings: Settings | None = None,
    ) -> Verdict:
        """The verdict; a pack that git itself does not take is a Rejected with the rule "fsck"."""
        quarantine = Quarantine(self.known.path)
        if pack is not None or self.pile.objects:
            fault = quarantine.take(self.pile.pack() if pack is None else pack)
            if fault:
                return Rejected(findings=(Finding(rule="fsck", where="the pack", why=fault),))
        scan = ObjectScan(self._scanner, OWN, settings or Settings())
        listed = git("for-each-ref", "--format=%(refname)", at=self.known.path).stdout.decode().split()
        existing = [name for name in listed if not name.startswith(f"{HIDDEN_REFS}/")]
        return check_push(updates, rules, existing=existing, git=quarantine, scan=scan, options=options)
