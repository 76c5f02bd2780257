"""Reading what git prints while it prints it: lines, words that end in NUL, and objects of `cat-file --batch`. Bounded in time.

The objects are the bottle's. What git says about them (type, size, id) is believed; where it says less than it was asked for, the
push is Refused.
"""

import contextlib
import fcntl
import os
import sys
import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import BinaryIO, NamedTuple

from bot_bottle.errors import Refused
from bot_bottle.gates.git_gate.records import GitRunner, Sees

PART = 256 * 1024
PIPE = 1024 * 1024
"""Bytes that git may be ahead of us: the largest pipe that an ordinary user gets."""

LIMIT_S = 600.0
"""One pass over a push's objects; at 50 MB/s that is 30 GB."""


@contextmanager
def printed(git: GitRunner, words: Sequence[str], *, stdin: Iterable[bytes] = (), sees: Sees = "both") -> Iterator[BinaryIO]:
    """What this git prints. Its input is in memory, so neither side can wait for the other. Refused when it fails or hangs."""
    source = os.memfd_create("git-input", os.MFD_CLOEXEC)
    with os.fdopen(source, "w+b") as feed:
        feed.writelines(stdin)
        feed.flush()
        os.lseek(source, 0, os.SEEK_SET)
        with _printing(git, words, stdin=source, sees=sees) as output:
            yield output


@contextmanager
def _printing(git: GitRunner, words: Sequence[str], *, stdin: int, sees: Sees = "both") -> Iterator[BinaryIO]:
    reading, writing = os.pipe2(os.O_CLOEXEC)
    with contextlib.suppress(OSError):  # a user's pipes may be at their limit (pipe(7)); a small one is slower, no more
        fcntl.fcntl(reading, fcntl.F_SETPIPE_SZ, PIPE)
    with os.fdopen(reading, "rb", buffering=PART) as output:
        try:
            process = git.open(words, stdin=stdin, stdout=writing, sees=sees)
        finally:
            os.close(writing)
        late = threading.Timer(LIMIT_S, process.end)
        late.daemon = True
        late.start()
        try:
            yield output
            code = process.wait(LIMIT_S)
        finally:
            late.cancel()
            process.end(grace_s=0.0)
    if code != 0:
        raise Refused(f"git {words[0]} could not read the push.")


def lines(output: BinaryIO) -> Iterator[bytes]:
    """Lines without their ends."""
    for line in output:
        yield line.rstrip(b"\n")


def words_in(output: BinaryIO) -> Iterator[bytes]:
    """Words that end in NUL."""
    rest = b""
    while part := output.read1(PART):  # type: ignore[attr-defined]  # a BufferedReader
        *whole, rest = (rest + part).split(b"\0")
        yield from whole
    if rest.strip(b"\n"):
        raise Refused("git stopped in the middle of a word.")


class Listed(NamedTuple):
    """One object as git lists it. A plain tuple, because there may be half a million."""

    id: str
    kind: str
    size: int


LISTING = "--batch-check=%(objectname) %(objecttype) %(objectsize)"


def list_quarantine(git: GitRunner, *, most: int) -> list[Listed]:
    """Every object that the push brought, in the order of its pack. Refused past `most`."""
    found: list[Listed] = []
    with printed(git, ("cat-file", "--batch-all-objects", "--unordered", LISTING), sees="quarantine") as output:
        for line in lines(output):
            found.append(_listed(line))
            if len(found) > most:
                raise Refused(f"The push has more than {most} objects.")
    return found


def list_objects(git: GitRunner, ids: Iterable[str], *, sees: Sees = "both") -> list[Listed]:
    """These objects, in order; kind "missing" where there is none."""
    wanted = [f"{one}\n".encode() for one in ids]
    if not wanted:
        return []
    with printed(git, ("cat-file", LISTING), stdin=wanted, sees=sees) as output:
        return [_listed(line) for line in lines(output)]


def _listed(line: bytes) -> Listed:
    match line.decode("ascii", "replace").split(" "):
        case [id, kind, size] if size.isdecimal():
            return Listed(id, sys.intern(kind), int(size))
        case [*id, "missing"]:
            return Listed(" ".join(id), "missing", 0)
    raise Refused("git told of an object in a form that is not known.")


Use = Callable[[Listed, Iterator[bytes]], None]
"""Takes one object and its content in parts."""

ASKED = 60
"""Objects that are asked for at a time: their ids fit into the smallest pipe there is, so neither side can wait for the other."""


class Reader:
    """One `git cat-file --batch` for all that is read of a push: its starts are what the check of a small push consists of."""

    def __init__(self, stdin: BinaryIO, output: BinaryIO) -> None:
        self._stdin = stdin
        self._output = output

    def read(self, ids: Iterable[str], use: Use) -> None:
        """Give each of these objects to `use`, its content in parts. Refused when one is missing."""
        rest = iter(ids)
        while some := list(islice(rest, ASKED)):
            try:
                self._stdin.write("".join(f"{id}\n" for id in some).encode())
            except BrokenPipeError:
                raise Refused("git stopped in the middle of the push.") from None
            for _ in some:
                self._one(use)

    def _one(self, use: Use) -> None:
        one = _listed(self._output.readline().rstrip(b"\n"))
        if one.kind == "missing":
            raise Refused("The push lacks an object that it refers to.")
        content = _parts(self._output, one.size)
        use(one, content)
        for _ in content:
            pass
        if self._output.read(1) != b"\n":
            raise Refused("git stopped in the middle of an object.")


@contextmanager
def reader(git: GitRunner) -> Iterator[Reader]:
    """Reads objects of the push and of the mirror for as long as this is open. Refused when git fails or hangs."""
    theirs, ours = os.pipe2(os.O_CLOEXEC)
    with (
        os.fdopen(ours, "wb", buffering=0) as feed,
        os.fdopen(theirs, "rb", buffering=0) as source,
        _printing(git, ("cat-file", "--batch"), stdin=theirs) as output,
    ):
        source.close()
        yield Reader(feed, output)
        feed.close()


def _parts(output: BinaryIO, size: int) -> Generator[bytes, None, None]:
    while size:
        part = output.read(min(size, PART))
        if not part:
            raise Refused("git stopped in the middle of an object.")
        size -= len(part)
        yield part
