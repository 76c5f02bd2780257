"""From an image archive to a folder: each layer decompressed, laid down, and compared with the digest that the image tells."""

import hashlib
import os
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from bot_bottle.backends.images.archive import Contents, Layer, Part
from bot_bottle.backends.images.layers import Counted, Limits, Tree
from bot_bottle.backends.images.tar import PIECE, BadArchive, Source, TarReader, refused
from bot_bottle.host.run import LongCommand, plain_env, spawn

GZIP = b"\x1f\x8b"
ZSTD = b"\x28\xb5\x2f\xfd"
TAIL_LIMIT = 64 * 1024 * 1024
"""Bytes after the end of a layer's tar: padding. GNU tar pads to 10 KiB."""


class Slice:
    """One part of a file as a stream."""

    def __init__(self, file: BinaryIO, part: Part) -> None:
        self._file, self._left = file, part.size
        file.seek(part.offset)

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes."""
        piece = self._file.read(min(size, self._left))
        if not piece and self._left:
            raise refused("it ends in the middle")
        self._left -= len(piece)
        return piece


class Hashed:
    """A stream whose SHA-256 is known at its end."""

    def __init__(self, source: Source) -> None:
        self._source, self._hash = source, hashlib.sha256()

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes."""
        piece = self._source.read(size)
        self._hash.update(piece)
        return piece

    @property
    def digest(self) -> str:
        """Of what was read so far."""
        return f"sha256:{self._hash.hexdigest()}"


class Gunzipped:
    """A gzip stream (RFC 1952) without its compression; it may have several members, as layers that load lazily do."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._member = zlib.decompressobj(wbits=31)
        self._waiting = b""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes, whatever they expand to."""
        while True:
            if not self._waiting:
                self._waiting = self._source.read(PIECE)
                if not self._waiting:
                    if not self._member.eof:
                        raise refused("a layer's compression breaks off")
                    return b""
            if self._member.eof:
                self._member = zlib.decompressobj(wbits=31)
            try:
                piece = self._member.decompress(self._waiting, size)
            except zlib.error as error:
                raise refused(f"a layer's compression is broken ({error})") from error
            self._waiting = self._member.unused_data if self._member.eof else self._member.unconsumed_tail
            if piece:
                return piece


def unpack(archive: Path, image: Contents, root: Path, limits: Limits | None = None) -> Counted:
    """Lay the image into the empty folder `root`. BadArchive or OSError leave it half full: the caller removes it."""
    tree = Tree(root, limits)
    with archive.open("rb") as file:
        for layer in image.layers:
            check_stored(file, layer)
            with opened(file, layer.part) as source:
                hashed = Hashed(source)
                reader = TarReader(hashed)
                tree.layer(reader)
                reader.drain(TAIL_LIMIT)
            if hashed.digest != layer.diff_id:
                raise BadArchive(
                    "A layer of the image is not what the image says it is.",
                    facts=(f"It is {hashed.digest}.", f"The image's configuration says {layer.diff_id}."),
                    next="Fetch or save the image again.",
                )
    return tree.counted


def check_stored(file: BinaryIO, layer: Layer) -> None:
    """The layer as it lies in the archive has the digest it is stored under."""
    if layer.stored and layer.stored != layer.diff_id:
        hashed = Hashed(Slice(file, layer.part))
        while hashed.read(PIECE):
            pass
        if hashed.digest != layer.stored:
            raise refused(f"a layer has another digest than its name: {layer.stored}")


@contextmanager
def opened(file: BinaryIO, part: Part) -> Iterator[Source]:
    """A layer's tar, whatever it is compressed with."""
    start = Slice(file, part).read(4)
    if start[:2] == GZIP:
        yield Gunzipped(Slice(file, part))
    elif start == ZSTD:
        with unzstd(file, part) as source:
            yield source
    else:
        yield Slice(file, part)


@contextmanager
def unzstd(file: BinaryIO, part: Part) -> Iterator[Source]:
    """By the program zstd. It reads on behind the layer and then complains: its words do not count, the digest does."""
    ours, theirs = os.pipe()
    try:
        with open(file.name, "rb", buffering=0) as own:  # the other one's buffer would not know of the move
            own.seek(part.offset)
            process = spawn(LongCommand(argv=("zstd", "-dcq"), env=plain_env(), stdin=own.fileno(), stdout=theirs))
    except BaseException:
        os.close(ours)
        raise
    finally:
        os.close(theirs)
    try:
        with open(ours, "rb", buffering=0) as output:
            yield output
    finally:
        process.end(grace_s=0.1)
