"""Which manifests the operator has read and trusts: pinned to a path, its content, and the content of the files it names.

One JSON file per manifest in the state folder, which no bottle sees. A content that differs in one byte is not trusted.
"""

import json
import time
from hashlib import sha256
from pathlib import Path

from bot_bottle.errors import BottleError
from bot_bottle.host.files import make_private_folder, write_file
from bot_bottle.host.paths import state_dir
from bot_bottle.host.plain import plain
from bot_bottle.record import dataclass

Reads = tuple[tuple[Path, str], ...]
"""Files that a manifest names and whose content counts as its own, each with its SHA-256."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Trusted:
    """One manifest as the operator trusted it: when (seconds since the epoch), its content, and the files it names."""

    path: Path
    content: bytes
    reads: Reads
    at: float

    def same(self, content: bytes, reads: Reads) -> bool:
        """Whether this very content, and that of every file it names, was trusted."""
        return self.content == content and sorted(self.reads) == sorted(reads)

    @property
    def day(self) -> str:
        """The day it was trusted, in local time (ISO 8601)."""
        return time.strftime("%Y-%m-%d", time.localtime(self.at))


def trusted(path: Path) -> Trusted | None:
    """What the operator trusts at this path, if anything."""
    try:
        return _read(_record(path))
    except FileNotFoundError:
        return None


def all_trusted() -> tuple[Trusted, ...]:
    """Every manifest that is trusted, by path."""
    folder = state_dir() / "trust"
    records = sorted(folder.glob("*.json")) if folder.is_dir() else []
    return tuple(sorted((_read(record) for record in records), key=lambda one: one.path))


def remember(path: Path, content: bytes, reads: Reads, *, at: float) -> Path:
    """Trust this content at this path, in place of what was trusted there before."""
    record = {
        "version": 1,
        "path": str(path),
        "sha256": sha256(content).hexdigest(),
        "content": content.decode("utf-8"),
        "reads": [[str(file), digest] for file, digest in reads],
        "at": at,
    }
    make_private_folder(state_dir() / "trust")
    return write_file(_record(path), json.dumps(record, indent=1) + "\n")


def forget(path: Path) -> bool:
    """Trust the path no more. Whether it was trusted."""
    try:
        _record(path).unlink()
    except FileNotFoundError:
        return False
    return True


def difference(before: Trusted, content: bytes, reads: Reads) -> tuple[str, ...]:
    """The lines that changed since, as a unified diff fit to be shown, and the named files that are not what they were."""
    from difflib import unified_diff

    old, new = before.content.decode("utf-8", "replace"), content.decode("utf-8", "replace")
    lines = unified_diff(old.splitlines(), new.splitlines(), f"trusted {before.day}", "now", lineterm="", n=3)
    known = dict(before.reads)
    files = [
        f"{plain(str(file))} {'is named for the first time' if file not in known else 'has other content than on ' + before.day}"
        for file, digest in reads
        if known.get(file) != digest
    ]
    return (*(plain(line) for line in lines), *files)


def _record(path: Path) -> Path:
    return state_dir() / "trust" / f"{sha256(str(path).encode('utf-8', 'surrogateescape')).hexdigest()}.json"


def _read(record: Path) -> Trusted:
    """BottleError for a damaged record: what cannot be read is not trusted, and not passed over either."""
    try:
        stored = json.loads(record.read_bytes())
        content = stored["content"].encode("utf-8")
        if stored["version"] != 1 or sha256(content).hexdigest() != stored["sha256"]:
            raise ValueError("the content does not have the recorded hash")
        reads = tuple((Path(file), str(digest)) for file, digest in stored["reads"])
        return Trusted(path=Path(stored["path"]), content=content, reads=reads, at=float(stored["at"]))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BottleError(
            "A record of what you trust is damaged.",
            facts=(f"{record}: {error}",),
            next=f"Remove it, and trust the manifest again: rm {record}",
        ) from error
