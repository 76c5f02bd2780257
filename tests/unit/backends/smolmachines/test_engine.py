"""Which engine is taken, and what it may see of the operator's environment."""

import os
from pathlib import Path

import pytest

from bot_bottle.backends.base import Unusable
from bot_bottle.backends.smolmachines import engine
from bot_bottle.backends.smolmachines.engine import (
    Engine,
    checked,
    engine_env,
    engine_link,
    find_engine,
    read_version,
    ready_engine,
)
from bot_bottle.host.run import Command, CouldNotRun, Finished, Run


def saying(text: str) -> Run:
    return lambda command: Finished(code=0, stdout=text.encode(), stderr=b"")


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("smolvm 1.32.2\n", (1, 32, 2)),
        ("smolvm 2.0.0", (2, 0, 0)),
        ("SmolVM CLI 0.4.1\n", None),  # PyPI's smolvm, another product
        ("", None),
        ("smolvm 1.32", None),
    ],
)
def test_version_is_read(text: str, version: tuple[int, int, int] | None) -> None:
    assert read_version(text) == version


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("smolvm 1.31.9\n", "has version 1.31.9"),
        ("smolvm 1.9.2\n", "has version 1.9.2"),
        ("smolvm 2.0.0\n", "has version 2.0.0"),
        ("SmolVM CLI 0.4.1\n", "is another program"),
    ],
)
def test_engine_of_another_version_is_refused(text: str, why: str) -> None:
    found = checked(Path("/usr/bin/smolvm"), library=None, host={}, run=saying(text))
    assert isinstance(found, Unusable)
    assert why in found.why


@pytest.mark.parametrize("text", ["smolvm 1.32.0\n", "smolvm 1.32.2\n", "smolvm 1.40.0\n"])
def test_engine_of_a_known_version_is_taken(text: str) -> None:
    found = checked(Path("/usr/bin/smolvm"), library=None, host={}, run=saying(text))
    assert found == Engine(program=Path("/usr/bin/smolvm"), version=text.split()[1])


def test_engine_that_does_not_start_is_told() -> None:
    def failing(command: Command) -> Finished:
        raise CouldNotRun("smolvm could not be started.", facts=("Exec format error",))

    found = checked(Path("/usr/bin/smolvm"), library=None, host={}, run=failing)
    assert isinstance(found, Unusable)
    assert "Exec format error" in found.facts


def test_without_any_engine_the_way_to_one_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "wheel_folder", lambda: None)
    found = find_engine({"PATH": "/nowhere"})
    assert isinstance(found, Unusable)
    assert "bot-bottle[smolmachines]" in found.next


def test_engine_sees_nothing_of_its_own_in_the_operators_environment() -> None:
    host = {
        "PATH": "/bin",
        "HOME": "/home/o",
        "SMOLVM_BOOT_BINARY": "/evil",
        "SMOLVM_SECCOMP": "off",
        "SMOLVM_EGRESS_FLOOR": "none",
        "SMOL_CLOUD_TOKEN": "t",
        "HTTPS_PROXY": "http://proxy.example.com",
        "SSH_AUTH_SOCK": "/s",
        "LD_PRELOAD": "/evil.so",
        "ANTHROPIC_API_KEY": "k",
    }
    env = engine_env(host, library=Path("/lib/smol"))
    assert set(env) <= {
        "PATH", "HOME", "SMOLVM_SECCOMP", "SMOLVM_LANDLOCK", "SMOLVM_VM_UID_DROP", "SMOLVM_LIB_DIR", "SMOLVM_AGENT_ROOTFS_TAR",
        "LD_LIBRARY_PATH", "RUST_LOG", "NO_COLOR",
    }  # fmt: skip
    assert (env["SMOLVM_SECCOMP"], env["SMOLVM_LANDLOCK"]) == ("enforce", "enforce")


def test_link_has_the_name_without_which_the_engine_talks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "smol"
    folder.mkdir()
    (folder / "smol-vmm").write_bytes(b"program")
    found = Engine(program=engine_link(folder / "smol-vmm"), version="1.32.2", library=folder)
    ready_engine(found)
    ready_engine(found)
    assert found.program.name == "smolvm"
    assert found.program.read_bytes() == b"program"
    assert os.listdir(found.program.parent) == ["smolvm"]


def test_another_program_has_another_link(tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    first.write_bytes(b"1")
    second.write_bytes(b"22")
    assert engine_link(first) != engine_link(second)
