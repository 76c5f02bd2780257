"""What the scanner reads and says: views in, findings out. A finding never holds what it found."""

from typing import Literal

from bot_bottle.record import dataclass, field

Surface = Literal[
    "url", "host", "path", "query", "header", "cookie", "body", "file-name", "frame", "git", "mcp", "tool", "command", "response"
]  # fmt: skip
"""Where in the traffic a view comes from."""

Kind = Literal[
    "own", "canary", "format", "exfil", "evasion", "unscannable", "hint", "injection", "command", "chain", "pin"
]  # fmt: skip
"""What a finding claims.

`own`, `canary`: an exact copy of the operator's secret. `format`: a well-formed token of some issuer. `exfil`: data smuggled
in a host name or a path. `evasion`: an encoding whose only use is to get past a filter. `unscannable`: bytes that nobody can
read here. `hint`: suspicious, never enough alone. `injection`: text that gives orders to a model. `command`, `chain`: a
harmful command, or a series of tool calls that reads secrets and then sends. `pin`: a tool changed after it was first seen.
"""


@dataclass(frozen=True, slots=True)
class View:
    """Bytes to look at, where they were, and what was undone to get them (outermost first)."""

    surface: Surface
    where: str
    content: bytes = field(repr=False)
    via: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Match:
    """What a detector saw in one view: `start:end` in its content, the rule, and the claim."""

    kind: Kind
    rule: str
    title: str
    start: int
    end: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One finding as it may be shown and logged: four characters of what was found and a keyed hash, never more.

    `start:end` are offsets in the undecoded content and exist only when nothing had to be decoded: what may be redacted.
    """

    kind: Kind
    rule: str
    title: str
    surface: Surface
    where: str
    via: tuple[str, ...]
    preview: str
    fingerprint: str
    start: int | None = None
    end: int | None = None

    def describe(self) -> str:
        """One line for people and logs."""
        undone = f", through {' and '.join(self.via)}" if self.via else ""
        return f"{self.title} ({self.rule}) in {self.where}{undone}: {self.preview} [{self.fingerprint}]"


def finding(match: Match, view: View, key: bytes) -> Finding:
    """The match as a finding. `key` makes fingerprints comparable within one bottle and useless elsewhere."""
    found = view.content[match.start : match.end]
    import hashlib

    return Finding(
        kind=match.kind,
        rule=match.rule,
        title=match.title,
        surface=view.surface,
        where=view.where,
        via=view.via,
        preview=_preview(found),
        fingerprint=hashlib.blake2b(found, key=key[:64], digest_size=6).hexdigest(),
        start=None if view.via else match.start,
        end=None if view.via else match.end,
    )


def _preview(found: bytes) -> str:
    """The first four characters, or fewer of short ones; what is not plain ASCII becomes a dot."""
    shown = found[: min(4, len(found) // 4)]
    return "".join(chr(byte) if 0x20 < byte < 0x7F else "." for byte in shown) + "…"
