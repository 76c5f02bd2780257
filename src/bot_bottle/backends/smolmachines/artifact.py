"""The artifact that machines of one image are made from: packed once by the engine, then kept in the cache."""

import contextlib
import os
import secrets
import shutil
from pathlib import Path

from bot_bottle.backends.images.store import locked
from bot_bottle.backends.smolmachines.client import classify, explain, pack_words
from bot_bottle.backends.smolmachines.plan import EnginePlan, FromArtifact
from bot_bottle.host.files import make_private_folder
from bot_bottle.host.run import Command, Run

PACK_TIMEOUT_S = 1800.0
SUFFIX = ".smolmachine"


def artifact_file(image: FromArtifact) -> Path:
    """Where the artifact is. The name holds the image's digest and the engine's version."""
    return image.artifact.with_name(image.artifact.name + SUFFIX)


def ready_artifact(engine: EnginePlan, image: FromArtifact, *, run: Run) -> Path:
    """The artifact, packed first when the cache lacks it; two starts at once pack it once. BottleError when it cannot be."""
    place = artifact_file(image)
    if place.exists():
        with contextlib.suppress(OSError):
            os.utime(place)
        return place
    make_private_folder(place.parent)
    with locked(place.with_name(f".{place.name}.lock")):
        if place.exists():
            return place
        work = make_private_folder(place.with_name(f".new.{secrets.token_hex(4)}"))
        try:
            argv = pack_words(engine, archive=str(image.archive), output=str(work / "packed"))
            done = run(Command(argv=argv, env=dict(engine.env), timeout_s=PACK_TIMEOUT_S))
            if done.code != 0 or not (work / f"packed{SUFFIX}").exists():
                failure = classify(done.code, done.stderr.decode(errors="replace"))
                raise explain("The image could not be packed for the engine.", failure)
            (work / f"packed{SUFFIX}").rename(place)
        finally:
            shutil.rmtree(work, ignore_errors=True)
    return place
