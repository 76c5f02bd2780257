"""The branches that a bottle pushed into the operator's repository: shown, taken into the operator's branch, or removed.

Git runs in the operator's own repository only, never in the bottle's clone. What the branches hold was checked by the git gate
and is still the bottle's: it is read without filters, drivers or pagers. Taking it in is the operator's own git, with
their settings.
"""

import os
import re
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

from bot_bottle.errors import BadUsage, BottleError, CannotRunHere
from bot_bottle.host.plain import plain
from bot_bottle.host.run import Command, Finished, plain_env, run
from bot_bottle.record import dataclass

How = Literal["merge", "rebase", "squash"]
QUICK_S = 60.0
LONG_S = 600.0
OUTPUT_LIMIT = 64 * 1024 * 1024

READING = (
    *("-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null", "-c", "diff.external=", "-c", "log.showSignature=false"),
    *("-c", "core.pager=cat", "-c", "color.ui=never", "-c", "core.quotePath=true"),
)
"""Settings under which nothing of the operator's own is run while we only look."""

_ROW = re.compile(r"([0-9a-f]{40,64}) refs/heads/(\S+)")


@dataclass(frozen=True, kw_only=True, slots=True)
class Branch:
    """One branch of a bottle: its whole name without `refs/heads/`, and the commit it is at."""

    name: str
    commit: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Taken:
    """A branch that was taken in, or had nothing that is not there already."""

    branch: Branch
    commits: int


class Repository:
    """The operator's repository as the branches of one bottle see it."""

    def __init__(self, path: Path, slug: str) -> None:
        self.path = path
        self.own = f"bottle/{slug}/"
        self._git = shutil.which("git") or "git"

    def branches(self) -> tuple[Branch, ...]:
        """What the bottle pushed, by name."""
        done = self._look("for-each-ref", "--format=%(objectname) %(refname)", f"refs/heads/{self.own}")
        found = (match for match in map(_ROW.fullmatch, done.splitlines()) if match)
        return tuple(Branch(name=match[2], commit=match[1]) for match in found)

    def named(self, names: Sequence[str]) -> tuple[Branch, ...]:
        """Those that are named, in full or without the bottle's prefix; all when none is. BadUsage for one that is not there."""
        every = {one.name: one for one in self.branches()}
        whole = [name if name.startswith(self.own) else self.own + name for name in names]
        missing = [name for name in whole if name not in every]
        if missing:
            shown = ", ".join(plain(name) for name in every) or "none"
            raise BadUsage(f"There is no branch {plain(missing[0], limit=200)}.", facts=(f"the bottle pushed: {shown}",))
        return tuple(every[name] for name in whole) if whole else tuple(every.values())

    def diff(self, branch: Branch) -> Iterator[str]:
        """What the branch changes since it left the operator's branch, lines made plain."""
        words = ("diff", "--no-ext-diff", "--no-textconv", "--no-color", f"HEAD...{branch.commit}", "--")
        yield from (plain(line) for line in self._look(*words, timeout_s=LONG_S).split("\n"))

    def log(self, branch: Branch) -> Iterator[str]:
        """Its commits that the operator's branch does not have, newest first."""
        words = ("log", "--no-color", "--no-show-signature", "--format=%h %an  %s", f"HEAD..{branch.commit}", "--")
        yield from (plain(line) for line in self._look(*words).splitlines())

    def take(self, branch: Branch, how: How) -> Taken:
        """Into the branch that the operator has checked out. BottleError, and nothing changed, when it does not go together."""
        count = int(self._look("rev-list", "--count", f"HEAD..{branch.commit}", "--").strip() or 0)
        if not count:
            return Taken(branch=branch, commits=0)
        if self._look("status", "--porcelain", "--untracked-files=no"):
            raise BottleError(
                "You have changes that are not committed; nothing was landed.",
                facts=(str(self.path),),
                next="Commit or stash them first.",
            )
        if how == "merge":
            self._change(("merge", "--no-edit", branch.name), undo=("merge", "--abort"))
        elif how == "squash":
            self._change(("merge", "--squash", branch.name), undo=("reset", "--merge"))
            self._change(("commit", "--quiet", "--no-edit"), undo=("reset", "--merge"))
        else:
            self._change(("cherry-pick", f"HEAD..{branch.commit}"), undo=("cherry-pick", "--abort"))
        return Taken(branch=branch, commits=count)

    def remove(self, branch: Branch) -> None:
        """Delete the branch if it is still where it was seen."""
        done = self._run(("update-ref", "-d", f"refs/heads/{branch.name}", branch.commit), timeout_s=QUICK_S)
        if done.code:
            raise _failed(f"The branch {branch.name} could not be removed.", done)

    def checked_out(self) -> str:
        """The name of the operator's own branch, empty when there is none."""
        return self._run((*READING, "symbolic-ref", "--quiet", "--short", "HEAD"), timeout_s=QUICK_S).stdout.decode().strip()

    def same(self, revisions: Sequence[str], paths: Sequence[str]) -> dict[str, set[str]]:
        """Path → ids of what the path is at any of these revisions; "" stands for "not there"."""
        asked = [f"{revision}:{path}" for path in paths for revision in revisions]
        listed = "".join(f"{one}\n" for one in asked).encode("utf-8", "surrogateescape")
        done = self._run((*READING, "cat-file", "--batch-check=%(objectname)"), stdin=listed, timeout_s=LONG_S)
        if done.code:
            raise _failed("The repository could not be read.", done)
        rows = done.stdout.decode("utf-8", "surrogateescape").splitlines()
        found: dict[str, set[str]] = {path: set() for path in paths}
        for number, row in enumerate(rows):
            found[paths[number // len(revisions)]].add("" if row.endswith(" missing") else row)
        return found

    def has(self, ids: Sequence[str]) -> set[str]:
        """Those of the ids that are objects of this repository."""
        done = self._run(
            (*READING, "cat-file", "--batch-check=%(objectname)"),
            stdin="".join(f"{one}\n" for one in ids).encode(),
            timeout_s=QUICK_S,
        )
        return {row for row in done.stdout.decode().splitlines() if not row.endswith(" missing")}

    def ignored(self, paths: Sequence[str]) -> set[str]:
        """Those of the paths that the operator's .gitignore files name."""
        listed = "".join(f"{one}\0" for one in paths).encode("utf-8", "surrogateescape")
        done = self._run((*READING, "check-ignore", "--no-index", "-z", "--stdin"), stdin=listed, timeout_s=LONG_S)
        return set(done.stdout.decode("utf-8", "surrogateescape").split("\0")[:-1])

    def content(self, revision: str, path: str) -> bytes | None:
        """What a file was at a revision; None when it was not there."""
        done = self._run((*READING, "cat-file", "blob", f"{revision}:{path}"), timeout_s=QUICK_S)
        return None if done.code else done.stdout

    def _look(self, *words: str, timeout_s: float = QUICK_S) -> str:
        done = self._run((*READING, *words), timeout_s=timeout_s)
        if done.code:
            raise _failed("Git could not read your repository.", done)
        return done.stdout.decode("utf-8", "replace")

    def _change(self, words: tuple[str, ...], *, undo: tuple[str, ...]) -> None:
        done = self._run(words, timeout_s=LONG_S)
        if done.code:
            self._run(undo, timeout_s=QUICK_S)
            raise _failed("It does not go together with your branch; nothing was landed.", done)

    def _run(self, words: tuple[str, ...], *, timeout_s: float, stdin: bytes = b"") -> Finished:
        env = plain_env(GIT_TERMINAL_PROMPT="0", GIT_OPTIONAL_LOCKS="0", GIT_NO_LAZY_FETCH="1", LC_ALL="C.UTF-8")
        env |= {name: os.environ[name] for name in ("XDG_CONFIG_HOME", "GNUPGHOME", "GPG_TTY") if name in os.environ}
        argv = (self._git, "-C", str(self.path), *words)
        return run(Command(argv=argv, env=env, timeout_s=timeout_s, stdin=stdin, output_limit=OUTPUT_LIMIT))


def _failed(what: str, done: Finished) -> BottleError:
    words = (done.stdout + b"\n" + done.stderr).decode("utf-8", "replace").splitlines()
    facts = tuple(plain(line, limit=300) for line in words if line.strip())[-8:]
    return CannotRunHere(what, facts=facts) if done.code == 127 else BottleError(what, facts=facts)
