"""Which program becomes a bottle's first process."""

import os
import time
from pathlib import Path

import pytest

from bot_bottle.backends import first_process
from bot_bottle.backends.first_process import built_portal
from bot_bottle.backends.first_process import first_process as choose


@pytest.fixture
def guest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    sources = tmp_path / "portal_c"
    sources.mkdir()
    (sources / "portal.c").write_text("")
    (tmp_path / "bin").mkdir()
    monkeypatch.setattr(first_process, "GUEST_FOLDER", tmp_path)
    monkeypatch.setattr(first_process, "SOURCES", sources)
    monkeypatch.setattr(first_process, "BUILT", tmp_path / "bin" / f"portal-{os.uname().machine}")
    return tmp_path


def build(guest: Path, *, mode: int = 0o755) -> Path:
    program = guest / "bin" / f"portal-{os.uname().machine}"
    program.write_text("")
    program.chmod(mode)
    return program


def test_the_built_one_is_taken_when_it_is_there(guest: Path) -> None:
    program = build(guest)
    assert built_portal() == program
    chosen = choose(program, "/usr/bin/python3")
    assert (chosen.host_path, chosen.argv) == (program, (chosen.guest_path,))


def test_python_runs_it_where_none_was_built(guest: Path) -> None:
    assert built_portal() is None
    chosen = choose(None, "/usr/bin/python3")
    assert chosen.host_path == guest
    assert chosen.argv[:3] == ("/usr/bin/python3", "-I", "-S")


def test_one_older_than_its_sources_is_not_taken(guest: Path) -> None:
    build(guest)
    later = time.time() + 60
    os.utime(guest / "portal_c" / "portal.c", (later, later))
    assert built_portal() is None


def test_one_that_cannot_run_is_not_taken(guest: Path) -> None:
    build(guest, mode=0o644)
    assert built_portal() is None


def test_a_package_without_sources_takes_what_it_brings(guest: Path) -> None:
    program = build(guest)
    (guest / "portal_c" / "portal.c").unlink()
    (guest / "portal_c").rmdir()
    assert built_portal() == program
