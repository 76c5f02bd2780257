"""Installing an agent from npm: pinned by content, atomic, repeatable. npm itself is played by a recording `run`."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from bot_bottle.agents.claude import RELEASE as CLAUDE
from bot_bottle.agents.codex import RELEASE as CODEX
from bot_bottle.agents.npm import Release, find, folder_of, install, lock_file, program_path
from bot_bottle.agents.shelf import is_unchanged
from bot_bottle.errors import BottleError, CannotRunHere
from bot_bottle.host.run import Command, CouldNotRun, Finished

SYSTEM = "linux-x64"


class Npm:
    """Plays `npm ci`: unpacks what the lock file asks for. `swap` gives one package another hash, `code` fails."""

    def __init__(self, *, code: int = 0, stderr: bytes = b"", swap: str = "") -> None:
        self.asked: list[Command] = []
        self.code, self.stderr, self.swap = code, stderr, swap

    def __call__(self, command: Command) -> Finished:
        self.asked.append(command)
        if self.code:
            return Finished(code=self.code, stdout=b"", stderr=self.stderr)
        assert command.cwd is not None
        lock = json.loads((command.cwd / "package-lock.json").read_bytes())
        packages = {place: entry for place, entry in lock["packages"].items() if place}
        for place, entry in packages.items():
            for program in ("claude", "vendor/x86_64-unknown-linux-musl/bin/codex"):
                path = command.cwd / place / program
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(b"\x7fELF program")
                path.chmod(0o755)
            if place.endswith(self.swap or "nothing"):
                entry["integrity"] = "sha512-other"
        (command.cwd / "node_modules" / ".package-lock.json").write_text(json.dumps({"packages": packages}))
        return Finished(code=0, stdout=b"", stderr=b"")


@pytest.fixture
def host(tmp_path: Path) -> dict[str, str]:
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "npm").touch(mode=0o755)
    return {
        "PATH": str(folder),
        "HOME": str(tmp_path),
        "npm_config_cafile": "/ca.pem",
        "SECRET_TOKEN": "s3cret",
        "HTTPS_PROXY": "p",
    }


@pytest.mark.parametrize("release", [CLAUDE, CODEX], ids=lambda release: release.agent)
def test_install_puts_the_pinned_version_in_the_cache(release: Release, tmp_path: Path, host: dict[str, str]) -> None:
    installed = install(release, tmp_path, system=SYSTEM, host=host, run=Npm())
    assert installed == find(release, tmp_path, SYSTEM)
    assert installed.folder == tmp_path / "agents" / release.agent / release.main.version
    assert installed.integrity == release.platforms[SYSTEM].package.integrity
    assert Path(program_path(release, str(installed.folder), SYSTEM)).is_file()


def test_a_second_install_asks_npm_nothing(tmp_path: Path, host: dict[str, str]) -> None:
    install(CLAUDE, tmp_path, system=SYSTEM, host=host, run=Npm())
    again = Npm()
    install(CLAUDE, tmp_path, system=SYSTEM, host=host, run=again)
    assert again.asked == []


def test_npm_runs_no_package_scripts_and_sees_only_its_own_settings(tmp_path: Path, host: dict[str, str]) -> None:
    npm = Npm()
    install(CLAUDE, tmp_path, system=SYSTEM, host=host, run=npm)
    (command,) = npm.asked
    assert command.argv[1:3] == ("ci", "--ignore-scripts")
    assert command.env["npm_config_cafile"] == "/ca.pem"
    assert command.env["HTTPS_PROXY"] == "p"
    assert "SECRET_TOKEN" not in command.env


def test_installed_files_are_read_only(tmp_path: Path, host: dict[str, str]) -> None:
    folder = install(CLAUDE, tmp_path, system=SYSTEM, host=host, run=Npm()).folder
    assert [path for path in folder.rglob("*") if path.is_file() and path.stat().st_mode & 0o222] == []


def test_the_lock_file_pins_both_packages_by_content_and_names_no_registry() -> None:
    for release in (CLAUDE, CODEX):
        package, lock = lock_file(release, SYSTEM)
        entries = json.loads(lock)["packages"]
        wanted = {p.integrity for p in (release.main, release.platforms[SYSTEM].package)}
        assert {entry["integrity"] for place, entry in entries.items() if place} == wanted
        assert "resolved" not in lock
        assert "://" not in package + lock


def test_a_program_that_was_changed_is_installed_anew(tmp_path: Path, host: dict[str, str]) -> None:
    folder = install(CLAUDE, tmp_path, system=SYSTEM, host=host, run=Npm()).folder
    program = Path(program_path(CLAUDE, str(folder), SYSTEM))
    program.chmod(0o755)
    program.write_bytes(b"\x7fELF trojan!")
    assert not is_unchanged(folder_of(CLAUDE, tmp_path))
    install(CLAUDE, tmp_path, system=SYSTEM, host=host, run=Npm())
    assert is_unchanged(folder_of(CLAUDE, tmp_path))


@pytest.mark.parametrize("change", ["a new file", "another word in package.json", "a link"])
def test_any_change_of_an_install_is_noticed(change: str, tmp_path: Path, host: dict[str, str]) -> None:
    folder = install(CLAUDE, tmp_path, system=SYSTEM, host=host, run=Npm()).folder
    assert is_unchanged(folder)
    match change:
        case "a new file":
            (folder / "node_modules" / "extra.js").touch()
        case "a link":
            (folder / "node_modules" / "link").symlink_to("/etc")
        case _:
            (folder / "package.json").chmod(0o644)
            (folder / "package.json").write_text("{}")
    assert not is_unchanged(folder)


@pytest.mark.parametrize("damage", ["record", "program", "size", "pin"])
def test_a_damaged_install_counts_as_none(damage: str, tmp_path: Path, host: dict[str, str]) -> None:
    folder = install(CLAUDE, tmp_path, system=SYSTEM, host=host, run=Npm()).folder
    program = Path(program_path(CLAUDE, str(folder), SYSTEM))
    program.chmod(0o755)
    (folder / "install.json").chmod(0o644)
    release = CLAUDE
    match damage:
        case "record":
            (folder / "install.json").write_text("{")
        case "program":
            program.unlink()
        case "size":
            program.write_bytes(b"short")
        case _:
            release = replace(CLAUDE, main=replace(CLAUDE.main, integrity="sha512-new"))
    assert find(release, tmp_path, SYSTEM) is None


def test_a_package_with_another_hash_is_refused_and_leaves_nothing(tmp_path: Path, host: dict[str, str]) -> None:
    with pytest.raises(BottleError, match="other packages"):
        install(CLAUDE, tmp_path, system=SYSTEM, host=host, run=Npm(swap="claude-code-linux-x64"))
    assert [path.name for path in (tmp_path / "agents" / "claude").iterdir()] == [".lock"]


def test_npms_own_words_are_passed_on_without_control_characters(tmp_path: Path, host: dict[str, str]) -> None:
    npm = Npm(code=1, stderr=b"npm error code EINTEGRITY\nnpm error \x1b[31mwanted sha512-x\n")
    with pytest.raises(CouldNotRun) as caught:
        install(CLAUDE, tmp_path, system=SYSTEM, host=host, run=npm)
    assert caught.value.facts == ("npm error code EINTEGRITY", "npm error ?[31mwanted sha512-x")
    assert find(CLAUDE, tmp_path, SYSTEM) is None


def test_without_npm_the_line_to_type_is_named(tmp_path: Path) -> None:
    with pytest.raises(CannotRunHere) as caught:
        install(CLAUDE, tmp_path, system=SYSTEM, host={"PATH": str(tmp_path)}, run=Npm())
    assert "apt-get install npm" in caught.value.next


def test_an_install_that_is_there_needs_no_npm(tmp_path: Path, host: dict[str, str]) -> None:
    install(CLAUDE, tmp_path, system=SYSTEM, host=host, run=Npm())
    assert install(CLAUDE, tmp_path, system=SYSTEM, host={}, run=Npm(code=1)).version == CLAUDE.main.version


def test_what_a_killed_install_left_is_swept(tmp_path: Path, host: dict[str, str]) -> None:
    left = tmp_path / "agents" / "claude" / ".new.dead"
    (left / "node_modules").mkdir(parents=True)
    install(CLAUDE, tmp_path, system=SYSTEM, host=host, run=Npm())
    assert not left.exists()


def test_a_machine_without_a_build_is_told_so(tmp_path: Path, host: dict[str, str]) -> None:
    with pytest.raises(CannotRunHere, match="no build for linux-riscv64"):
        install(CLAUDE, tmp_path, system="linux-riscv64", host=host, run=Npm())
    assert not folder_of(CLAUDE, tmp_path).exists()
