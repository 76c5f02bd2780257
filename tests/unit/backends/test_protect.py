"""What is held read-only in a shared workspace, decided from what is there."""

from pathlib import Path

import pytest

from bot_bottle.backends.mounts import Bind
from bot_bottle.backends.protect import COMMON_DIR, Kind, inside, named_by_config, protect, wanted
from bot_bottle.errors import CannotRunHere

AT, GUEST = Path("/host/project"), "/work/project"


def decided(kinds: dict[str, Kind], always: tuple[str, ...], if_there: tuple[str, ...] = ()) -> list[tuple[str, bool]]:
    """Guest paths below the workspace and whether they are writable, in order."""
    mounts = protect(kinds, always, if_there, at=AT, guest=GUEST).mounts
    return [(mount.guest_path.removeprefix(f"{GUEST}/"), mount.writable) for mount in mounts if isinstance(mount, Bind)]


def test_every_folder_on_the_way_is_pinned_before_what_lies_in_it() -> None:
    kinds: dict[str, Kind] = {".git": "folder", ".git/info": "folder", ".git/hooks": "folder", ".git/info/x": "file"}
    assert decided(kinds, (".git/hooks", ".git/info/x")) == [
        (".git", True),
        (".git/info", True),
        (".git/hooks", False),
        (".git/info/x", False),
    ]


def test_missing_thing_gets_an_empty_folder() -> None:
    (one,) = protect({".vscode": "missing"}, (".vscode",), (), at=AT, guest=GUEST).placeholders
    assert (one.host_path, one.content) == (AT / ".vscode", None)


def test_missing_common_dir_gets_the_text_that_changes_nothing() -> None:
    (one,) = protect({".git": "folder", COMMON_DIR: "missing"}, (COMMON_DIR,), (), at=AT, guest=GUEST).placeholders
    assert one.content == ".\n"


def test_thing_held_only_if_there_gets_no_placeholder() -> None:
    found = protect({".husky": "missing"}, (), (".husky",), at=AT, guest=GUEST)
    assert (found.mounts, found.placeholders) == ((), ())
    assert decided({".husky": "folder"}, (), (".husky",)) == [(".husky", False)]


@pytest.mark.parametrize("kind", ["link", "other"])
@pytest.mark.parametrize("path", [".git", ".git/hooks"])
def test_link_or_device_on_the_way_is_refused_by_name(kind: Kind, path: str) -> None:
    kinds: dict[str, Kind] = {".git": "folder", ".git/hooks": "folder", path: kind}
    with pytest.raises(CannotRunHere) as caught:
        protect(kinds, (".git/hooks",), (), at=AT, guest=GUEST)
    assert any(fact.startswith(path) for fact in caught.value.facts)


@pytest.mark.parametrize("git", ["missing", "file", "link"])
def test_what_is_no_repository_is_held_as_a_whole(git: Kind) -> None:
    always, _ = wanted(git, "")
    assert ".git" in always
    assert not any(path.startswith(".git/") for path in always)


CONFIGS = [
    ("[core]\n\thooksPath = .githooks\n", (".githooks",)),
    ('[core]\n\tHOOKSPATH = "tools/hooks"\n', ("tools/hooks",)),
    ("[core] hooksPath = a/b ; comment\n", ("a/b",)),
    ("[core]\n\thooksPath = .husky/_\n", (".husky/_",)),
    ("[include]\n\tpath = ../.gitconfig\n", (".gitconfig",)),
    ('[includeIf "gitdir:x"]\n\tpath = ../conf/git\n', ("conf/git",)),
    ("[include]\n\tpath = local.inc\n", ()),
    ("[core]\n\thooksPath = /etc/hooks\n", ()),
    ("[core]\n\thooksPath = ../outside\n", ()),
    ("[include]\n\tpath = ~/x\n", ()),
    ("[remote]\n\thooksPath = x\n", ()),
    ("", ()),
    ("[core", ()),
]


@pytest.mark.parametrize(("config", "expected"), CONFIGS)
def test_paths_that_the_config_names_are_found(config: str, expected: tuple[str, ...]) -> None:
    assert named_by_config(config) == expected


@pytest.mark.parametrize(
    ("path", "expected"), [("a/../b", ["b"]), ("..", []), ("a/../..", []), (".", []), ("./x", ["x"]), (".git/x", [])]
)
def test_paths_stay_inside(path: str, expected: list[str]) -> None:
    assert inside("", path) == expected
