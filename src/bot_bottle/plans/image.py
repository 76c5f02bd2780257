"""A bottle's root file system, decided: which image, in which form, and what the image itself says about processes in it."""

from pathlib import Path

from bot_bottle.manifest.spec import Image, Service
from bot_bottle.record import dataclass, field


@dataclass(frozen=True, kw_only=True, slots=True)
class WantedImage:
    """What the operator asks for (None: nothing was said), and the Dockerfile that the agent brings for itself.

    `authorities` are PEM files of roots that builds trust besides this host's. `fresh`: made anew, whatever is there. `services`
    run from images of their own.
    """

    image: Image | None
    dockerfile: Path
    authorities: tuple[Path, ...] = ()
    fresh: bool = False
    services: tuple[Service, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageConfig:
    """What an image says about processes in it (OCI image specification 1.1, config.md). Only `env` is used; the rest is shown.

    All of it was written by whoever made the image: names and values are plain text, at most a few kilobytes.
    """

    env: tuple[tuple[str, str], ...] = ()
    user: str = ""
    folder: str = ""
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class RootFolder:
    """A root file system as a folder on this host, to be used read-only: many bottles share it, so changes go elsewhere.

    `digest` names the content (sha256:…); empty for a folder of the operator's own. `origin` says what it was made from.
    """

    folder: Path
    digest: str
    origin: str
    config: ImageConfig = field(default_factory=ImageConfig)


@dataclass(frozen=True, kw_only=True, slots=True)
class ServiceImage:
    """The image of a service, by its id, and the TCP ports that it says it listens on."""

    name: str
    identity: str
    ports: tuple[int, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class DockerImage:
    """An image that the docker daemon has: `reference` is its id (sha256:…), so that a moved tag changes nothing.

    `services` are the images that run beside it.
    """

    reference: str
    origin: str
    config: ImageConfig = field(default_factory=ImageConfig)
    services: tuple[ServiceImage, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageArchive:
    """An image as one tar file on this host, as `docker save` writes it. `digest` names the image's configuration (sha256:…)."""

    archive: Path
    digest: str
    origin: str
    config: ImageConfig = field(default_factory=ImageConfig)


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageToMake:
    """What a start would make first; a dry run stops here. `how` is one phrase: "built from …", "unpacked from …"."""

    origin: str
    how: str


ReadyImage = RootFolder | DockerImage | ImageArchive | ImageToMake
