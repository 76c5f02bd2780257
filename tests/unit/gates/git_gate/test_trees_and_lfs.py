"""Trees as bytes and as a shape; pointers of Git LFS and the objects they stand for."""

import hashlib
from collections.abc import Iterable

import pytest

from bot_bottle.errors import Refused
from bot_bottle.gates.base import Sighting
from bot_bottle.gates.git_gate.lfs import Pointer, is_like_pointer, judge_blob, judge_lfs_object, read_pointer
from bot_bottle.gates.git_gate.trees import MOST_PATHS, read_tree, shape

ID = bytes(range(20))
OID = "ab" * 32
POINTER = f"version https://git-lfs.github.com/spec/v1\noid sha256:{OID}\nsize 12\n".encode()


def test_entries_are_read_whatever_bytes_their_ids_and_names_have() -> None:
    content = b"100644 a b\0" + ID + b"40000 c\nd\0" + b"\n" * 20
    assert read_tree(content, id_size=20) == [(b"100644", b"a b", ID), (b"40000", b"c\nd", b"\n" * 20)]
    assert read_tree(b"", id_size=20) == []
    assert len(read_tree(b"100644 a\0" + bytes(32), id_size=32)) == 1


@pytest.mark.parametrize(
    "content", [b"x", b"100644 a", b"100644 a\0" + bytes(19), b"100644 a\0" + bytes(21), b"9 a\0" + bytes(20)]
)
def test_what_is_no_tree_is_refused(content: bytes) -> None:
    with pytest.raises(Refused):
        read_tree(content, id_size=20)


def test_the_depth_of_a_chain_is_found_without_recursion() -> None:
    trees = {bytes((at >> 8, at & 255)): ((bytes(((at + 1) >> 8, (at + 1) & 255)),), 1) for at in range(60_000)}
    assert shape(trees).depth == 60_001


def test_a_tree_of_billions_of_paths_is_counted_at_once() -> None:
    trees = {bytes((at,)): ((bytes((at + 1,)),) * 10, 0) for at in range(20)}
    assert shape(trees).paths > MOST_PATHS


def test_an_ordinary_tree_has_its_depth_and_paths() -> None:
    trees = {b"root": ((b"src", b"known"), 3), b"src": ((), 2)}
    found = shape(trees)
    assert (found.depth, found.paths) == (2, 6)
    assert shape({}).depth == 0


def test_a_pointer_is_read_only_when_it_is_exactly_one() -> None:
    assert read_pointer(POINTER) == Pointer(OID, 12)
    for other in (POINTER[:-1], POINTER + b"\n", POINTER.replace(b"12", b"012"), POINTER.upper(), POINTER + b"x" * 2000, b""):
        assert read_pointer(other) is None


@pytest.mark.parametrize(
    ("content", "allowed", "rule"),
    [
        (POINTER, True, ""),
        (POINTER, False, "lfs"),
        (POINTER + b"note hidden\n", True, "lfs-pointer"),
        (POINTER.replace(b"oid", b"ext-0-a sha256:" + b"a" * 64 + b"\noid"), True, "lfs-pointer"),
        (b"version http://git-lfs.github.com/spec/v1\n", True, "lfs-pointer"),
        (b"version 1.2.3\n", False, ""),
        (b"", False, ""),
    ],
)
def test_a_pointer_is_refused_unless_it_is_allowed_and_plain(content: bytes, allowed: bool, rule: str) -> None:
    finding = judge_blob(content, "blob x", allowed=allowed)
    assert (finding.rule if finding else "") == rule


def test_a_large_text_that_begins_like_a_pointer_is_none() -> None:
    assert not is_like_pointer(POINTER + b"x" * 2000)


def pointer_to(content: bytes) -> Pointer:
    return Pointer(hashlib.sha256(content).hexdigest(), len(content))


def test_a_large_object_is_what_its_pointer_says_and_is_searched() -> None:
    seen: list[bytes] = []

    def scan(parts: Iterable[bytes], where: str) -> list[Sighting]:
        seen.extend(parts)
        return [Sighting(rule="own:X", what="Your secret X", stops=True)] if b"secret" in b"".join(seen) else []

    assert judge_lfs_object([b"some", b"thing"], pointer_to(b"something"), scan) == []
    assert [one.rule for one in judge_lfs_object([b"a secret"], pointer_to(b"a secret"), scan)] == ["own:X"]


@pytest.mark.parametrize("content", [b"other", b"somethin", b"something more", b""])
def test_a_large_object_that_is_another_is_refused(content: bytes) -> None:
    found = judge_lfs_object([content], pointer_to(b"something"), lambda parts, where: [])
    assert [one.rule for one in found] == ["lfs-object"]
