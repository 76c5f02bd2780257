"""What the front and the checks of the git gate say to each other: updates and rules in, findings and a verdict out.

A ref's name and everything behind an id come from the bottle. A finding's texts are safe to show: whoever makes one escapes
what the bottle wrote (`host.plain`) and keeps of a secret its first four characters at most.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from bot_bottle.host.run import Finished, Process
from bot_bottle.record import asdict, dataclass

MIB = 1024 * 1024

HIDDEN_REFS = "refs/bot-bottle"
"""Refs of the mirror that are the gate's own: no push may name one, no fetch may see one, and no check takes them for known."""


@dataclass(frozen=True, slots=True)
class RefUpdate:
    """One command of a push: full hexadecimal ids, zeros for "there is none" (gitprotocol-pack, reference update request)."""

    ref: str
    old: str
    new: str

    @property
    def deletes(self) -> bool:
        """Whether the ref is to go."""
        return not self.new.strip("0")

    @property
    def creates(self) -> bool:
        """Whether the ref is new."""
        return not self.old.strip("0")

    def is_in(self, refs: Mapping[str, str]) -> bool:
        """Whether a repository with these refs has it."""
        return refs.get(self.ref) == (None if self.deletes else self.new)


@dataclass(frozen=True, kw_only=True, slots=True)
class PushRules:
    """What the operator lets a bottle push to one upstream. Sizes are bytes, uncompressed unless said otherwise.

    `prefixes` are globs of refs: `*` within a segment, `**` across. `own` are globs of the refs that belong to this bottle: where
    `force` is "own", only those may be rewritten. `protected` are globs of paths; "default" stands for the built-in list.
    A change of a protected path is held for the operator, or refused where `on_protected` says so.
    `authors` are globs on e-mail addresses of authors, committers and taggers; none means any.
    `lockfiles` "with-manifest" refuses a lock file that changes without the file it is made from.
    `signatures` "none" refuses signed objects, "required" wants a signature on every commit (by whom, nobody here can tell).
    """

    prefixes: tuple[str, ...]
    own: tuple[str, ...] = ()
    force: Literal["never", "own"] = "own"
    tags: bool = False
    review: Literal["auto", "hold"] = "auto"
    protected: tuple[str, ...] = ("default",)
    on_protected: Literal["hold", "reject"] = "hold"
    lockfiles: Literal["any", "with-manifest"] = "any"
    lfs: Literal["refuse", "allow"] = "refuse"
    authors: tuple[str, ...] = ()
    sign_off: bool = False
    signatures: Literal["any", "none", "required"] = "any"
    max_refs: int = 16
    max_commits: int = 20_000
    max_objects: int = 500_000
    max_blob: int = 50 * MIB
    max_pack: int = 512 * MIB
    max_total: int = 4096 * MIB
    max_path: int = 1024
    max_depth: int = 64


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One thing that stands against a push: the rule, where it is, why it is refused, and what the agent can do about it.

    With `holds` the operator may still let it through; without, the push is refused.
    """

    rule: str
    where: str
    why: str
    next: str = ""
    holds: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Allowed:
    """Nothing stands against it. `notes` were seen and stop nothing."""

    notes: tuple[Finding, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Rejected:
    """Refused as a whole; every finding at once."""

    findings: tuple[Finding, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Held:
    """To be kept until the operator decides. `findings` are what to look at; none where every push is reviewed."""

    findings: tuple[Finding, ...]
    why: str


Verdict = Allowed | Rejected | Held


Sees = Literal["both", "quarantine", "mirror"]
"""Which objects git sees: the push's own and the mirror's, only those that the push brought, or only what was there before."""


class GitRunner(ABC):
    """git, hardened, with the objects of one push in view: its quarantine first, the mirror's objects as alternates.

    `words` begin with git's subcommand; the runner puts the program, its `-c` settings and `--git-dir` before them.
    """

    quarantine: Path | None = None
    """The folder of the push's own objects, as git's GIT_QUARANTINE_PATH; None when they are in the mirror already."""

    @abstractmethod
    def run(
        self,
        words: Sequence[str],
        *,
        stdin: bytes = b"",
        output_limit: int = 64 * MIB,
        timeout_s: float = 60.0,
        sees: Sees = "both",
    ) -> Finished:
        """Run to the end. CouldNotRun as `host.run.run`."""

    @abstractmethod
    def open(self, words: Sequence[str], *, stdin: int, stdout: int, sees: Sees = "both") -> Process:
        """Start one that reads and writes these descriptors. Whoever asked ends it."""


def rules_from(row: Mapping[str, Any]) -> PushRules:  # Any: JSON
    """Rules from `rules_row`; JSON has lists where the record has tuples."""
    fields: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in row.items()}
    return PushRules(**fields)


def rules_row(rules: PushRules) -> dict[str, Any]:  # Any: JSON
    """For the bundle's configuration."""
    row: dict[str, Any] = asdict(rules)  # Any: JSON
    return {name: list(value) if isinstance(value, tuple) else value for name, value in row.items()}
