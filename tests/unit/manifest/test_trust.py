"""Trust is pinned to a path and its bytes, survives damage only by refusing, and shows what changed."""

import json
import stat
from pathlib import Path

import pytest

from bot_bottle.errors import BottleError
from bot_bottle.manifest.trust import all_trusted, difference, forget, remember, trusted

PATH = Path("/somewhere/bottle.yaml")


def test_what_is_remembered_is_trusted_and_nothing_else() -> None:
    remember(PATH, b"agent: codex\n", ((Path("/somewhere/p.md"), "ab"),), at=0)
    known = trusted(PATH)
    assert known is not None
    assert known.same(b"agent: codex\n", ((Path("/somewhere/p.md"), "ab"),))
    assert not known.same(b"agent: codex", ((Path("/somewhere/p.md"), "ab"),))
    assert not known.same(b"agent: codex\n", ((Path("/somewhere/p.md"), "cd"),))
    assert not known.same(b"agent: codex\n", ())
    assert trusted(Path("/elsewhere/bottle.yaml")) is None


def test_a_path_that_is_not_utf8_can_be_trusted() -> None:
    path = Path("/somewhere/\udcff/bottle.yaml")
    remember(path, b"agent: codex\n", (), at=0)
    assert trusted(path) is not None


def test_forgetting_ends_trust_and_says_whether_there_was_any() -> None:
    remember(PATH, b"", (), at=0)
    assert forget(PATH)
    assert trusted(PATH) is None
    assert not forget(PATH)


def test_trusting_again_replaces_what_was_trusted() -> None:
    remember(PATH, b"old", (), at=0)
    remember(PATH, b"new", (), at=86400 * 365)
    assert [one.content for one in all_trusted()] == [b"new"]


def test_records_are_for_their_owner_only() -> None:
    record = remember(PATH, b"", (), at=0)
    assert stat.S_IMODE(record.stat().st_mode) == 0o600
    assert stat.S_IMODE(record.parent.stat().st_mode) == 0o700


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b"null", b'{"version": 1}'])
def test_a_damaged_record_is_an_error_and_not_trust(damage: bytes) -> None:
    remember(PATH, b"agent: codex\n", (), at=0).write_bytes(damage)
    with pytest.raises(BottleError, match="damaged"):
        trusted(PATH)


def test_a_record_whose_content_was_exchanged_is_an_error() -> None:
    record = remember(PATH, b"agent: codex\n", (), at=0)
    stored = json.loads(record.read_text())
    record.write_text(json.dumps(stored | {"content": "agent: shell\n"}))
    with pytest.raises(BottleError, match="damaged"):
        trusted(PATH)


def test_the_difference_shows_changed_lines_escaped_and_changed_files() -> None:
    remember(PATH, b"agent: claude\nenv: {A: b}\n", ((Path("/p.md"), "ab"), (Path("/q.md"), "ab")), at=0)
    known = trusted(PATH)
    assert known is not None
    lines = difference(
        known, b"agent: codex\x1b[2J\nenv: {A: b}\n", ((Path("/p.md"), "cd"), (Path("/q.md"), "ab"), (Path("/r.md"), "ef"))
    )
    assert "-agent: claude" in lines
    assert "+agent: codex\\x1b[2J" in lines
    assert [line for line in lines if line.startswith("/")] == [
        f"/p.md has other content than on {known.day}",
        "/r.md is named for the first time",
    ]
