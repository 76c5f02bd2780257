"""The root file system of a bottle as a folder: for backends that bring their own kernel and need no docker for it."""

import os
from collections.abc import Callable
from pathlib import Path

from bot_bottle.backends.images.archive import Contents, expand, is_compressed, read_archive
from bot_bottle.backends.images.docker import Docker
from bot_bottle.backends.images.layers import Limits
from bot_bottle.backends.images.notes import file_key, recall, remember, scratch
from bot_bottle.backends.images.store import find_root, make_root
from bot_bottle.backends.images.tar import BadArchive
from bot_bottle.errors import BottleError, CannotRunHere
from bot_bottle.manifest.spec import FromArchive, FromRootfs, Image
from bot_bottle.plans.image import ImageToMake, RootFolder, WantedImage

Say = Callable[[str], None]

SAVE_IT = "An image of its own, as `docker save NAME > FILE.tar` writes it, can be used."

ROOT_MARKS = ("bin", "usr", "sbin", "lib", "etc", "opt", "app", "nix")
"""A root file system has at least one of these; a folder without any is another folder than the one that was meant."""


def ready_folder(wanted: WantedImage, docker: Docker | None, *, make: bool, say: Say) -> RootFolder | ImageToMake | None:
    """The folder for what is wanted; None when no image was asked for. With `make` false nothing is built or unpacked.

    Only what has to be built, or is known to docker by its reference, needs a `docker`.

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
            return from_docker(wanted, docker, make=make, say=say)


def from_docker(wanted: WantedImage, docker: Docker | None, *, make: bool, say: Say) -> RootFolder | ImageToMake:
    """What docker builds or has, taken out of it."""
    from bot_bottle.backends.images.loading import folder_of
    from bot_bottle.backends.images.ready import ready_docker

    if docker is None:
        raise CannotRunHere(
            "This image needs docker: it has to be built, or is named by a reference.",
            next="Install docker, or save the image elsewhere (`docker save NAME > FILE.tar`) and use image.archive.",
        )
    found = ready_docker(wanted, docker, make=make, say=say)
    if isinstance(found, ImageToMake):
        return found
    return folder_of(found, docker, make=make, say=say)


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
    """As above; which image it is was noted when it was expanded, so that it is expanded once."""
    known = recall(file_key(archive))
    found = find_root(known) if known else None
    if found is not None:
        return found
    if not make:
        return ImageToMake(origin=str(archive), how="unpacked")
    with scratch() as plain:
        expand(archive, plain, limit=Limits().content)
        image = read_archive(plain)
        made = make_root(plain, image, origin=str(archive), say=say)
    remember(file_key(archive), image.digest)
    return made
