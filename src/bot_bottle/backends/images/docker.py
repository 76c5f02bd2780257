"""The docker command, for what concerns images: look, pull, build, load, save, remove. The daemon may be anywhere.

What docker prints quotes images and Dockerfiles, so it is shown with control characters escaped.
"""

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bot_bottle.backends.images.archive import image_config
from bot_bottle.errors import BottleError
from bot_bottle.host.local_http import get
from bot_bottle.host.plain import plain
from bot_bottle.host.run import Command, Finished, Run, follow, plain_env, run
from bot_bottle.plans.image import ImageConfig
from bot_bottle.record import dataclass, field

ASK_TIMEOUT_S = 30.0
WORK_TIMEOUT_S = 3600.0
"""For a build, a pull, a save: long, because networks are slow; not for ever, because nobody may be watching."""

TAIL_LINES = 12
"""Lines of a failed build that the error shows."""

PASSED_ON = (
    "DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG", "DOCKER_CERT_PATH", "DOCKER_TLS_VERIFY", "DOCKER_API_VERSION",
    "DOCKER_BUILDKIT", "SSH_AUTH_SOCK", "XDG_RUNTIME_DIR",
)  # fmt: skip
"""What the docker command needs of the operator's environment to find its daemon."""

LABEL = "bot-bottle.image"
"""On every image that we make; its value says from what: agent, dockerfile, packages, archive or rootfs."""

SHELF = "bot-bottle"
"""The names of images that we make begin with it."""

Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Docker:
    """How to reach the daemon: the words that begin each command, its environment, and its socket where it is on this machine."""

    words: tuple[str, ...]
    env: Mapping[str, str] = field(repr=False)
    socket: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Found:
    """An image that the daemon has."""

    identity: str
    config: ImageConfig
    size: int
    tags: tuple[str, ...]
    labels: Mapping[str, str]
    ports: tuple[int, ...] = ()


class NoImage(BottleError):
    """The daemon does not have this image."""


class BuildFailed(BottleError):
    """The operator's Dockerfile, or what it fetches, is at fault; `facts` are the builder's last lines."""


def own_docker(host: Mapping[str, str]) -> Docker:
    """The docker command as the operator would use it."""
    return Docker(words=("docker",), env=plain_env(host) | {name: host[name] for name in PASSED_ON if name in host})


def inspect(docker: Docker, reference: str, *, run: Run = run) -> Found:
    """The image of this name. NoImage when the daemon has none; BottleError when it does not answer."""
    printed = None if docker.socket is None else get(docker.socket, f"/images/{reference}/json", timeout_s=ASK_TIMEOUT_S)
    if printed is not None:
        return read_found(printed, reference)  # twenty times as quick as the command, which explains what went wrong
    done = run(_command(docker, "image", "inspect", "--format", "{{json .}}", reference))
    if done.code != 0:
        raise explained(done.stderr, reference)
    return read_found(done.stdout, reference)


def look(docker: Docker, names: tuple[str, ...], *, run: Run = run) -> dict[str, Found]:
    """Those of these images that the daemon has, in one question."""
    done = run(_command(docker, "image", "inspect", "--format", "{{json .}}", *names))
    there, missing = sort_found(done, names)
    if there is None:
        raise explained(done.stderr, missing)
    return there


def sort_found(done: Finished, names: tuple[str, ...]) -> tuple[dict[str, Found] | None, str]:
    """Which name each printed image was asked for by: docker prints them in order and names those it does not have. Pure.

    None, and the first name, when docker said something else.
    """
    said = done.stderr.decode(errors="replace").splitlines()
    gone = tuple(line.strip() for line in said if "No such image" in line or "No such object" in line)
    left = [name for name in names if not any(line.endswith((f" {name}", f" {name}:latest")) for line in gone)]
    lines = [line for line in done.stdout.splitlines() if line.strip()]
    if len(left) != len(lines) or (done.code != 0 and not gone):
        return None, names[0]
    return {name: read_found(line, name) for name, line in zip(left, lines, strict=True)}, ""


def find(docker: Docker, reference: str) -> Found | None:
    """The image of this name, or None."""
    try:
        return inspect(docker, reference)
    except NoImage:
        return None


def pull(docker: Docker, reference: str, *, say: Say) -> Found:
    """Fetch an image from its registry. BottleError when that fails."""
    say(f"fetching {reference} …")
    done = follow(_command(docker, "pull", reference, timeout_s=WORK_TIMEOUT_S), lambda line: None)
    if done.code != 0:
        raise BottleError(
            f"The image {plain(reference)} is not here, and it could not be fetched.",
            facts=tail(done, 3),
            next="Check the name and `docker login`; or load it by hand: `docker load`, `docker import`, `docker tag`.",
        )
    return inspect(docker, reference)


def load(docker: Docker, archive: Path, tag: str) -> Found:
    """Give an archive to the daemon. It must name its image `tag` and no other."""
    done = follow(_command(docker, "load", "--input", str(archive), timeout_s=WORK_TIMEOUT_S), lambda line: None)
    if done.code != 0:
        raise BottleError("Docker does not take this image.", facts=tail(done, 3))
    return inspect(docker, tag)


def bring_in(docker: Docker, packed: Path, name: str, *, kind: str) -> Found:
    """Give a packed root file system to the daemon, as an image of this name."""
    words = ("import", "--change", f"LABEL {LABEL}={kind}", str(packed), name)
    done = follow(_command(docker, *words, timeout_s=WORK_TIMEOUT_S), lambda line: None)
    if done.code != 0:
        raise BottleError("Docker does not take this root file system.", facts=tail(done, 3))
    return inspect(docker, name)


def save(docker: Docker, identity: str, target: Path) -> None:
    """Write an image as an archive. BottleError when that fails; what was written is removed by docker itself."""
    done = follow(_command(docker, "save", "--output", str(target), identity, timeout_s=WORK_TIMEOUT_S), lambda line: None)
    if done.code != 0:
        raise explained(done.stdout, identity)


def base_name(identity: str) -> str:
    """The name that an image has while something is built on it: BuildKit reads an identity as the name of a repository."""
    return f"{SHELF}/base:{identity.removeprefix('sha256:')[:32]}"


@contextmanager
def named(docker: Docker, identity: str) -> Iterator[None]:
    """Give the image that name meanwhile. One at a time for one image."""
    name = base_name(identity)
    done = run(_command(docker, "tag", identity, name))
    if done.code != 0:
        raise explained(done.stderr, identity)
    try:
        yield
    finally:
        run(_command(docker, "image", "rm", name))


def ours(docker: Docker) -> tuple[Found, ...]:
    """Every image that we made."""
    done = run(_command(docker, "image", "ls", "--quiet", "--no-trunc", "--filter", f"label={LABEL}"))
    if done.code != 0:
        raise explained(done.stderr, "")
    identities = dict.fromkeys(done.stdout.decode().split())
    return tuple(found for identity in identities if (found := find(docker, identity)) is not None)


def remove(docker: Docker, identity: str) -> bool:
    """Remove an image under all its names; False when a container still needs it."""
    found = find(docker, identity)
    if found is None:
        return True
    names = tuple(name for name in found.tags if name.startswith(f"{SHELF}/")) or (identity,)
    done = run(_command(docker, "image", "rm", *names, timeout_s=WORK_TIMEOUT_S))
    return done.code == 0


def read_found(printed: bytes, reference: str) -> Found:
    """From what `docker image inspect` printed. Pure."""
    try:
        told: Any = json.loads(printed)  # Any: JSON
        return Found(
            identity=str(told["Id"]),
            config=image_config({"config": told.get("Config") or {}}),
            size=int(told.get("Size") or 0),
            tags=tuple(str(name) for name in told.get("RepoTags") or ()),
            ports=exposed((told.get("Config") or {}).get("ExposedPorts") or {}),
            labels={str(name): str(value) for name, value in ((told.get("Config") or {}).get("Labels") or {}).items()},
        )
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BottleError(
            f"Docker says nothing usable about {plain(reference)}.", facts=(plain(str(error), limit=200),)
        ) from error


def exposed(told: Mapping[str, Any]) -> tuple[int, ...]:  # Any: JSON
    """The TCP ports of `{"5432/tcp": {}}`. Pure."""
    found = (re.fullmatch(r"([0-9]{1,5})/tcp", name) for name in told)
    return tuple(sorted(int(one[1]) for one in found if one is not None))


def explained(printed: bytes, reference: str) -> BottleError:
    """Why docker did not do it. Pure."""
    words = printed.decode(errors="replace")
    if "No such image" in words or "No such object" in words:
        return NoImage(f"There is no image {plain(reference)} here.", next="`docker images` lists those that there are.")
    facts = tuple(plain(line, limit=300) for line in words.splitlines() if line.strip())[-4:]
    if "Cannot connect" in words or "error during connect" in words or "permission denied" in words:
        return BottleError("The docker daemon does not answer.", facts=facts, next="Start it, or name another with DOCKER_HOST.")
    return BottleError("Docker did not do what was asked.", facts=facts)


_ADVERTISED = re.compile(r"DEPRECATED: |\s*Install the buildx component|\s*https://docs\.docker\.com/|Sending build context")


def tail(done: Finished, lines: int) -> tuple[str, ...]:
    """The last lines that say something, fit to be shown. Pure."""
    told = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", done.stdout.decode(errors="replace")).replace("\r", "\n").splitlines()
    return tuple(plain(line.rstrip(), limit=300) for line in told if line.strip() and not _ADVERTISED.match(line))[-lines:]


def _command(docker: Docker, *words: str, timeout_s: float = ASK_TIMEOUT_S, **env: str) -> Command:
    return Command(argv=(*docker.words, *words), env={**docker.env, **env}, timeout_s=timeout_s, cwd=Path(os.sep))
