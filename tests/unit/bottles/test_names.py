"""Names that bottles get by themselves."""

from pathlib import Path

from bot_bottle.bottles.names import guest_folder, make_slug
from bot_bottle.bottles.status import SLUG
from bot_bottle.manifest.spec import BottleSpec, Workspace


def spec(folder: str) -> BottleSpec:
    """A spec that works in a folder of this name."""
    return BottleSpec(agent="claude", backend="auto", workspace=Workspace(path=Path("/x") / folder))


def test_a_taken_name_is_not_given_again() -> None:
    seen: list[str] = []

    def taken(name: str) -> bool:
        seen.append(name)
        return len(seen) < 3

    assert make_slug(spec("shop"), taken=taken) == seen[2]


def test_a_name_is_always_a_slug() -> None:
    for folder in ("shop", "Öl & Gas", "-", "a" * 200, "..", "x--y"):
        assert SLUG.fullmatch(make_slug(spec(folder), taken=lambda _: True))


def test_a_folders_name_inside_holds_plain_characters_only() -> None:
    assert guest_folder("my shop;rm -rf") == "my-shop-rm--rf"
    assert guest_folder("..") == "work"
