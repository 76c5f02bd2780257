"""Git LFS: pointers in a repository, and the objects that they stand for. Pure.

The pointer is a text of a few lines in a blob (Git LFS specification, version 1); the object goes to the server by another way.
So a pointer to what nobody sent is of no use to anybody.
"""

import hashlib
import re
from collections.abc import Callable, Iterable, Sequence

from bot_bottle.gates.base import Sighting
from bot_bottle.gates.git_gate.records import Finding
from bot_bottle.record import dataclass

POINTER_LIMIT = 1024
"""Bytes of a pointer: the specification has them below this."""

_SIGN = re.compile(rb"version https?://(?:git-lfs\.github\.com|hawser\.github\.com)/spec/|[^\n]*oid sha256:[0-9a-f]{64}")
_POINTER = re.compile(rb"version https://git-lfs\.github\.com/spec/v1\noid sha256:([0-9a-f]{64})\nsize (0|[1-9][0-9]{0,14})\n")


@dataclass(frozen=True, slots=True)
class Pointer:
    """What a pointer stands for: the SHA-256 of the object, and its bytes."""

    oid: str
    size: int


def read_pointer(content: bytes) -> Pointer | None:
    """The pointer that this blob is, exactly as the specification has it, or None."""
    match = _POINTER.fullmatch(content) if len(content) < POINTER_LIMIT else None
    return Pointer(match.group(1).decode(), int(match.group(2))) if match else None


def is_like_pointer(content: bytes) -> bool:
    """Whether a program could take this blob for a pointer, well-formed or not."""
    return len(content) < POINTER_LIMIT and _SIGN.match(content) is not None


def judge_blob(content: bytes, where: str, *, allowed: bool) -> Finding | None:
    """Whether a blob is a pointer that must not be pushed."""
    if not is_like_pointer(content):
        return None
    if read_pointer(content) is None:
        why = "It looks like a pointer of Git LFS and is not written like one: something else may be hidden in it."
        return Finding(rule="lfs-pointer", where=where, why=why, next="Let git lfs make the pointer.")
    if not allowed:
        why = "It is a pointer of Git LFS, and large objects are not taken from a bottle: the server would not have its object."
        return Finding(rule="lfs", where=where, why=why, next="Leave large files out, or commit the file itself if it is small.")
    return None


def judge_lfs_object(
    parts: Iterable[bytes], pointer: Pointer, scan: Callable[[Iterable[bytes], str], Sequence[Sighting]]
) -> list[Finding]:
    """A large object as it is sent: it must be what its pointer says, and hold no secret. Reads `parts` once."""
    where = f"the LFS object {pointer.oid[:10]}"
    digest, size = hashlib.sha256(), 0

    def counted() -> Iterable[bytes]:
        nonlocal size
        for part in parts:
            digest.update(part)
            size += len(part)
            yield part

    rest = iter(counted())
    seen = scan(rest, where)
    for _ in rest:
        pass
    found = [
        Finding(rule=one.rule, where=where, why=f"{one.what}.", next="Take it out of the file.", holds=one.asks)
        for one in seen
        if one.stops
    ]
    if (digest.hexdigest(), size) != (pointer.oid, pointer.size):
        why = "Its bytes are not those that its pointer names."
        found.append(Finding(rule="lfs-object", where=where, why=why, next="Send the object again."))
    return found
