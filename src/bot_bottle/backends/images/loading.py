"""Gives docker an image that is a file or a folder here, under a name of ours, and takes one out of it as a root file system.

An archive names its images itself, and `docker load` would move the operator's own tags to them. So what is loaded is written
anew: the same layers under our name alone.
"""

import io
import json
import os
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from bot_bottle.backends.images.archive import Contents, expand, is_compressed, read_archive
from bot_bottle.backends.images.build import context_hash
from bot_bottle.backends.images.docker import LABEL, SHELF, Docker, bring_in, find, load, save
from bot_bottle.backends.images.layers import Limits
from bot_bottle.backends.images.notes import file_key, recall, remember, scratch
from bot_bottle.backends.images.store import find_root, make_root
from bot_bottle.backends.images.unpack import Slice
from bot_bottle.errors import BottleError
from bot_bottle.host.plain import plain
from bot_bottle.plans.image import DockerImage, ImageToMake, RootFolder

Say = Callable[[str], None]


def loaded_archive(archive: Path, docker: Docker, *, make: bool, say: Say) -> DockerImage | ImageToMake:
    """The image in this file, in the daemon."""
    compressed = is_compressed(archive)
    digest = recall(file_key(archive)) if compressed else read_archive(archive).digest
    found = find(docker, _name(digest)) if digest else None
    if found is None and not make:
        return ImageToMake(origin=str(archive), how="loaded")
    if found is None:
        say(f"loading {archive} …")
        with opened(archive) as whole, scratch() as anew:
            image = read_archive(whole)
            remember(file_key(archive), image.digest)
            with whole.open("rb") as source, anew.open("xb") as target:
                write_anew(source, image, target, origin=str(archive))
            found = load(docker, anew, _name(image.digest))
    return DockerImage(reference=found.identity, origin=str(archive), config=found.config)


def loaded_folder(rootfs: Path, docker: Docker, *, make: bool, say: Say) -> DockerImage | ImageToMake:
    """A root folder of the operator's, as an image; made anew when one of its files has changed."""
    name = f"{SHELF}/rootfs:{context_hash(rootfs)[:32]}"
    found = find(docker, name)
    if found is None and not make:
        return ImageToMake(origin=str(rootfs), how="imported")
    if found is None:
        say(f"importing {rootfs} …")
        with scratch() as packed:
            pack_folder(rootfs, packed)
            found = bring_in(docker, packed, name, kind="rootfs")
    return DockerImage(reference=found.identity, origin=str(rootfs), config=found.config)


def folder_of(image: DockerImage, docker: Docker, *, make: bool, say: Say) -> RootFolder | ImageToMake:
    """The root file system of the daemon's image, in the cache; saved and unpacked when it is not there yet."""
    key = f"docker {image.reference}"
    known = recall(key)
    found = find_root(known) if known else None
    if found is None and not make:
        return ImageToMake(origin=image.origin, how="taken out of docker")
    if found is None:
        say(f"taking {image.origin} out of docker …")
        with scratch() as saved:
            save(docker, image.reference, saved)
            contents = read_archive(saved)
            found = make_root(saved, contents, origin=image.origin, say=say)
        remember(key, contents.digest)
    return found


@contextmanager
def opened(archive: Path) -> Iterator[Path]:
    """The archive without its compression, if it has one."""
    if not is_compressed(archive):
        yield archive
        return
    with scratch() as path:
        expand(archive, path, limit=Limits().content)
        yield path


def write_anew(source: BinaryIO, image: Contents, target: BinaryIO, *, origin: str) -> None:
    """The image as `docker save` would write it, with our name and label and no other."""
    told = json.loads(image.written)
    config = dict(told.get("config") or {})
    labels = dict(config.get("Labels") or {}) | {LABEL: "archive", f"{LABEL}.origin": origin}
    written = json.dumps(told | {"config": config | {"Labels": labels}}).encode()
    layers = [f"{index}/layer.tar" for index in range(len(image.layers))]
    listed = [{"Config": "config.json", "RepoTags": [_name(image.digest)], "Layers": layers}]
    with tarfile.open(fileobj=target, mode="w") as archive:
        for name, content in (("config.json", written), ("manifest.json", json.dumps(listed).encode())):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
        for name, layer in zip(layers, image.layers, strict=True):
            member = tarfile.TarInfo(name)
            member.size = layer.part.size
            archive.addfile(member, Slice(source, layer.part))  # type: ignore[arg-type]  # it is only read from


def pack_folder(rootfs: Path, target: Path) -> None:
    """The folder as a tar; everything in it belongs to root, as in an image."""

    def owned(member: tarfile.TarInfo) -> tarfile.TarInfo:
        member.uid = member.gid = 0
        member.uname = member.gname = ""
        return member

    try:
        with tarfile.open(target, mode="x") as archive:
            for name in sorted(os.listdir(rootfs)):
                archive.add(rootfs / name, arcname=name, filter=owned)
    except OSError as error:
        facts = (f"{error.strerror}: {plain(str(error.filename or rootfs), limit=200)}",)
        raise BottleError(f"The folder {plain(str(rootfs))} cannot be imported.", facts=facts) from error


def _name(digest: str) -> str:
    return f"{SHELF}/archive:{digest.removeprefix('sha256:')}"
