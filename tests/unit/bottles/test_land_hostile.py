"""What an agent can leave so that nobody looks: it is named, it is not landed, and nothing fails on it."""

import os
from pathlib import Path

from bot_bottle.bottles.land import diff_texts, why_not
from bot_bottle.bottles.workspace import Change, changes, listing


def test_a_folder_deeper_than_a_path_can_be_long_is_named_and_not_landed(tmp_path: Path) -> None:
    (tmp_path / "before").mkdir()
    (tmp_path / "after").mkdir()
    here = os.open(tmp_path / "after", os.O_RDONLY)
    for _ in range(120):
        os.mkdir("d" * 40, dir_fd=here)
        below = os.open("d" * 40, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)
    (change,) = changes(tmp_path / "before", tmp_path / "after")
    assert change.kind == "added"
    assert why_not(change, tmp_path / "after") == "it lies deeper than a path can be long"
    (line,) = diff_texts(change, None, tmp_path / "after" / change.path)
    assert "not shown" in line


def test_a_terabyte_of_nothing_is_neither_read_nor_landed(tmp_path: Path) -> None:
    with (tmp_path / "large").open("wb") as file:
        file.truncate(1 << 40)
    change = Change(path="large", kind="added")
    (line,) = diff_texts(change, None, tmp_path / "large")
    assert "not shown" in line
    assert why_not(change, tmp_path) == "it is larger than 1 GiB"


def test_a_folder_that_is_a_link_is_not_looked_into(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_text("x")
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "link").symlink_to(tmp_path / "outside")
    assert list(listing(tmp_path / "work")) == ["link"]
