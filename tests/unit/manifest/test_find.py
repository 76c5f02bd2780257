"""Where manifests are looked for, and how a hostile folder's files are met."""

import os
from pathlib import Path

import pytest

from bot_bottle.errors import BadManifest
from bot_bottle.manifest.find import SIZE_LIMIT, find_manifest, read_found, read_named, repository_top


def test_the_search_stops_at_the_top_of_the_repository(home: Path) -> None:
    (home / "outer" / "inner" / ".git").mkdir(parents=True)
    (home / "outer" / ".git").mkdir()
    (home / "outer" / "bottle.yaml").touch()
    assert find_manifest(home / "outer" / "inner", home=home) is None
    assert find_manifest(home / "outer", home=home) == home / "outer" / "bottle.yaml"


def test_a_worktree_whose_git_is_a_file_is_a_top(home: Path) -> None:
    (home / "tree" / "sub").mkdir(parents=True)
    (home / "tree" / ".git").write_text("gitdir: elsewhere")
    assert repository_top(home / "tree" / "sub", home=home) == home / "tree"


def test_the_nearest_manifest_wins(home: Path) -> None:
    (home / "top" / "sub").mkdir(parents=True)
    (home / "top" / ".git").mkdir()
    for folder in (home / "top", home / "top" / "sub"):
        (folder / "bottle.yaml").touch()
    assert find_manifest(home / "top" / "sub", home=home) == home / "top" / "sub" / "bottle.yaml"


def test_outside_a_repository_only_the_folder_itself_is_looked_at(home: Path) -> None:
    (home / "a" / "b").mkdir(parents=True)
    (home / "a" / "bottle.yaml").touch()
    assert find_manifest(home / "a" / "b", home=home) is None


def test_a_home_under_version_control_is_not_climbed_to(home: Path) -> None:
    (home / ".git").mkdir()
    (home / "bottle.yaml").touch()
    (home / "project").mkdir()
    assert find_manifest(home / "project", home=home) is None


def test_nothing_above_the_home_is_looked_at(home: Path) -> None:
    (home.parent / ".git").mkdir()
    (home.parent / "bottle.yaml").touch()
    assert find_manifest(home, home=home) is None


def test_a_misspelt_file_name_is_told_and_not_passed_over(repository: Path, home: Path) -> None:
    (repository / "bottle.yml").touch()
    with pytest.raises(BadManifest, match=r"bottle\.yml is not the name"):
        find_manifest(repository, home=home)


def test_a_symbolic_link_is_refused_even_when_it_leads_nowhere(repository: Path, home: Path) -> None:
    (repository / "bottle.yaml").symlink_to("/nowhere")
    found = find_manifest(repository, home=home)
    assert found is not None
    with pytest.raises(BadManifest, match="not a symbolic link"):
        read_found(found)


def test_a_pipe_is_refused_without_waiting_for_a_writer(repository: Path) -> None:
    os.mkfifo(repository / "bottle.yaml")
    with pytest.raises(BadManifest, match="cannot be read"):
        read_found(repository / "bottle.yaml")


def test_a_folder_of_that_name_is_no_manifest(repository: Path, home: Path) -> None:
    (repository / "bottle.yaml").mkdir()
    assert find_manifest(repository, home=home) is None


def test_a_folder_is_refused(repository: Path) -> None:
    (repository / "bottle.yaml").mkdir()
    with pytest.raises(BadManifest, match="cannot be read"):
        read_found(repository / "bottle.yaml")


def test_a_file_over_the_bound_is_refused(repository: Path) -> None:
    (repository / "bottle.yaml").write_bytes(b"#" * (SIZE_LIMIT + 1))
    with pytest.raises(BadManifest) as caught:
        read_found(repository / "bottle.yaml")
    assert caught.value.facts == ("it is larger than 1024 KiB",)


def test_a_named_manifest_may_be_a_link_and_must_exist(repository: Path) -> None:
    (repository / "real.yaml").write_text("agent: shell")
    (repository / "link.yaml").symlink_to("real.yaml")
    assert read_named(repository / "link.yaml").content == b"agent: shell"
    with pytest.raises(BadManifest, match="cannot be read"):
        read_named(repository / "missing.yaml")


def test_a_file_name_that_steers_a_terminal_is_escaped(repository: Path) -> None:
    folder = repository / "\x1b[2J"
    folder.mkdir()
    (folder / "bottle.yaml").touch()
    assert read_found(folder / "bottle.yaml").label == "\\x1b[2J/bottle.yaml"
