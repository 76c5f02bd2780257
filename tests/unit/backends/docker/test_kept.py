"""What counts as changed in an image, and which image a bottle runs from again."""

import json
from pathlib import Path

import pytest
from plans import shared_plan

from bot_bottle.backends.base import KEPT
from bot_bottle.backends.docker.kept import Kept, is_changed, kept_in
from bot_bottle.backends.docker.prepare import describe_kept, image_ref
from bot_bottle.plans.bottle import BottlePlan
from bot_bottle.plans.image import DockerImage
from bot_bottle.record import replace

KEPT_ONE = Kept(docker=("--host", "unix:///d.sock"), name="bot-bottle/kept:x", identity="sha256:kept", on="sha256:first")
MOUNTED = ("/tmp", "/run", "/run/bot-bottle", "/etc/hosts", "/home/agent", "/work/project")


@pytest.mark.parametrize(
    ("paths", "changed"),
    [
        (("/run", "/run/bot-bottle", "/home", "/home/agent", "/work", "/work/project", "/etc", "/etc/hosts", "/sys"), False),
        ((), False),
        (("/srv", "/srv/data", "/srv/data/x"), True),
        (("/etc", "/etc/passwd"), True),
        (("/home/other",), True),
        (("/tmpfile",), True),
    ],
)
def test_places_of_mounts_are_no_changes(paths: tuple[str, ...], changed: bool) -> None:
    assert is_changed(paths, MOUNTED) is changed


def planned(tmp_path: Path, reference: str) -> BottlePlan:
    return replace(shared_plan(tmp_path / "one"), image=DockerImage(reference=reference, origin="base"))


def test_what_was_kept_is_used_on_the_image_that_it_was_made_on_and_on_no_other(tmp_path: Path) -> None:
    assert image_ref(planned(tmp_path, "sha256:first"), KEPT_ONE) == "sha256:kept"
    other = image_ref(planned(tmp_path, "sha256:other"), KEPT_ONE)
    assert other == "sha256:other"
    assert image_ref(planned(tmp_path, "sha256:first"), None) == "sha256:first"


def test_preflight_says_what_becomes_of_it() -> None:
    assert describe_kept(None, "sha256:first") == ()
    assert "what it changed" in describe_kept(KEPT_ONE, "sha256:kept")[0].text
    assert describe_kept(KEPT_ONE, "sha256:other")[0].text.startswith("not ")


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"docker": 1}'])
def test_a_note_that_cannot_be_read_is_none(tmp_path: Path, content: str) -> None:
    assert kept_in(tmp_path) is None
    (tmp_path / KEPT).write_text(content)
    assert kept_in(tmp_path) is None


def test_a_note_is_read_as_it_was_written(tmp_path: Path) -> None:
    row = {"docker": list(KEPT_ONE.docker), "name": KEPT_ONE.name, "image": KEPT_ONE.identity, "on": KEPT_ONE.on}
    (tmp_path / KEPT).write_text(json.dumps(row))
    assert kept_in(tmp_path) == KEPT_ONE
