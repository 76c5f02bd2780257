"""Reads what an image archive holds: the tar that `docker save` writes (manifest.json) or an OCI image layout (index.json).

The archive is hostile. Nothing is extracted here: names are only looked up, every JSON is bounded, and what has a digest is
checked against it. Sources: OCI image specification 1.1 (image-layout.md, manifest.md, config.md); docker image specification 1.2
"""

import gzip
import hashlib
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

from bot_bottle.backends.images.layers import names
from bot_bottle.backends.images.tar import PIECE, Entry, TarReader, refused
from bot_bottle.host.plain import plain
from bot_bottle.host.strict_json import read_strictly
from bot_bottle.plans.image import ImageConfig
from bot_bottle.record import dataclass

JSON_LIMIT = 8 * 1024 * 1024
ENTRY_LIMIT = 20_000
"""Entries of the archive itself: a few for each layer, and layers are at most some hundred."""

LAYER_LIMIT = 1024
TEXT_LIMIT = 64 * 1024
MACHINES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "ppc64le": "ppc64le", "s390x": "s390x", "riscv64": "riscv64"}
"""`uname -m` and the name of the same in image configurations (GOARCH)."""

_DIGEST = re.compile(r"sha256:([0-9a-f]{64})")
_HASH_IN_NAME = re.compile(r"(?:blobs/sha256/)?([0-9a-f]{64})(?:\.json)?")
_INDEXES = ("application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json")

Json = Any  # Any: JSON from outside; every use checks what it takes


@dataclass(frozen=True, kw_only=True, slots=True)
class Part:
    """Where something lies in the archive file."""

    offset: int
    size: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Layer:
    """One layer: where it lies, the digest of it as it lies there (empty: not told), and that of the tar within."""

    part: Part
    stored: str
    diff_id: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Contents:
    """The one image of an archive. `digest` is that of its configuration, as `written`, which holds those of all its layers."""

    digest: str
    config: ImageConfig
    layers: tuple[Layer, ...]
    tags: tuple[str, ...] = ()
    written: bytes = b""


def is_compressed(path: Path) -> bool:
    """Whether the archive as a whole is gzipped; `expand` it first."""
    with path.open("rb") as file:
        return file.read(2) == b"\x1f\x8b"


def expand(path: Path, target: Path, *, limit: int) -> None:
    """The archive without its compression, at most `limit` bytes."""
    with gzip.open(path, "rb") as source, target.open("xb") as made:
        try:
            while piece := source.read(PIECE):
                limit -= len(piece)
                if limit < 0:
                    raise refused("it is larger than any image")
                made.write(piece)
        except (EOFError, gzip.BadGzipFile) as error:
            raise refused(f"its compression is broken ({error})") from error


def read_archive(path: Path) -> Contents:
    """What is in it. BadArchive when it is no image, or more than one, or none for this machine."""
    with path.open("rb") as file:
        return Reading(file).contents()


class Reading:
    """One archive, open."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._size = os.fstat(file.fileno()).st_size
        self._parts: dict[str, Part] = {}
        self._links: dict[str, str] = {}
        self._index()

    def contents(self) -> Contents:
        """Docker's list of images comes first: newer dockers write both."""
        if "manifest.json" in self._parts:
            return self._docker(self._json("manifest.json"))
        if "index.json" in self._parts:
            return self._oci(self._json("index.json"))
        raise refused("it is no image: neither manifest.json nor index.json is in it")

    def _index(self) -> None:
        reader = TarReader(self._file, skip=self._skip)
        for count, entry in enumerate(reader):
            path = "/".join(names(entry))
            if count >= ENTRY_LIMIT or path in self._parts or path in self._links:
                raise refused(f"it has too many entries, or two of the same name: {entry.shown}")
            if entry.kind == "file":
                self._parts[path] = Part(offset=reader.bytes_read, size=entry.size)
            elif entry.kind in ("symlink", "hardlink"):
                self._links[path] = linked(path, entry)

    def _skip(self, size: int) -> None:
        if self._file.seek(size, os.SEEK_CUR) > self._size:
            raise refused("it ends in the middle")

    def _part(self, name: object) -> Part:
        """What lies at this name. Older dockers write a layer that two images share as a link."""
        path = text(name, "a name")
        for _ in range(8):
            if path in self._parts:
                return self._parts[path]
            if path not in self._links:
                break
            path = self._links[path]
        raise refused(f"{plain(path, limit=200)} is not in it")

    def _bytes(self, name: object) -> bytes:
        part = self._part(name)
        if part.size > JSON_LIMIT:
            raise refused(f"{plain(str(name), limit=200)} has {part.size} bytes")
        self._file.seek(part.offset)
        return self._file.read(part.size)

    def _json(self, name: object) -> Json:
        return parsed(self._bytes(name), str(name))

    def _docker(self, images: Json) -> Contents:
        if not isinstance(images, list) or not images:
            raise refused("its manifest.json lists no image")
        every = [tag for image in images for tag in texts(mapping(image, "an image").get("RepoTags"), "tags")]
        if len(images) > 1:
            raise refused(f"it holds {len(images)} images: {plain(', '.join(every), limit=300)}")
        config = self._bytes(images[0].get("Config"))
        digest = hashlib.sha256(config).hexdigest()
        named = _HASH_IN_NAME.fullmatch(text(images[0].get("Config"), "a name"))
        if named is not None and named[1] != digest:
            raise refused("the image's configuration has another digest than its name")
        layers = [(self._part(name), stored_digest(str(name))) for name in listed(images[0].get("Layers"), "layers")]
        return contents(config, layers, tags=tuple(every))

    def _oci(self, index: Json) -> Contents:
        found = self._manifests(index, depth=0)
        if len(found) != 1:
            raise refused(f"it holds {len(found)} images for this machine" if found else "it holds no image for this machine")
        manifest, tags = found[0]
        config = self._blob(mapping(manifest.get("config"), "a configuration"))
        layers = []
        for layer in listed(manifest.get("layers"), "layers"):
            digest = digest_of(mapping(layer, "a layer"))
            layers.append((self._part(f"blobs/sha256/{digest}"), f"sha256:{digest}"))
        return contents(config, layers, tags=tags)

    def _manifests(self, index: Json, *, depth: int) -> list[tuple[Json, tuple[str, ...]]]:
        """The manifests for this machine, with their names; indexes may hold indexes."""
        if depth > 3:
            raise refused("its indexes are nested too deep")
        found = []
        for one in listed(mapping(index, "an index").get("manifests"), "manifests"):
            entry = mapping(one, "a manifest")
            if not is_for_this_machine(entry):
                continue
            inner = parsed(self._blob(entry), "a manifest")
            if entry.get("mediaType") in _INDEXES:
                found += self._manifests(inner, depth=depth + 1)
            else:
                name = mapping(entry.get("annotations") or {}, "notes").get("org.opencontainers.image.ref.name")
                found.append((mapping(inner, "a manifest"), (text(name, "a name"),) if name else ()))
        return found

    def _blob(self, descriptor: Json) -> bytes:
        digest = digest_of(descriptor)
        content = self._bytes(f"blobs/sha256/{digest}")
        if hashlib.sha256(content).hexdigest() != digest:
            raise refused(f"a part of it has another digest than its name: {digest}")
        return content


def linked(path: str, entry: Entry) -> str:
    """Where a link within the archive leads, by names alone."""
    start = path.split("/")[:-1] if entry.kind == "symlink" and not entry.target.startswith("/") else []
    return os.path.normpath("/".join([*start, entry.target])).lstrip("/")


def contents(config: bytes, layers: Iterable[tuple[Part, str]], *, tags: tuple[str, ...]) -> Contents:
    """The image whose configuration this is, if it is one for this machine and tells of exactly these layers."""
    told = mapping(parsed(config, "the configuration"), "the configuration")
    check_machine(told)
    diff_ids = [text(one, "a digest") for one in listed(mapping(told.get("rootfs"), "rootfs").get("diff_ids"), "diff_ids")]
    found = tuple(layers)
    if len(found) != len(diff_ids) or len(found) > LAYER_LIMIT or not all(_DIGEST.fullmatch(one) for one in diff_ids):
        raise refused(f"its configuration tells of {len(diff_ids)} layers, and {len(found)} are listed")
    return Contents(
        digest=f"sha256:{hashlib.sha256(config).hexdigest()}",
        config=image_config(told),
        layers=tuple(Layer(part=part, stored=stored, diff_id=one) for (part, stored), one in zip(found, diff_ids, strict=True)),
        tags=tags,
        written=config,
    )


def image_config(told: Mapping[str, Json]) -> ImageConfig:
    """What an image's configuration says about processes; docker's `inspect` says it in the same words."""
    said = mapping(told.get("config") or {}, "config")
    pairs = [text(one, "a variable").partition("=")[::2] for one in said.get("Env") or ()]
    return ImageConfig(
        env=tuple((name, value) for name, value in pairs if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,127}", name)),
        user=text(said.get("User") or "", "a user"),
        folder=text(said.get("WorkingDir") or "", "a folder"),
        entrypoint=texts(said.get("Entrypoint"), "Entrypoint"),
        command=texts(said.get("Cmd"), "Cmd"),
    )


def check_machine(told: Mapping[str, Json]) -> None:
    """BadArchive for an image of another system."""
    system, machine = told.get("os") or "linux", told.get("architecture")
    own = MACHINES.get(os.uname().machine, os.uname().machine)
    if system != "linux" or machine not in (None, "", own):
        raise refused(f"it is made for {plain(str(system))}/{plain(str(machine))}, and this machine is linux/{own}")


def is_for_this_machine(entry: Mapping[str, Json]) -> bool:
    """Whether a descriptor is of an image that runs here; attestations, for one, run nowhere."""
    platform = mapping(entry.get("platform") or {}, "a platform")
    own = MACHINES.get(os.uname().machine, os.uname().machine)
    return (platform.get("os", "linux"), platform.get("architecture", own)) == ("linux", own)


def digest_of(descriptor: Mapping[str, Json]) -> str:
    """The digits of a descriptor's digest."""
    found = _DIGEST.fullmatch(text(descriptor.get("digest"), "a digest"))
    if found is None:
        raise refused("a digest is not a SHA-256")
    return found[1]


def stored_digest(name: str) -> str:
    """The digest that a name tells, if it tells one."""
    found = re.fullmatch(r"blobs/sha256/([0-9a-f]{64})", name)
    return f"sha256:{found[1]}" if found else ""


def parsed(content: bytes, what: str) -> Json:
    """JSON, once: no key twice, nothing that is not JSON."""
    try:
        return read_strictly(content)
    except (ValueError, RecursionError) as error:
        raise refused(f"{plain(what, limit=200)} is not JSON ({plain(str(error), limit=80)})") from error


def mapping(value: Json, what: str) -> dict[str, Json]:
    """A JSON object."""
    if not isinstance(value, dict):
        raise refused(f"{what} is not what it should be")
    return value


def listed(value: Json, what: str) -> list[Json]:
    """A JSON array."""
    if not isinstance(value, list):
        raise refused(f"{what} are not a list")
    return value


def text(value: Json, what: str) -> str:
    """A JSON string of bounded length, without NUL."""
    if not isinstance(value, str) or len(value) > TEXT_LIMIT or "\0" in value:
        raise refused(f"{what} is not a text")
    return value


def texts(value: Json, what: str) -> tuple[str, ...]:
    """An array of strings, or nothing."""
    return tuple(text(one, what) for one in listed(value, what)) if value is not None else ()
