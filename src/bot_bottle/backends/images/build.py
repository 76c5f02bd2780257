"""Builds images with docker, once for each content: what goes into a build is hashed, and the image is named by that hash.

A build runs outside any bottle, with docker's network, as the operator asked for by naming a Dockerfile. It gets no secret.
"""

import hashlib
import json
import os
import re
import stat
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from bot_bottle.backends.images.docker import (
    LABEL,
    SHELF,
    TAIL_LINES,
    WORK_TIMEOUT_S,
    BuildFailed,
    Docker,
    Found,
    inspect,
    look,
    tail,
)
from bot_bottle.backends.images.dockerfile import bases, needs_buildkit, uses_context
from bot_bottle.errors import BottleError, CannotRunHere
from bot_bottle.host.files import make_private_folder, write_file
from bot_bottle.host.plain import plain
from bot_bottle.host.run import Command, Finished, follow
from bot_bottle.manifest.host_paths import refuse_own_folders
from bot_bottle.manifest.mistakes import Wrong
from bot_bottle.manifest.spec import BuildNetwork, FromDockerfile
from bot_bottle.record import dataclass, field, replace

BASES = f"{LABEL}.bases"
"""The label that holds the identities of what an image was built on."""

CONTEXT_FILES = 500_000
"""Files of a context that are looked at for the hash; a folder with more is another one than was meant."""

ROOTS_ID = "roots"
"""The build secret that holds the certificates this host trusts; a Dockerfile that mounts it needs BuildKit."""

STEP_SHOWN = 110
"""Characters of a step: a line of a terminal."""

_STEP = re.compile(r"(?:Step \d+/\d+ : |#\d+ \[(?!internal\]))(.{1,200})")

Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipe:
    """One build, whole: `kind` is its label, `origin` what people call it. Without a `context` only `files` lie beside it.

    `roots` are the certificates that a step may mount as the build secret of that name; no layer keeps them.
    """

    kind: str
    origin: str
    dockerfile: str
    context: Path | None = None
    files: tuple[tuple[str, bytes], ...] = ()
    arguments: tuple[tuple[str, str], ...] = ()
    target: str = ""
    network: BuildNetwork = "default"
    roots: bytes = field(default=b"", repr=False)


def recipe_for(source: FromDockerfile) -> Recipe:
    """The operator's Dockerfile. Its folder is sent only when it copies from it."""
    shown = plain(str(source.dockerfile))
    try:
        content = source.dockerfile.read_bytes()
        text = content.decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BottleError(f"{shown} cannot be read.", facts=(plain(str(error), limit=200),)) from error
    if source.sha256 and hashlib.sha256(content).hexdigest() != source.sha256:
        raise BottleError(f"{shown} changed while the start read it, and was not built.", next="Look at it, and start again.")
    recipe = Recipe(kind="dockerfile", origin=str(source.dockerfile), dockerfile=text, target=source.target)
    if not uses_context(text):
        return recipe
    try:
        refuse_own_folders(source.context)
    except Wrong as wrong:
        raise CannotRunHere(
            "This Dockerfile copies files from a folder that no build may have.",
            facts=(wrong.what,),
            next="Name another `context`.",
        ) from None
    return replace(recipe, context=source.context)


def key_of(recipe: Recipe) -> str:
    """The hash of all that goes in but the bases: the texts, the arguments, the context's files."""
    parts = {
        "dockerfile": recipe.dockerfile,
        "files": [[name, hashlib.sha256(content).hexdigest()] for name, content in recipe.files],
        "arguments": sorted(recipe.arguments),
        "target": recipe.target,
        "network": recipe.network,
        "context": context_hash(recipe.context) if recipe.context else "",
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]


def context_hash(context: Path) -> str:
    """Of every file's path, kind, size, mode and time; contents are left to docker, which has a cache of its own."""
    hashed = hashlib.sha256()
    count = 0
    for folder, folders, files in os.walk(context):
        folders.sort()
        for name in sorted([*files, *(one for one in folders if os.path.islink(os.path.join(folder, one)))]):
            path = os.path.join(folder, name)
            count += 1
            if count > CONTEXT_FILES:
                raise CannotRunHere(
                    "The folder that the Dockerfile copies from is too large.",
                    facts=(f"{context} holds more than {CONTEXT_FILES} files",),
                    next="Name a smaller `context`.",
                )
            status = os.lstat(path)
            target = os.readlink(path) if stat.S_ISLNK(status.st_mode) else ""
            told = f"{os.path.relpath(path, context)}\0{status.st_mode}\0{status.st_size}\0{status.st_mtime_ns}\0{target}\n"
            hashed.update(told.encode("utf-8", "surrogateescape"))
    return hashed.hexdigest()


def built(recipe: Recipe, docker: Docker, key: str) -> Found | None:
    """The image of this recipe, if it was built before and its bases are still the ones it was built on."""
    name, on = name_of(recipe, key), bases(recipe.dockerfile, dict(recipe.arguments))
    there = look(docker, (name, *on))
    found = there.get(name)
    return (
        found if found is not None and is_current(found, {base: there[base].identity for base in on if base in there}) else None
    )


def is_current(found: Found, here: Mapping[str, str]) -> bool:
    """Whether none of the bases has another identity now; one that was not here then, or is not now, has not changed. Pure."""
    try:
        then = json.loads(found.labels.get(BASES, "{}"))
    except ValueError:
        return False
    return isinstance(then, dict) and all(then.get(base, now) == now for base, now in here.items())


def name_of(recipe: Recipe, key: str) -> str:
    """The image's name."""
    return f"{SHELF}/{recipe.kind}:{key}"


def build(recipe: Recipe, docker: Docker, key: str, *, say: Say, fresh: bool = False) -> Found:
    """Build it. BuildFailed with the builder's last lines."""
    say(f"building {recipe.origin} …")
    on = bases(recipe.dockerfile, dict(recipe.arguments))
    here = {} if not on else {base: found.identity for base, found in look(docker, on).items()}
    with laid_out(recipe) as (dockerfile, context):
        words = [*docker.words, "build", "--file", str(dockerfile), "--tag", name_of(recipe, key)]
        words += [
            "--label",
            f"{LABEL}={recipe.kind}",
            "--label",
            f"{LABEL}.origin={recipe.origin}",
            "--label",
            f"{LABEL}.key={key}",
        ]
        words += ["--label", f"{BASES}={json.dumps(here)}"]
        for name, value in recipe.arguments:
            words += ["--build-arg", f"{name}={value}"]
        words += ["--target", recipe.target] if recipe.target else []
        words += ["--network", recipe.network] if recipe.network != "default" else []
        words += ["--secret", f"id={ROOTS_ID},src={dockerfile.with_name(ROOTS_ID)}"] if recipe.roots else []
        words += ["--force-rm"]  # else a failed step leaves its container
        words += ["--no-cache"] if fresh else []
        env = {**docker.env, "BUILDKIT_PROGRESS": "plain", "DOCKER_CLI_HINTS": "false"}
        if needs_buildkit(recipe.dockerfile):
            env["DOCKER_BUILDKIT"] = "1"
        command = Command(argv=(*words, "--", str(context)), env=env, timeout_s=WORK_TIMEOUT_S, cwd=Path(os.sep))
        done = follow(command, lambda line: say_step(line, say))
    if done.code != 0:
        raise failed(recipe, done)
    return inspect(docker, name_of(recipe, key))


def say_step(line: str, say: Say) -> None:
    """Tell of the builder's steps, not of each line that they print."""
    found = _STEP.match(line)
    if found and f"LABEL {LABEL}" not in line:
        say(f"  {plain(' '.join(found[0].split()), limit=STEP_SHOWN)}")


def failed(recipe: Recipe, done: Finished) -> BottleError:
    """Whose fault it is. Pure."""
    words = done.stdout.decode(errors="replace")
    if "Cannot connect to the Docker daemon" in words or "error during connect" in words:
        return BottleError("The docker daemon does not answer.", facts=tail(done, 2), next="Start it, or set DOCKER_HOST.")
    if "buildx component is missing" in words:
        return CannotRunHere(
            "This Dockerfile needs BuildKit, and this docker command comes without it.",
            facts=tail(done, 2),
            next="Install docker's buildx plugin, or leave out `RUN --mount`, here-documents and the `syntax` line.",
        )
    if "no space left on device" in words:
        return BottleError(
            f"The disk is full: {recipe.origin} could not be built.", facts=tail(done, 2), next="`docker system df`"
        )
    return BuildFailed(
        f"{recipe.origin} could not be built.",
        facts=tail(done, TAIL_LINES),
        next="Building happens outside the bottle, with docker's network. `docker build` shows the same, step by step.",
    )


@contextmanager
def laid_out(recipe: Recipe) -> Iterator[tuple[Path, Path]]:
    """The Dockerfile and the folder of the build. The Dockerfile built is the one hashed, whatever its file says meanwhile."""
    with tempfile.TemporaryDirectory(prefix="bot-bottle-build-") as name:
        folder = Path(name)
        dockerfile = write_file(folder / "Dockerfile", recipe.dockerfile)
        beside = make_private_folder(folder / "context")
        if recipe.roots:
            write_file(folder / ROOTS_ID, recipe.roots)
        for file, content in recipe.files:
            write_file(beside / file, content, mode=0o644)
        yield dockerfile, recipe.context or beside
