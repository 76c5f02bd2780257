"""Trees, read from their bytes: names, and how deep and how wide the whole is before anybody walks it. Pure.

A bottle writes every byte. Ten trees of ten entries, each the next one ten times, are ten billion paths: they are counted here,
where each tree is looked at once.
"""

from collections.abc import Iterator, Mapping

from bot_bottle.errors import Refused
from bot_bottle.record import dataclass

TREE_MODE = b"40000"
MOST_PATHS = 5_000_000
"""Paths of one commit, counted with repetitions; the largest public repositories have half a million."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of a tree."""

    mode: bytes
    name: bytes
    id: bytes


def read_tree(content: bytes, *, id_size: int) -> Iterator[Entry]:
    """The entries: mode, space, name, NUL, and the id's bytes. Refused when it is no tree."""
    at = 0
    while at < len(content):
        space = content.find(b" ", at)
        end = content.find(b"\0", space)
        if space < 0 or end < 0 or end + 1 + id_size > len(content):
            raise Refused("A tree cannot be read.")
        yield Entry(content[at:space].lstrip(b"0"), content[space + 1 : end], content[end + 1 : end + 1 + id_size])
        at = end + 1 + id_size


@dataclass(frozen=True, kw_only=True, slots=True)
class Shape:
    """How deep the deepest path is, and how many paths there are; both stop counting past the bound."""

    depth: int
    paths: int


def shape(trees: Mapping[bytes, tuple[tuple[bytes, ...], int]]) -> Shape:
    """The shape of the largest of these trees: each has its subtrees, with repetitions, and the number of its other entries.

    Subtrees that are not among them are known already and count as one path.
    """
    depth: dict[bytes, int] = {}
    paths: dict[bytes, int] = {}
    for root in trees:
        stack = [root]
        while stack:
            one = stack[-1]
            if one in depth:
                stack.pop()
                continue
            below, others = trees[one]
            waiting = [child for child in dict.fromkeys(below) if child in trees and child not in depth]
            if waiting:
                stack += waiting
                continue
            depth[one] = 1 + max((depth.get(child, 1) for child in below), default=0)
            paths[one] = min(others + sum(paths.get(child, 1) for child in below), 10 * MOST_PATHS)
            stack.pop()
    return Shape(depth=max(depth.values(), default=0), paths=max(paths.values(), default=0))
