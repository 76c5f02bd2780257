"""YAML bytes → a tree whose every value knows its line and column. Reads one document of mappings, lists and scalars.

The bytes may be hostile. Refused: anchors and aliases (a value is read where it is written, and cannot multiply), tags, duplicate
keys, control characters, more than one document; size, depth and count of values are bounded. Scalars keep their text: what
`no`, `1.10` or `0644` means is decided by the field that reads it, not by YAML 1.1.
"""

import unicodedata
from typing import Any

import yaml

from bot_bottle.host.plain import plain
from bot_bottle.manifest.mistakes import Mistake, Place
from bot_bottle.record import dataclass, field

DEPTH_LIMIT = 16
"""Nesting of a manifest; the deepest field lies at seven."""

VALUES_LIMIT = 20_000
"""Mappings, lists and scalars in one file."""


@dataclass(frozen=True, slots=True)
class Scalar:
    """One scalar as written. `is_plain` says that it stands there without quotes."""

    text: str
    is_plain: bool
    place: Place

    @property
    def is_null(self) -> bool:
        """Nothing written, or `null`: the field counts as not said. `~` is text here, because people mean their home by it."""
        return self.is_plain and self.text in {"", "null", "Null", "NULL"}

    def __str__(self) -> str:
        return self.text if self.is_plain else f'"{self.text}"'


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    place: Place
    items: list["Node"] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Branch:
    """A mapping; keys are text, in the order written."""

    place: Place
    keys: dict[str, Scalar] = field(default_factory=dict)
    values: dict[str, "Node"] = field(default_factory=dict)


Node = Scalar | Items | Branch


def read_tree(content: bytes, label: str) -> tuple[Branch | None, list[Mistake]]:
    """The document's top mapping (empty for an empty file) and what is wrong with its form; None when it has no readable form."""
    builder = _Builder(label)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        builder.wrong(Place(name=label, line=line, column=1), "this is not UTF-8 text")
        return None, builder.mistakes
    try:
        for event in yaml.parse(text, Loader=yaml.SafeLoader):
            builder.take(event)
            if builder.stopped:
                break
    except yaml.YAMLError as error:
        _explain(error, text, builder)
    except (ValueError, OverflowError):  # PyYAML lets those of int() and chr() through, for escapes and directives out of range
        builder.stop(builder.last, "a number in an escape or a directive is out of range")
    top = None if builder.stopped else builder.top()
    return top, builder.mistakes


class _Builder:
    """Builds the tree from events with a stack of its own: PyYAML's composer recurses, this does not."""

    def __init__(self, label: str) -> None:
        self.label = label
        self.mistakes: list[Mistake] = []
        self.stopped = False
        self.last = Place(name=label, line=1, column=1)
        self._root: Node | None = None
        self._open: list[Branch | Items] = []
        self._key: list[Scalar | None] = []
        self._count = 0
        self._documents = 0

    def wrong(self, place: Place, what: str, path: str = "", **more: str) -> None:
        """Note one mistake."""
        self.mistakes.append(Mistake(place=place, path=path, what=what, **more))

    def stop(self, place: Place, what: str, **more: str) -> None:
        """Note one mistake after which reading on makes no sense."""
        self.wrong(place, what, **more)
        self.stopped = True

    def top(self) -> Branch | None:
        """The top mapping, an empty one for an empty file; a mistake and None when the document is something else."""
        root = self._root
        if isinstance(root, Branch):
            return root
        if root is None or (isinstance(root, Scalar) and root.is_null):
            return Branch(Place(name=self.label, line=1, column=1))
        self.wrong(root.place, "the file holds no mapping", allowed="KEY: VALUE lines, as agent: claude")
        return None

    def take(self, event: yaml.Event) -> None:
        """One event of the parser."""
        mark = event.start_mark
        if mark is not None:
            self.last = Place(name=self.label, line=mark.line + 1, column=mark.column + 1)
        if isinstance(event, yaml.AliasEvent):
            self.stop(self.last, "aliases (*) are not read", allowed="the value itself, written out")
        elif isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                self.stop(self.last, "a second document begins here", allowed="one document per file")
        elif isinstance(event, (yaml.SequenceEndEvent, yaml.MappingEndEvent)):
            self._close()
        elif isinstance(event, (yaml.ScalarEvent, yaml.SequenceStartEvent, yaml.MappingStartEvent)):
            self._value(event)

    def _value(self, event: yaml.ScalarEvent | yaml.SequenceStartEvent | yaml.MappingStartEvent) -> None:
        place = self.last
        if event.anchor is not None:
            self.stop(place, "anchors (&) are not read", allowed="the value itself, written out")
            return
        if event.tag is not None:
            self.stop(place, "tags (!) are not read", found=plain(event.tag, limit=60), allowed="plain values")
            return
        self._count += 1
        if self._count > VALUES_LIMIT:
            self.stop(place, f"the file holds more than {VALUES_LIMIT} values")
            return
        if isinstance(event, yaml.ScalarEvent):
            self._scalar(event, place)
        elif len(self._open) >= DEPTH_LIMIT:
            self.stop(place, f"values are nested deeper than {DEPTH_LIMIT} levels")
        elif self._waits_for_key():
            self.stop(place, "a key is a mapping or a list", allowed="a word as key")
        else:
            node: Branch | Items = Branch(place) if isinstance(event, yaml.MappingStartEvent) else Items(place)
            self._put(node)
            self._open.append(node)
            self._key.append(None)

    def _scalar(self, event: yaml.ScalarEvent, place: Place) -> None:
        text = event.value
        strange = None if text.isascii() and text.isprintable() else next(filter(_is_strange, text), None)
        if strange is not None:
            self.wrong(place, "the value has a character that cannot be seen", found=plain(strange), allowed="visible text")
            text = plain(text, keep_newlines=True)
        scalar = Scalar(text, event.style is None, place)
        if not self._waits_for_key():
            self._put(scalar)
            return
        branch = self._open[-1]
        assert isinstance(branch, Branch)
        first = branch.keys.get(scalar.text)
        if first is not None:
            shown = plain(scalar.text, limit=60)
            self.wrong(place, f"the key {shown} is here twice; the first is in line {first.place.line}", path=self._path())
        branch.keys.setdefault(scalar.text, scalar)
        self._key[-1] = scalar

    def _waits_for_key(self) -> bool:
        return bool(self._open) and isinstance(self._open[-1], Branch) and self._key[-1] is None

    def _put(self, node: Node) -> None:
        if not self._open:
            self._root = node
            return
        parent = self._open[-1]
        if isinstance(parent, Items):
            parent.items.append(node)
            return
        key = self._key[-1]
        assert key is not None
        parent.values.setdefault(key.text, node)
        self._key[-1] = None

    def _close(self) -> None:
        self._open.pop()
        self._key.pop()

    def _path(self) -> str:
        """The key path of the mapping that is open."""
        path = ""
        for parent, key in zip(self._open, self._key, strict=True):
            if isinstance(parent, Items):
                path += f"[{len(parent.items) - 1}]"
            elif key is not None and parent is not self._open[-1]:
                path += f".{key.text}" if path else key.text
        return plain(path, limit=120)


def node_data(node: Node) -> Any:  # Any: what pydantic reads: dict, list, Scalar, None
    """The tree as pydantic takes it: mappings and lists as Python's own, scalars as they are, nulls as None."""
    if isinstance(node, Scalar):
        return None if node.is_null else node
    if isinstance(node, Items):
        return [node_data(item) for item in node.items]
    return {key: node_data(value) for key, value in node.values.items()}


def _is_strange(character: str) -> bool:
    """Controls, formats (bidi, zero-width), surrogates, line and paragraph separators (UAX #44)."""
    return character not in "\n\t" and unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp"}


def _explain(error: yaml.YAMLError, text: str, builder: _Builder) -> None:
    """A syntax error in words of its own; the parser's words are kept where they are plain."""
    if isinstance(error, yaml.MarkedYAMLError):
        mark = error.problem_mark or error.context_mark
        place = Place(name=builder.label, line=mark.line + 1, column=mark.column + 1) if mark else builder.last
        problem = error.problem or error.context or "the text is not YAML"
        if "'\\t'" in problem:
            builder.stop(place, "a tab stands where YAML wants spaces", allowed="spaces")
            return
        begun = error.context_mark if error.problem_mark else None
        since = f", in what begins in line {begun.line + 1}" if begun and mark and begun.line != mark.line else ""
        colon = problem.startswith("mapping values are not allowed")
        allowed = 'a text with ": " in it stands in quotes' if colon else ""
        builder.stop(place, f"not YAML: {plain(problem, limit=160)}{since}", allowed=allowed)
    elif isinstance(error, yaml.reader.ReaderError):
        position = error.position if isinstance(error.position, int) else 0
        line = text.count("\n", 0, position) + 1
        column = position - text.rfind("\n", 0, position)
        character = error.character if isinstance(error.character, int) else 0
        builder.stop(
            Place(name=builder.label, line=line, column=column),
            "the file has a character that YAML does not allow",
            found=plain(chr(character)),
        )
    else:
        builder.stop(builder.last, "the text is not YAML")
