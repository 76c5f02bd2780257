"""The image of a bottle: one that the daemon has, named by the manifest."""

import json
import os
from collections.abc import Callable

from bot_bottle.backends.docker.client import docker, explain
from bot_bottle.backends.docker.endpoint import Endpoint
from bot_bottle.errors import BottleError, CannotRunHere
from bot_bottle.host.run import run
from bot_bottle.manifest.spec import FromReference
from bot_bottle.plans.image import DockerImage, ImageConfig, WantedImage

TEXT_LIMIT = 16 * 1024


def find_image(wanted: WantedImage, endpoint: Endpoint, *, make: bool, say: Callable[[str], None]) -> DockerImage:
    """The image by its id. BottleError when the daemon does not have it."""
    del make, say
    source = None if wanted.image is None else wanted.image.source
    if wanted.image is None or not isinstance(source, FromReference) or wanted.image.packages:
        raise CannotRunHere(
            "The docker backend needs to be told an image.",
            next="Name one that `docker images` lists: image: {ref: NAME}, or --image.",
        )
    ended = docker(endpoint.words, "image", "inspect", "--format", "{{json .}}", source.reference, run=run, host=os.environ)
    if ended.code != 0:
        raise explain(ended.stderr.decode(errors="replace"), image=source.reference)
    return read_image(ended.stdout, origin=source.reference)


def read_image(printed: bytes, *, origin: str) -> DockerImage:
    """From what `docker image inspect` printed: the image's own words are kept short and are only text. Pure."""
    try:
        said = json.loads(printed)
        config = said.get("Config") or {}
        pairs = (str(one).partition("=") for one in config.get("Env") or () if len(str(one)) <= TEXT_LIMIT)
        return DockerImage(
            reference=str(said["Id"]),
            origin=origin,
            config=ImageConfig(
                env=tuple((name, value) for name, _, value in pairs if name),
                user=str(config.get("User") or ""),
                folder=str(config.get("WorkingDir") or ""),
                entrypoint=tuple(str(word) for word in config.get("Entrypoint") or ()),
                command=tuple(str(word) for word in config.get("Cmd") or ()),
            ),
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BottleError("Docker says nothing usable about this image.", facts=(origin, str(error))) from error
