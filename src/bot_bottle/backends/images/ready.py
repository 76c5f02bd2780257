"""The image that a bottle is to run from, in the docker daemon: looked up, or built, fetched or loaded first."""

import os
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

from bot_bottle.backends.images.build import ROOTS_ID, Recipe, build, built, key_of, recipe_for
from bot_bottle.backends.images.docker import Docker, Found, base_name, find, look, named, pull
from bot_bottle.backends.images.dockerfile import mounts_secret
from bot_bottle.backends.images.store import locked, mark_used, store_dir
from bot_bottle.errors import BottleError
from bot_bottle.host.files import make_private_folder
from bot_bottle.host.roots import find_roots, merge_roots
from bot_bottle.manifest.spec import FromAgent, FromArchive, FromDockerfile, FromReference, FromRootfs, Image
from bot_bottle.plans.image import DockerImage, ImageToMake, ServiceImage, WantedImage
from bot_bottle.record import replace

Say = Callable[[str], None]

PACKAGES = "packages.sh"
ROOTS = "roots.pem"
BUILD_FOLDER = "/run/bot-bottle-build"


def ready_docker(wanted: WantedImage, docker: Docker, *, make: bool, say: Say) -> DockerImage | ImageToMake:
    """The image by its id. With `make` false nothing is built, fetched or loaded.

    BottleError when it cannot be had.
    """
    image = wanted.image or Image()
    found = _source(image, wanted, docker, make=make, say=say)
    if image.packages and isinstance(found, DockerImage):
        recipe = with_packages(found, image, wanted)
        found = _built(recipe, docker, make=make, say=say, fresh=wanted.fresh, on=found.reference)
    if not wanted.services or isinstance(found, ImageToMake):
        return found
    services = _services(wanted, docker, make=make, say=say)
    return services if isinstance(services, ImageToMake) else replace(found, services=services)


def _services(wanted: WantedImage, docker: Docker, *, make: bool, say: Say) -> tuple[ServiceImage, ...] | ImageToMake:
    """The images of the services, fetched where they are missing."""
    references = tuple(dict.fromkeys(service.image for service in wanted.services))
    there = look(docker, references)
    missing = [one for one in references if one not in there]
    if missing and not make:
        return ImageToMake(origin=", ".join(missing), how="fetched")
    there |= {one: pull(docker, one, say=say) for one in missing}
    return tuple(
        ServiceImage(name=service.name, identity=there[service.image].identity, ports=there[service.image].ports)
        for service in wanted.services
    )


def _source(image: Image, wanted: WantedImage, docker: Docker, *, make: bool, say: Say) -> DockerImage | ImageToMake:
    match image.source:
        case FromReference(reference=reference):
            return _referred(reference, docker, make=make, say=say, fresh=wanted.fresh)
        case FromDockerfile() as source:
            recipe = recipe_for(source)
            roots = trusted(wanted) if mounts_secret(recipe.dockerfile, ROOTS_ID) else b""
            recipe = replace(recipe, arguments=image.build_args, network=image.build_network, roots=roots)
            return _built(recipe, docker, make=make, say=say, fresh=wanted.fresh)
        case FromAgent(base=base):
            on = base if base.startswith("sha256:") else None
            return _built(of_the_agent(base, image, wanted), docker, make=make, say=say, fresh=wanted.fresh, on=on)
        case FromArchive(archive=archive):
            from bot_bottle.backends.images.loading import loaded_archive

            return loaded_archive(archive, docker, make=make, say=say)
        case FromRootfs(rootfs=rootfs):
            from bot_bottle.backends.images.loading import loaded_folder

            return loaded_folder(rootfs, docker, make=make, say=say)


def of_the_agent(base: str, image: Image, wanted: WantedImage) -> Recipe:
    """The agent's own Dockerfile, with what it copies beside it."""
    name = base_name(base) if base.startswith("sha256:") else base
    arguments = dict(image.build_args) | ({"BASE": name} if base else {})
    on = f" on {base}" if base else ""
    return Recipe(
        kind="agent",
        origin=f"the image for agents{on}",
        dockerfile=wanted.dockerfile.read_text(encoding="utf-8"),
        files=beside(wanted),
        arguments=tuple(sorted(arguments.items())),
        network=image.build_network,
    )


def with_packages(on: DockerImage, image: Image, wanted: WantedImage) -> Recipe:
    """Packages on top of an image, as its root; then its own user again. No word of it passes through a shell of ours."""
    words = ", ".join(f'"{word}"' for word in ("sh", f"{BUILD_FOLDER}/{PACKAGES}", *image.packages))
    user = on.config.user or "0"
    lines = (
        f"FROM {base_name(on.reference)}",
        *(f"ARG {name}" for name, _ in image.build_args),
        "USER 0",
        f"COPY {PACKAGES} {ROOTS} {BUILD_FOLDER}/",
        f"RUN [{words}]",
        f"USER {user}" if user.replace(":", "").replace("-", "").replace("_", "").isalnum() else "USER 0",
    )
    return Recipe(
        kind="packages",
        origin=f"{on.origin} with {' '.join(image.packages)}",
        dockerfile="\n".join(lines) + "\n",
        files=beside(wanted),
        arguments=image.build_args,
        network=image.build_network,
    )


def beside(wanted: WantedImage) -> tuple[tuple[str, bytes], ...]:
    """The installer, and the certificates that this host and the operator trust."""
    installer = Path(__file__).with_name(PACKAGES).read_bytes()
    return ((PACKAGES, installer), (ROOTS, trusted(wanted)))


def trusted(wanted: WantedImage) -> bytes:
    """The certificates that this host and the operator trust, as one PEM file."""
    return merge_roots("", (find_roots(os.environ), *wanted.authorities))


def _built(
    recipe: Recipe, docker: Docker, *, make: bool, say: Say, fresh: bool, on: str | None = None
) -> DockerImage | ImageToMake:
    """The image of a recipe. Two starts at once build it once; `on` is the identity of the image below it, where it has one."""
    key = key_of(recipe)
    found = None if fresh else built(recipe, docker, key)
    if found is None and not make:
        return ImageToMake(origin=recipe.origin, how="built")
    if found is None:
        locks = make_private_folder(store_dir() / "builds")
        with locked(locks / f"{key if on is None else on.removeprefix('sha256:')}.lock"):
            found = None if fresh else built(recipe, docker, key)
            if found is None:
                with nullcontext() if on is None else named(docker, on):
                    found = build(recipe, docker, key, say=say, fresh=fresh)
    return told(found, recipe.origin)


def _referred(reference: str, docker: Docker, *, make: bool, say: Say, fresh: bool) -> DockerImage | ImageToMake:
    found = find(docker, reference)
    if found is None and not make:
        return ImageToMake(origin=reference, how="fetched")
    if found is None:
        found = pull(docker, reference, say=say)
    elif fresh and make:
        try:
            found = pull(docker, reference, say=say)
        except BottleError as error:
            say(
                f"{reference} was not fetched anew, the one that is here serves: {error.facts[-1] if error.facts else error.what}"
            )
    return told(found, reference)


def told(found: Found, origin: str) -> DockerImage:
    """The daemon's image as plans know it; asked for, and so used, now."""
    mark_used(found.identity)
    return DockerImage(reference=found.identity, origin=origin, config=found.config)
