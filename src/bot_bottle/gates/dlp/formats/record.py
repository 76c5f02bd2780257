"""One token format as a record, and the small vocabulary in which the tables are written."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Grade = Literal["certain", "hint"]
"""`certain`: the shape alone says what it is. `hint`: other things look like it, so it only warns."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Format:
    """A token format: a literal prefix and a tail in RE2's syntax.

    The tail is a sequence of literal characters and `[class]{n}`, `{n,m}` or `{n,}`, so that its shortest form has a fixed
    shape. `edges` is a class of characters that must not touch the token: needed where prefixes are plain letters, which also
    occur by chance inside base64. `check` is the checksum or structure.
    """

    name: str
    issuer: str
    what: str
    prefix: str
    tail: str
    source: str
    check: Callable[[str], bool] | None = None
    edges: str = ""
    grade: Grade = "certain"

    @property
    def title(self) -> str:
        """Issuer and kind, for people."""
        return f"{self.issuer} {self.what}"

    @property
    def shortest(self) -> str:
        """The whole expression with an open end cut to its minimum: what the fast engine looks for."""
        return re.escape(self.prefix) + re.sub(r"\{(\d+),\d*\}$", r"{\1}", self.tail)

    @property
    def whole(self) -> str:
        """The whole expression, as the confirming engine matches it from the prefix on."""
        return re.escape(self.prefix) + self.tail


Row = tuple[str, str, str, str]
"""name, what, prefix, tail"""


def rows(
    issuer: str,
    source: str,
    *entries: Row,
    check: Callable[[str], bool] | None = None,
    edges: str = "",
    grade: Grade = "certain",
) -> tuple[Format, ...]:
    """The formats of one issuer, described in one document."""
    return tuple(
        Format(
            name=name, issuer=issuer, what=what, prefix=prefix, tail=tail, source=source, check=check, edges=edges, grade=grade
        )
        for name, what, prefix, tail in entries
    )  # fmt: skip


AN = "[A-Za-z0-9]"
LETTERS = AN
"""The usual `edges`."""

LN = "[a-z0-9]"
UN = "[A-Z0-9]"
HEX = "[0-9a-f]"
URL = "[A-Za-z0-9_-]"
B64 = "[A-Za-z0-9+/]"
UUID = f"{HEX}{{8}}-{HEX}{{4}}-{HEX}{{4}}-{HEX}{{4}}-{HEX}{{12}}"
