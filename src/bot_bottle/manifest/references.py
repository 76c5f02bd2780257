"""Names that reach an image builder: references of images, names of packages, and what `--image` may be. Nothing heavy.

The grammar of references is that of the distribution project (distribution/reference, "Grammar"); none begins with a hyphen, so
that no name can be read as an option.
"""

import os
import re
from pathlib import Path

from bot_bottle.manifest.host_paths import file_at, folder_at
from bot_bottle.manifest.mistakes import Wrong
from bot_bottle.manifest.spec import FromArchive, FromDockerfile, FromReference, FromRootfs, ImageSource

_HOST = (
    r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?){0,20}(?::[0-9]{1,5})?"
)
_PART = r"[a-z0-9]{1,128}(?:(?:\.|_|__|-{1,8})[a-z0-9]{1,128}){0,32}"
_NAME = rf"(?:{_HOST}/)?{_PART}(?:/{_PART}){{0,16}}"
REFERENCE = re.compile(rf"{_NAME}(?::[A-Za-z0-9_][A-Za-z0-9_.-]{{0,127}})?(?:@sha256:[0-9a-f]{{64}})?")
IMAGE_ID = re.compile(r"sha256:[0-9a-f]{64}")
LONGEST_REFERENCE = 512
PACKAGE = re.compile(r"[A-Za-z0-9@][A-Za-z0-9@._+:/~-]{0,127}(?:(?:=|[<>]=?|~=)[A-Za-z0-9._+:~*-]{1,127})?")
"""As apt, apk, dnf and pacman name packages, with a version where they take one."""


def reference(word: str) -> str:
    """An image's reference."""
    if len(word) <= LONGEST_REFERENCE and (REFERENCE.fullmatch(word) or IMAGE_ID.fullmatch(word)):
        return word
    meant = re.sub(r"^[a-z]+://", "", word.strip())
    meant = meant if REFERENCE.fullmatch(meant) else meant.lower()
    raise Wrong(
        "this is not the reference of an image",
        allowed="NAME, NAME:TAG or NAME@sha256:…, in small letters",
        nearest=meant if meant != word and REFERENCE.fullmatch(meant) else "",
    )


def package(word: str) -> str:
    """The name of a package, and its version where one is wanted."""
    if not PACKAGE.fullmatch(word):
        raise Wrong("this is not the name of a package", allowed="as git, python3-venv or nodejs=20.1")
    return word


def image_named(cwd: Path, word: str) -> ImageSource:
    """What `--image` means: a path (it begins with `/`, `./`, `../` or `~`) by what lies there, else a reference."""
    if not word.startswith(("/", "./", "../", "~")) and word not in (".", ".."):
        return FromReference(reference=reference(word))
    if os.path.isdir(cwd / Path(word).expanduser()):
        return FromRootfs(rootfs=folder_at(cwd, word))
    found = file_at(cwd, word)
    if found.name.endswith((".tar", ".tar.gz", ".tgz")):
        return FromArchive(archive=found)
    return FromDockerfile(dockerfile=found, context=found.parent)
