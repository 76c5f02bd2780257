"""A strict reader of tar streams: ustar, pax and GNU long names (POSIX.1-2017, pax, "ustar Interchange Format"). Writes nothing.

The stream is hostile: every length is bounded, and what other readers understand in more than one way is refused, so that nothing
can be one thing to the tool that looked at an image and another here.
"""

import re
from collections.abc import Callable, Iterator
from typing import Literal, Protocol

from bot_bottle.errors import BottleError
from bot_bottle.host.plain import plain
from bot_bottle.record import dataclass

BLOCK = 512
PIECE = 256 * 1024
EXTRA_LIMIT = 1024 * 1024
"""Bytes of one pax header or long name. Real ones have some hundred; capabilities and the like are the longest."""

PATH_LIMIT = 4096
"""Bytes of a name or a link's target: PATH_MAX of Linux."""

LAST_TIME = 2**34
"""Seconds since the epoch: the year 2514, which every file system can store."""

Kind = Literal["file", "folder", "symlink", "hardlink", "device", "pipe"]
KINDS: dict[bytes, Kind] = {
    b"0": "file", b"\0": "file", b"7": "file", b"1": "hardlink", b"2": "symlink",
    b"3": "device", b"4": "device", b"5": "folder", b"6": "pipe",
}  # fmt: skip
_OCTAL = re.compile(rb" *([0-7]*)[ \0]*")
_RECORD = re.compile(rb"([1-9][0-9]{0,6}) ([^=\n]{1,256})=")


class BadArchive(BottleError):
    """The archive breaks a rule; `facts` say where."""


class Source(Protocol):
    """What the bytes come from."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes, at least one, none at the end."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Entry:
    """One entry of the stream. Names are as written, undecodable bytes as surrogates (os.fsdecode)."""

    name: str
    kind: Kind
    size: int = 0
    mode: int = 0
    mtime: int = 0
    target: str = ""

    @property
    def shown(self) -> str:
        """The name as an error shows it."""
        return plain(self.name, limit=200)


class TarReader:
    """Iterate for entries; between two of them `read` gives the content of the first. What is not read is skipped.

    `skip` moves a source that can be moved; it must fail where the source ends before.
    """

    def __init__(self, source: Source, *, skip: Callable[[int], None] | None = None) -> None:
        self._source = source
        self._move = skip
        self._left = 0
        self._padding = 0
        self.bytes_read = 0

    def __iter__(self) -> Iterator[Entry]:
        extras: dict[str, str] = {}
        while True:
            self._skip()
            header = self._block()
            if header is None:
                break
            kind = header[156:157]
            size = number(header[124:136], "size")
            if kind in (b"x", b"g", b"L", b"K"):
                extras |= self._extra(kind, size)
                continue
            yield self._entry(header, kind, size, extras)
            extras = {}
        if extras:
            raise refused("a header without an entry stands at its end")

    def read(self, size: int = PIECE) -> bytes:
        """The next bytes of the current entry; none when all were read."""
        wanted = min(size, self._left)
        if not wanted:
            return b""
        piece = self._take(wanted)
        self._left -= len(piece)
        return piece

    def drain(self, limit: int) -> None:
        """Read on to the end of the stream; refused when more than `limit` bytes follow the archive's end."""
        while piece := self._source.read(PIECE):
            limit -= len(piece)
            if limit < 0:
                raise refused("much more follows its end")

    def _entry(self, header: bytes, kind: bytes, size: int, extras: dict[str, str]) -> Entry:
        if kind not in KINDS:
            raise refused(f"it has an entry of the unknown type {plain(kind.decode('latin-1'))}")
        name = extras.get("path") or _name(header)
        target = extras.get("linkpath") or _text(header[157:257])
        size = decimal(extras["size"]) if "size" in extras else size
        found = KINDS[kind]
        if found == "file" and kind == b"\0" and name.endswith("/"):
            found = "folder"  # as archives from before POSIX mark them
        for text in (name, target):
            if "\0" in text or len(text) > PATH_LIMIT:
                raise refused(f"it has a name that no file can have: {plain(text, limit=80)}")
        if found != "file" and size:
            raise refused(f"an entry without content claims some: {plain(name, limit=200)}")
        self._left, self._padding = size, -size % BLOCK
        entry = Entry(
            name=name,
            kind=found,
            size=size,
            mode=number(header[100:108], "mode") & 0o7777,
            mtime=min(max(0, number(header[136:148], "time", signed=True)), LAST_TIME),
            target=target if found in ("symlink", "hardlink") else "",
        )
        if not name or (found in ("symlink", "hardlink") and not target):
            raise refused("it has an entry or a link without a name")
        return entry

    def _extra(self, kind: bytes, size: int) -> dict[str, str]:
        if size > EXTRA_LIMIT:
            raise refused(f"a header of {size} bytes is longer than any name")
        self._left, self._padding = size, -size % BLOCK
        content = b"".join(iter(self.read, b""))
        if kind in (b"L", b"K"):
            return {"path" if kind == b"L" else "linkpath": content.rstrip(b"\0").decode("utf-8", "surrogateescape")}
        records = pax_records(content)
        if kind == b"g":
            if records.keys() & {"path", "linkpath", "size"}:
                raise refused("it gives one name or size to all its entries")
            return {}
        return records

    def _skip(self) -> None:
        """Over what is left of the current entry."""
        if self._move is not None:
            self._move(self._left + self._padding)
            self.bytes_read += self._left + self._padding
            self._left = self._padding = 0
        while self.read():
            pass
        if self._padding:
            self._exactly(self._padding)
            self._padding = 0

    def _block(self) -> bytes | None:
        """The next header, checked, or None at the end: two blocks of zeros, or the stream's end."""
        first = self._take(BLOCK, may_end=True)
        if not first:
            return None
        block = first if len(first) == BLOCK else first + self._exactly(BLOCK - len(first))
        if not any(block):
            second = self._take(BLOCK, may_end=True)
            if any(second):
                raise refused("something stands between the marks of its end")
            return None
        stored = number(block[148:156], "checksum")
        if sum(block[:148]) + 8 * 0x20 + sum(block[156:]) != stored:
            raise refused("a header's checksum is wrong")
        return block

    def _take(self, size: int, *, may_end: bool = False) -> bytes:
        piece = self._source.read(size)
        if not piece and not may_end:
            raise refused("it ends in the middle")
        self.bytes_read += len(piece)
        return piece

    def _exactly(self, size: int) -> bytes:
        parts = []
        while size:
            parts.append(self._take(size))
            size -= len(parts[-1])
        return b"".join(parts)


def refused(why: str) -> BadArchive:
    """`why` is a sentence without its capital and its full stop."""
    return BadArchive("The archive cannot be used.", facts=(f"{why[0].upper()}{why[1:]}.",))


def number(field: bytes, meaning: str, *, signed: bool = False) -> int:
    """A number of a header: octal digits, or GNU's base 256 where they do not suffice."""
    if field[0] == 0x80 or (signed and field[0] == 0xFF):
        return int.from_bytes(field if field[0] == 0xFF else b"\0" + field[1:], "big", signed=True)
    found = _OCTAL.fullmatch(field)
    if found is None:
        raise refused(f"a {meaning} is not a number")
    return int(found[1] or b"0", 8)


def decimal(text: str) -> int:
    """A number of a pax record."""
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise refused("a size is not a number")
    return int(text)


def pax_records(content: bytes) -> dict[str, str]:
    """The records that matter: `LENGTH KEY=VALUE\\n`, where LENGTH counts itself. Sparse files are refused: no image has them."""
    found = {}
    while content:
        start = _RECORD.match(content)
        length = int(start[1]) if start else 0
        if start is None or not start.end() < length <= len(content) or content[length - 1 : length] != b"\n":
            raise refused("an extended header is broken")
        key, value = start[2].decode("utf-8", "replace"), content[start.end() : length - 1]
        if key.startswith("GNU.sparse."):
            raise refused("a file with holes is stored in GNU's sparse form")
        if key in ("path", "linkpath", "size"):
            found[key] = value.decode("utf-8", "surrogateescape")
        content = content[length:]
    return found


def _name(header: bytes) -> str:
    """Name and prefix; GNU's older form has other things where POSIX has the prefix."""
    name = _text(header[:100])
    prefix = _text(header[345:500]) if header[257:265] == b"ustar\x0000" else ""
    return f"{prefix}/{name}" if prefix else name


def _text(field: bytes) -> str:
    return field.split(b"\0", 1)[0].decode("utf-8", "surrogateescape")
