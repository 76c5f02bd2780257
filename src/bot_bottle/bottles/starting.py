"""Starts a bottle from a program that goes on: a child runs the command line, says what it does, and waits for a yes.

The plan that is shown is the one that the child holds and launches; nothing is planned twice.
"""

import json
import os
import selectors
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from bot_bottle.errors import BadManifest, BadUsage, BottleError, CannotRunHere, Declined, NoSuchBottle, NotContained
from bot_bottle.host.plain import plain
from bot_bottle.host.run import LongCommand, Process, spawn
from bot_bottle.record import dataclass

LINE_LIMIT = 1024 * 1024
"""The longest line in bytes that is read: the preflight of a bottle with thousands of rules."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """What the operator chose; empty is the manifest's choice. `folder` is where they stand.

    The manifest is `manifest`, or `text`, or looked for in the workspace.
    """

    folder: Path
    workspace: Path | None = None
    name: str = ""
    manifest: Path | None = None
    text: str | None = None
    agent: str = ""
    mode: str = ""
    prompt: str = ""
    args: tuple[str, ...] = ()

    def command(self) -> tuple[str, ...]:
        """The command line of the child."""
        # -P: the folder may hold a json.py, and whatever lies in a workspace must not run here
        words = [sys.executable, "-P", "-m", "bot_bottle", "run", "--detach", "--json", "--confirm"]
        words += [f"--workspace={self.workspace}"] if self.workspace else []
        words += [f"--file={self.manifest}"] if self.manifest else ["--file=-"] if self.text is not None else []
        words += [f"--name={self.name}"] if self.name else []
        words += [f"--mode={self.mode}"] if self.mode else []
        words += [f"--prompt={self.prompt}"] if self.prompt else []
        words += [self.agent] if self.agent else []
        return (*words, "--", *self.args) if self.args else tuple(words)


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """The child does something that takes a while."""

    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Asking:
    """The plan is made: label, text and who decided it. The child waits for `answer`."""

    slug: str
    preflight: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Began:
    """The bottle runs."""

    slug: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Failed:
    """It does not; the child's last words, and the error that it gave where it gave one."""

    code: int
    words: tuple[str, ...]
    error: BottleError | None = None


KINDS: tuple[type[BottleError], ...] = (BadUsage, BadManifest, Declined, CannotRunHere, NotContained, NoSuchBottle)
"""What a start may raise; each has an exit code of its own."""

News = Progress | Asking | Began | Failed


class Starting:
    """A start under way. One thread reads `news`; another may `answer` or `give_up`."""

    def __init__(self, process: Process, stdin: int, stdout: int, stderr: int, *, manifest: str | None = None) -> None:
        self._process = process
        self._manifest = manifest
        self._stdin, self._stdout, self._stderr = stdin, stdout, stderr
        self._said: list[str] = []

    def news(self) -> Iterator[News]:
        """What happens, until the bottle runs or will not. Closes everything at its end."""
        began = None
        failed: BottleError | None = None
        try:
            if self._manifest is not None:
                _send_manifest(self._stdin, self._manifest)
            for stream, line in self._lines():
                told = read_line(line) if stream == self._stdout else None
                if isinstance(told, Began):
                    began = told
                elif isinstance(told, BottleError):
                    failed = told
                elif told is not None:
                    yield told
                elif text := plain(line.decode("utf-8", "replace").strip(), limit=400):
                    self._said.append(text)
                    yield Progress(text=text)
            code = self._process.wait(30.0)
            yield began if began and code == 0 else Failed(code=code or 0, words=tuple(self._said[-8:]), error=failed)
        finally:
            self._process.end()
            for descriptor in (self._stdout, self._stderr):
                os.close(descriptor)

    def _lines(self) -> Iterator[tuple[int, bytes]]:
        held = {self._stdout: b"", self._stderr: b""}
        with selectors.DefaultSelector() as selector:
            for descriptor in held:
                selector.register(descriptor, selectors.EVENT_READ)
            while selector.get_map():
                for key, _ in selector.select():
                    part = os.read(key.fd, 1 << 16)
                    *lines, held[key.fd] = (held[key.fd] + part).split(b"\n")
                    yield from ((key.fd, line) for line in lines)
                    if not part or len(held[key.fd]) > LINE_LIMIT:
                        selector.unregister(key.fd)

    def answer(self, *, yes: bool) -> None:
        """Tell the child; harmless when it is gone or was told before."""
        stdin, self._stdin = self._stdin, -1
        if stdin < 0:
            return
        try:
            os.write(stdin, b"yes\n" if yes else b"no\n")
        except BrokenPipeError:
            pass
        finally:
            os.close(stdin)

    def give_up(self) -> None:
        """The operator does not want it any more."""
        self.answer(yes=False)


def read_line(line: bytes) -> Asking | Began | BottleError | None:
    """One line of the child's standard output. Pure."""
    try:
        said = json.loads(line)
        if "error" in said:
            return error_from(said["error"])
        if "preflight" in said:
            rows = tuple((plain(str(one["label"])), plain(str(one["text"])), plain(str(one["why"]))) for one in said["preflight"])
            return Asking(slug=str(said["slug"]), preflight=rows)
        return Began(slug=str(said["slug"]))
    except (ValueError, KeyError, TypeError):
        return None


def begin(wanted: Wanted, *, host: Mapping[str, str]) -> Starting:
    """Start the child, in the folder where the manifest is looked for; it needs the operator's own environment for the keys."""
    stdin, ours_in = os.pipe()
    ours_out, stdout = os.pipe()
    ours_err, stderr = os.pipe()
    command = LongCommand(
        argv=wanted.command(), env=host, stdin=stdin, stdout=stdout, stderr=stderr, cwd=wanted.folder, new_session=True
    )
    try:
        process = spawn(command)
    except BaseException:
        for descriptor in (ours_in, ours_out, ours_err):
            os.close(descriptor)
        raise
    finally:
        for descriptor in (stdin, stdout, stderr):
            os.close(descriptor)
    return Starting(process, ours_in, ours_out, ours_err, manifest=wanted.text)


def _send_manifest(stdin: int, text: str) -> None:
    """The manifest, closed by YAML's own mark, so that the answer can follow on the same stream."""
    content = memoryview(f"{text}\n...\n".encode())
    try:
        while content:
            content = content[os.write(stdin, content) :]
    except BrokenPipeError:
        return  # the child ended before it read it, and says why


def error_from(said: dict[str, Any]) -> BottleError:  # Any: JSON
    """The error that the child gave, of the class that its exit code stands for."""
    code = int(said["code"])
    kind = next((one for one in KINDS if one.exit_code == code), BottleError)
    facts = tuple(plain(str(fact), limit=2000) for fact in said["facts"])
    return kind(plain(str(said["what"]), limit=2000), facts=facts, next=plain(str(said["next"]), limit=2000))
