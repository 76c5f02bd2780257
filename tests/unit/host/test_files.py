"""What is written into a folder that a bottle has had stays in that folder."""

import stat
from pathlib import Path

import pytest

from bot_bottle.host.files import write_below


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "file").write_text("mine\n")
    made = tmp_path / "home"
    made.mkdir()
    return made


def outside(home: Path) -> dict[str, str]:
    return {one.name: one.read_text() for one in (home.parent / "outside").iterdir()}


def test_folders_on_the_way_are_made_and_the_mode_is_exact(home: Path) -> None:
    write_below(home, ".a/b/c.json", "{}", mode=0o640)
    assert (home / ".a/b/c.json").read_text() == "{}"
    assert stat.S_IMODE((home / ".a/b/c.json").stat().st_mode) == 0o640


@pytest.mark.parametrize("target", ["../outside", "/", "nowhere"])
def test_a_link_on_the_way_is_replaced_by_a_folder(home: Path, target: str) -> None:
    (home / ".config").symlink_to(target)
    write_below(home, ".config/file", "ours")
    assert not (home / ".config").is_symlink()
    assert (home / ".config/file").read_text() == "ours"
    assert outside(home) == {"file": "mine\n"}


def test_a_link_of_the_files_own_name_is_replaced(home: Path) -> None:
    (home / "settings").symlink_to("../outside/file")
    write_below(home, "settings", "ours")
    assert not (home / "settings").is_symlink()
    assert outside(home) == {"file": "mine\n"}


def test_a_second_name_of_a_file_outside_keeps_its_content(home: Path) -> None:
    (home / "settings").hardlink_to(home.parent / "outside/file")
    write_below(home, "settings", "ours")
    assert outside(home) == {"file": "mine\n"}


def test_a_file_where_a_folder_should_be_is_replaced(home: Path) -> None:
    (home / ".config").write_text("x")
    write_below(home, ".config/file", "ours")
    assert (home / ".config/file").read_text() == "ours"


def test_a_folder_where_the_file_should_be_is_an_error(home: Path) -> None:
    (home / "settings").mkdir()
    with pytest.raises(OSError, match="settings"):
        write_below(home, "settings", "ours")


@pytest.mark.parametrize("path", ["../outside/file", "a/../../outside/file", "/outside/file", "./../outside/file"])
def test_a_path_that_leads_out_is_an_error(home: Path, path: str) -> None:
    with pytest.raises(OSError, match="is no name"):
        write_below(home, path, "ours")
    assert outside(home) == {"file": "mine\n"}
