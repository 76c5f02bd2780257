"""An image is never ignored: a backend that has no use for one refuses the bottle by name."""

from pathlib import Path

import pytest

from bot_bottle.bottles.start import usable_backend
from bot_bottle.errors import CannotRunHere
from bot_bottle.manifest.spec import BackendName, BottleSpec, FromReference, Image, Workspace


@pytest.mark.parametrize("backend", ["namespaces", "fake"])
def test_a_backend_without_images_refuses_one(backend: BackendName, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BOT_BOTTLE_TEST_BACKENDS", "1")
    image = Image(source=FromReference(reference="debian:bookworm"))
    asked = BottleSpec(
        agent="shell",
        backend=backend,
        workspace=Workspace(path=Path("/nowhere")),
        image=image,
        decided_by=(("image", "bottle.yaml:3"),),
    )
    with pytest.raises(CannotRunHere) as caught:
        usable_backend(asked)
    assert backend in caught.value.what
    assert "bottle.yaml:3" in caught.value.facts[0]
