"""Trees, read from their bytes: names, and how deep and how wide the whole is before anybody walks it. Pure.

A bottle writes every byte. Ten trees of ten entries, each the next one ten times, are ten billion paths: they are counted here,
where each tree is looked at once.
"""

import re
from collections.abc import Mapping
from itertools import chain

from bot_bottle.errors import Refused
from bot_bottle.record import dataclass

TREE_MODES = frozenset((b"40000", b"040000"))
MOST_PATHS = 5_000_000
"""Paths of one commit, counted with repetitions; the largest public repositories have half a million."""


_ROWS = {size: re.compile(rb"([0-7]+) ([^\0]*)\0(.{%d})" % size, re.DOTALL) for size in (20, 32)}

Entry = tuple[bytes, bytes, bytes]
"""Mode, name and id. A plain tuple, because a thousand commits have half a million of them."""


def read_tree(content: bytes, *, id_size: int) -> list[Entry]:
    """The entries: mode, space, name, NUL, and the id's bytes. Refused when it is no tree."""
    entries: list[Entry] = _ROWS[id_size].findall(content)
    if sum(map(len, chain.from_iterable(entries))) + 2 * len(entries) != len(content):
        raise Refused("A tree cannot be read.")
    return entries


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
