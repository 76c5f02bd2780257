"""A manifest in the caller's hands: a file, a text, or keywords. It is read and judged where the command line's are."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

from bot_bottle.errors import BadManifest

Value: TypeAlias = Any  # Any: what JSON holds, and paths
"""A value of a section: text, a number, True or False, a list or a mapping of such, or a path."""
Section: TypeAlias = Mapping[str, Value]

END = "..."
"""YAML's mark for the end of a document."""


class Manifest:
    """What a bottle may do. Its keywords are the fields of `bottle.yaml`, with the same names and the same defaults.

    A relative path in it starts at the folder of its file; without a file at the current folder. To hand one over is an act of
    trust, as `-f` is: it may allow more than the operator's policy does. Nothing is read or checked before `check` or `start`.
    """

    def __init__(
        self,
        *,
        agent: str | None = None,
        args: Sequence[str] | None = None,
        command: Sequence[str] | None = None,
        backend: str | None = None,
        workspace: Section | None = None,
        home: str | None = None,
        prompt: str | None = None,
        prompt_file: str | Path | None = None,
        egress: Section | None = None,
        credentials: Sequence[Section] | None = None,
        limits: Section | None = None,
        env: Mapping[str, str] | None = None,
        mounts: Sequence[Section] | None = None,
        budget: Section | None = None,
        dlp: Section | None = None,
        image: Section | None = None,
        services: Mapping[str, Section] | None = None,
        supervise: Section | None = None,
        git: Section | None = None,
        version: int | None = None,
    ) -> None:
        said = {name: value for name, value in locals().items() if name != "self" and value is not None}
        self._text: str | None = json.dumps(said, ensure_ascii=False, indent=1, default=_plain)
        self._path: Path | None = None

    @classmethod
    def from_text(cls, text: str) -> "Manifest":
        """A manifest in YAML, as it would stand in a file. BadManifest for more than one document."""
        lines = text.splitlines()
        end = next((number for number, line in enumerate(lines) if line.rstrip() == END), len(lines))
        if any(line.strip() for line in lines[end + 1 :]):
            raise BadManifest("A manifest is one document.", facts=(f"line {end + 1} ends it, and more follows",))
        made = cls()
        made._text = "\n".join(lines[:end]) + "\n"
        return made

    @classmethod
    def from_file(cls, path: str | Path) -> "Manifest":
        """The manifest in this file. A running bottle follows its changes when it is told to reload."""
        made = cls()
        made._text, made._path = None, Path(path).expanduser().absolute()
        return made

    @property
    def path(self) -> Path | None:
        """Its file, if it has one."""
        return self._path

    @property
    def text(self) -> str | None:
        """Its YAML, if it has no file. One that was made of keywords is JSON, which is YAML too."""
        return self._text

    def check(self) -> None:
        """Read it with the operator's policy, as a start would. BadManifest with every mistake; nothing is started."""
        from bot_bottle.manifest.read import Sources, load

        load(Sources(cwd=Path.cwd(), manifest=self._path, text=self._text))

    def __repr__(self) -> str:
        return f"<Manifest from {self._path or 'text'}>"


def _plain(value: object) -> str:
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"A manifest holds text, numbers, lists, mappings and paths, not {type(value).__name__}.")
