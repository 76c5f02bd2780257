"""From what the manifest asks for to the archive or folder that a machine is made from. Only what is built needs docker."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from bot_bottle.backends.images.archive import is_compressed, read_archive
from bot_bottle.backends.images.docker import own_docker
from bot_bottle.backends.images.folder import ready_folder
from bot_bottle.backends.images.tar import BadArchive
from bot_bottle.manifest.spec import FromArchive
from bot_bottle.plans.image import ImageArchive, ReadyImage, WantedImage


def find_image(wanted: WantedImage, *, make: bool, say: Callable[[str], None]) -> ReadyImage | None:
    """An archive as it lies, named by its image's digest; all else as a folder. BottleError when it cannot be had."""
    match wanted.image:
        case None:
            return None
        case image if isinstance(image.source, FromArchive) and not image.packages and not is_compressed(image.source.archive):
            return read(image.source.archive)
    docker = own_docker(os.environ) if shutil.which("docker") is not None else None
    return ready_folder(wanted, docker, make=make, say=say)


def read(archive: Path) -> ImageArchive:
    """What the file says of itself, read at each start: another file of that name is another image."""
    try:
        contents = read_archive(archive)
    except BadArchive as error:
        raise BadArchive(f"The image {archive} cannot be used.", facts=error.facts, next=error.next) from error
    return ImageArchive(archive=archive, digest=contents.digest, origin=str(archive), config=contents.config)
