"""The cache of root file systems: one folder for each image, named by the digest of the image's configuration.

A folder under its final name is whole: it is made under another name and renamed. Two starts at once make it once. It lies below
the operator's cache folder, which no bottle is ever given, in a folder that is 0700; bottles see a root read-only.
"""

import contextlib
import fcntl
import json
import os
import re
import secrets
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from bot_bottle.backends.images.archive import Contents
from bot_bottle.backends.images.layers import Limits
from bot_bottle.backends.images.unpack import unpack
from bot_bottle.errors import BottleError
from bot_bottle.host.files import make_private_folder, write_file
from bot_bottle.host.paths import cache_dir
from bot_bottle.plans.image import ImageConfig, RootFolder
from bot_bottle.plans.show import short_digest, to_json
from bot_bottle.record import dataclass

RECORD = "image.json"
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")

SCRATCH_AFTER_S = 6 * 3600.0
"""After this long a scratch file belongs to nobody who still works."""

NOTES_AFTER_S = 90 * 86400.0

Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Kept:
    """One root in the cache: what it is, its size, and when it was made and last asked for (seconds since the epoch)."""

    root: RootFolder
    content: int
    made: float
    used: float


def store_dir() -> Path:
    """Where roots and archives of images are kept."""
    return cache_dir() / "images"


def find_root(digest: str, *, store: Path | None = None) -> RootFolder | None:
    """The root of this image, if the cache has it; it counts as used."""
    place = _place(store, digest)
    kept = _read(place)
    if kept is None:
        return None
    with contextlib.suppress(OSError):
        os.utime(place / RECORD)
    return kept.root


def make_root(
    archive: Path, image: Contents, *, origin: str, say: Say, store: Path | None = None, limits: Limits | None = None
) -> RootFolder:
    """The root of the image in this archive, unpacked first when the cache lacks it. BottleError when that cannot be done."""
    place = _place(store, image.digest)
    make_private_folder(place.parent)
    with locked(place.with_name(f".{place.name}.lock")):
        found = find_root(image.digest, store=store)
        if found is not None:
            return found
        remove_root(image.digest, store=store)  # what has this name and is no image
        sweep(place.parent)
        say(f"unpacking {origin} ({short_digest(image.digest)}) …")
        work = make_private_folder(place.with_name(f".new.{secrets.token_hex(4)}"))
        try:
            with _hold(work):
                _fill(work, archive, image, origin=origin, limits=limits)
                work.rename(place)
        except OSError as error:
            raise BottleError(
                f"The image {origin} could not be unpacked.",
                facts=(f"{error.strerror or error} ({place.parent})",),
                next="Make room, or remove images that no bottle needs: `bot-bottle images prune`.",
            ) from error
        finally:
            shutil.rmtree(work, ignore_errors=True)
    made = find_root(image.digest, store=store)
    assert made is not None
    return made


def roots(store: Path | None = None) -> tuple[Kept, ...]:
    """Every root in the cache, the latest used first."""
    folder = (store or store_dir()) / "roots"
    found = [_read(place) for place in folder.iterdir()] if folder.is_dir() else []
    return tuple(sorted((one for one in found if one is not None), key=lambda one: -one.used))


def remove_root(digest: str, *, store: Path | None = None) -> bool:
    """Take a root out of the cache; whether it was there. Its name is gone at once, its files after it."""
    place = _place(store, digest)
    aside = place.with_name(f".old.{secrets.token_hex(4)}")
    try:
        place.rename(aside)
    except FileNotFoundError:
        return False
    shutil.rmtree(aside)
    return True


def sweep(folder: Path) -> None:
    """Remove what a killed start left half made. One that is still at work holds a lock on its folder."""
    for left in (*folder.glob(".new.*"), *folder.glob(".old.*")):
        with contextlib.suppress(OSError), _hold(left):
            shutil.rmtree(left)


def sweep_all(*, now: float, store: Path | None = None) -> None:
    """Remove what killed starts left, and notes that nobody asked for in a season."""
    place = store or store_dir()
    if (place / "roots").is_dir():
        sweep(place / "roots")
    for folder, after in (("scratch", SCRATCH_AFTER_S), ("notes", NOTES_AFTER_S), ("used", NOTES_AFTER_S)):
        for path in (place / folder).iterdir() if (place / folder).is_dir() else ():
            with contextlib.suppress(OSError):
                if now - path.stat().st_mtime > after:
                    path.unlink()


def mark_used(identity: str, *, store: Path | None = None) -> None:
    """Note that a start asked for this image of docker's, which keeps no such time itself."""
    folder = make_private_folder((store or store_dir()) / "used")
    (folder / identity.removeprefix("sha256:")).touch()


def last_use(identity: str, *, store: Path | None = None) -> float:
    """When `mark_used` was last told of it; 0 when it never was."""
    try:
        return ((store or store_dir()) / "used" / identity.removeprefix("sha256:")).stat().st_mtime
    except OSError:
        return 0.0


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold an exclusive lock; the kernel frees it when we die."""
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def _hold(folder: Path) -> Iterator[None]:
    """Hold a lock on a folder itself; OSError when somebody else has it."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(descriptor)


def _fill(work: Path, archive: Path, image: Contents, *, origin: str, limits: Limits | None) -> None:
    root = work / "root"
    root.mkdir(0o755)
    counted = unpack(archive, image, root, limits)
    record = {
        "digest": image.digest,
        "origin": origin,
        "config": to_json(image.config),
        "entries": counted.entries,
        "content": counted.content,
        "left_out": counted.left_out,
        "made": time.time(),
    }
    write_file(work / RECORD, json.dumps(record, indent=1) + "\n")


def _place(store: Path | None, digest: str) -> Path:
    if not _DIGEST.fullmatch(digest):
        raise BottleError("This is not the digest of an image.", facts=(ascii(digest[:100]),))
    return (store or store_dir()) / "roots" / digest.removeprefix("sha256:")


def _read(place: Path) -> Kept | None:
    """What the cache says of this folder; None when it is not one of a whole image."""
    try:
        told = json.loads((place / RECORD).read_bytes())
        used = (place / RECORD).stat().st_mtime
        config = told["config"]
        return Kept(
            root=RootFolder(
                folder=place / "root",
                digest=told["digest"],
                origin=told["origin"],
                config=ImageConfig(
                    env=tuple((name, value) for name, value in config["env"]),
                    user=config["user"],
                    folder=config["folder"],
                    entrypoint=tuple(config["entrypoint"]),
                    command=tuple(config["command"]),
                ),
            ),
            content=told["content"],
            made=told["made"],
            used=used,
        )
    except (OSError, ValueError, KeyError, TypeError):
        return None
