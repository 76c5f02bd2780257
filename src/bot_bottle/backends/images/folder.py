"""The root file system of a bottle as a folder: for backends that bring their own kernel and need no docker for it."""

import hashlib
import json
import os
import secrets
from collections.abc import Callable
from pathlib import Path

from bot_bottle.backends.images.archive import Contents, expand, is_compressed, read_archive
from bot_bottle.backends.images.layers import Limits
from bot_bottle.backends.images.store import find_root, make_root, store_dir
from bot_bottle.backends.images.tar import BadArchive
from bot_bottle.errors import BottleError, CannotRunHere
from bot_bottle.host.files import make_private_folder, write_file
from bot_bottle.manifest.spec import FromArchive, FromRootfs, Image
from bot_bottle.plans.image import ImageToMake, RootFolder, WantedImage

Say = Callable[[str], None]

SAVE_IT = "An image of its own, as `docker save NAME > FILE.tar` writes it, can be used."

ROOT_MARKS = ("bin", "usr", "sbin", "lib", "etc", "opt", "app", "nix")
"""A root file system has at least one of these; a folder without any is another folder than the one that was meant."""


def ready_folder(wanted: WantedImage, *, make: bool, say: Say) -> RootFolder | ImageToMake | None:
    """The folder for what is wanted; None when no image was asked for. With `make` false nothing is unpacked.

    BottleError when it cannot be had.
    """
    if wanted.image is None:
        return None
    match wanted.image.source:
        case FromRootfs(rootfs=rootfs):
            return own_folder(rootfs, wanted.image)
        case FromArchive(archive=archive) if not wanted.image.packages:
            return from_archive(archive, make=make, say=say)
        case _:
            raise CannotRunHere("This kind of image needs docker, which this version does not use here yet.")


def own_folder(rootfs: Path, image: Image) -> RootFolder:
    """A folder of the operator's own, as it is."""
    if image.packages:
        raise CannotRunHere(
            "Packages cannot be installed into a root folder: it is yours, and a bottle never changes it.",
            facts=(f"image.rootfs is {rootfs}",),
            next="Install them there yourself, or use image.ref or image.dockerfile.",
        )
    if not any(os.path.lexists(rootfs / name) for name in ROOT_MARKS):
        raise CannotRunHere(
            "The folder named by image.rootfs holds no root file system.",
            facts=(f"{rootfs} has none of {', '.join(ROOT_MARKS)}",),
        )
    return RootFolder(folder=rootfs, digest="", origin=str(rootfs))


def from_archive(archive: Path, *, make: bool, say: Say) -> RootFolder | ImageToMake:
    """The image in this file. What the file says is read at each start, so that another file of that name is another image."""
    try:
        if is_compressed(archive):
            return _from_compressed(archive, make=make, say=say)
        image = read_archive(archive)
        return _found_or_made(archive, image, origin=str(archive), make=make, say=say)
    except BadArchive as error:
        raise BadArchive(f"The image {archive} cannot be used.", facts=error.facts, next=error.next or SAVE_IT) from error
    except OSError as error:
        raise BottleError(f"The image {archive} cannot be read.", facts=(str(error.strerror),)) from error


def _found_or_made(archive: Path, image: Contents, *, origin: str, make: bool, say: Say) -> RootFolder | ImageToMake:
    found = find_root(image.digest)
    if found is not None or make:
        return found or make_root(archive, image, origin=origin, say=say)
    return ImageToMake(origin=origin, how="unpacked")


def _from_compressed(archive: Path, *, make: bool, say: Say) -> RootFolder | ImageToMake:
    """As above; which image it is stands in a note by the file's place, size and times, so that it is expanded once."""
    note = _note(archive)
    try:
        found = find_root(json.loads(note.read_bytes())["digest"])
    except (OSError, ValueError, KeyError, TypeError):
        found = None
    if found is not None:
        return found
    if not make:
        return ImageToMake(origin=str(archive), how="unpacked")
    make_private_folder(note.parent)
    plain = note.parent / f".new.{secrets.token_hex(4)}.tar"
    try:
        expand(archive, plain, limit=Limits().content)
        image = read_archive(plain)
        made = make_root(plain, image, origin=str(archive), say=say)
    finally:
        plain.unlink(missing_ok=True)
    write_file(note, json.dumps({"digest": image.digest}))
    return made


def _note(archive: Path) -> Path:
    status = archive.stat()
    told = f"{archive}\0{status.st_size}\0{status.st_mtime_ns}\0{status.st_ino}\0{status.st_ctime_ns}"
    return store_dir() / "notes" / f"{hashlib.sha256(told.encode('utf-8', 'surrogateescape')).hexdigest()}.json"
