"""What a commit changes, as `git diff-tree` tells it in its raw format. Pure."""

import re
from collections.abc import Iterable, Iterator

from bot_bottle.errors import Refused
from bot_bottle.host.plain import plain
from bot_bottle.record import dataclass

ABSENT, LINK, SUBMODULE = "000000", "120000", "160000"
"""Modes of git-fast-import(1), filemodify; zeros for "not there"."""

_HEADER = re.compile(rb"(?:[0-9a-f]{40}|[0-9a-f]{64})")
_ROW = re.compile(rb":([0-7]{6}) ([0-7]{6}) ([0-9a-f]{40,64}) ([0-9a-f]{40,64}) [A-Z][0-9]*")


@dataclass(frozen=True, slots=True)
class Change:
    """One path that differs between a commit and one of its parents. `pair` numbers the comparison that it is from."""

    commit: str
    pair: int
    path: bytes
    old_mode: str
    new_mode: str
    old: str
    new: str

    @property
    def where(self) -> str:
        """For people."""
        return f"{shown_path(self.path)} in commit {self.commit[:10]}"


def shown_path(path: bytes) -> str:
    """A path fit to be shown."""
    return plain(path.decode("utf-8", "backslashreplace"), limit=160)


def read_changes(words: Iterable[bytes]) -> Iterator[Change]:
    """The changes in the output of `git diff-tree --stdin -r -z --raw --always`, cut at its NULs. Refused when it is not that.

    Each comparison begins with the commit's id, changed or not, so their order numbers them.
    """
    commit, pair = "", -1
    row: re.Match[bytes] | None = None
    for word in words:
        if row is not None:
            old_mode, new_mode, old, new = (part.decode() for part in row.groups())
            yield Change(commit, pair, word, old_mode, new_mode, old, new)
            row = None
        elif word.startswith(b":"):
            row = _ROW.fullmatch(word)
            if row is None or not commit:
                raise Refused("git told of a change in a form that is not known.")
        elif _HEADER.fullmatch(word.strip(b"\n")):
            commit, pair = word.strip(b"\n").decode(), pair + 1
        else:
            raise Refused("git told of a change in a form that is not known.")
    if row is not None:
        raise Refused("git stopped in the middle of a change.")
