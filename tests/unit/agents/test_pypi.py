"""Installing an agent from PyPI: pinned, wheels only, atomic; python and pip are played by a recording `run`."""

import re
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from bot_bottle.agents.pypi import Release, find, install, interpreter, read_pins
from bot_bottle.agents.shelf import folder_of, is_unchanged
from bot_bottle.errors import CannotRunHere
from bot_bottle.host.run import Command, CouldNotRun, Finished

OURS = f"{sys.version_info[0]}.{sys.version_info[1]}"
RELEASE = Release(agent="thing", version="1.0", module="thing", pins="thing==1.0 --hash=sha256:00\n", pythons=(OURS,))


class Pip:
    """Plays `python -m venv` and `pip install`; the step called `fails` ends with code 1 and these words."""

    def __init__(self, *, fails: str = "", words: bytes = b"") -> None:
        self.asked: list[Command] = []
        self.fails, self.words = fails, words

    def __call__(self, command: Command) -> Finished:
        self.asked.append(command)
        step = command.argv[3]
        if step == self.fails:
            return Finished(code=1, stdout=b"", stderr=self.words)
        if step == "venv":
            python = Path(command.argv[4]) / "bin" / "python"
            python.parent.mkdir(parents=True)
            python.symlink_to(sys.executable)
        return Finished(code=0, stdout=b"", stderr=b"")


def host(tmp_path: Path) -> dict[str, str]:
    return {"PATH": str(tmp_path), "PIP_INDEX_URL": "https://index.example.com", "SECRET_TOKEN": "s3cret"}


def test_install_puts_the_pinned_version_in_the_cache(tmp_path: Path) -> None:
    installed = install(RELEASE, tmp_path, host=host(tmp_path), run=Pip())
    assert installed == find(RELEASE, tmp_path, host(tmp_path))
    assert installed.folder == folder_of(tmp_path, "thing", "1.0")
    assert installed.integrity.startswith("sha256-")


def test_pip_takes_only_wheels_with_pinned_hashes_and_sees_only_its_own_settings(tmp_path: Path) -> None:
    pip = Pip()
    folder = install(RELEASE, tmp_path, host=host(tmp_path), run=pip).folder
    _, command = pip.asked
    assert {"--require-hashes", "--only-binary=:all:", "--no-deps"} <= set(command.argv)
    assert (folder / "requirements.txt").read_text() == RELEASE.pins
    assert command.env["PIP_INDEX_URL"] == "https://index.example.com"
    assert "SECRET_TOKEN" not in command.env


def test_a_second_install_asks_nothing(tmp_path: Path) -> None:
    install(RELEASE, tmp_path, host=host(tmp_path), run=Pip())
    again = Pip()
    install(RELEASE, tmp_path, host=host(tmp_path), run=again)
    assert again.asked == []


def test_other_pins_or_another_interpreter_count_as_not_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install(RELEASE, tmp_path, host=host(tmp_path), run=Pip())
    assert find(replace(RELEASE, pins="thing==1.0 --hash=sha256:01\n"), tmp_path, host(tmp_path)) is None
    monkeypatch.setattr("bot_bottle.agents.pypi.interpreters", lambda host: iter([(OURS, Path("/opt/other/python"))]))
    assert find(RELEASE, tmp_path, host(tmp_path)) is None


def test_a_changed_environment_is_noticed_and_made_anew(tmp_path: Path) -> None:
    folder = install(RELEASE, tmp_path, host=host(tmp_path), run=Pip()).folder
    (folder / "venv" / "trojan.pth").write_text("import os")
    assert not is_unchanged(folder)
    install(RELEASE, tmp_path, host=host(tmp_path), run=Pip())
    assert is_unchanged(folder)


def test_without_the_venv_module_the_line_to_type_is_named_and_nothing_is_left(tmp_path: Path) -> None:
    with pytest.raises(CannotRunHere) as caught:
        install(RELEASE, tmp_path, host=host(tmp_path), run=Pip(fails="venv", words=b"ensurepip is not available"))
    assert "apt-get install python3-venv" in caught.value.next
    assert [path.name for path in (tmp_path / "agents" / "thing").iterdir()] == [".lock"]


def test_pips_own_words_are_passed_on_without_control_characters(tmp_path: Path) -> None:
    with pytest.raises(CouldNotRun) as caught:
        install(RELEASE, tmp_path, host=host(tmp_path), run=Pip(fails="pip", words=b"ERROR: \x1b[31mhashes differ\n"))
    assert caught.value.facts == ("ERROR: ?[31mhashes differ",)


def test_without_a_fitting_python_the_versions_are_named(tmp_path: Path) -> None:
    with pytest.raises(CannotRunHere, match=r"needs Python 2\.7"):
        interpreter(replace(RELEASE, pythons=("2.7",)), host(tmp_path))


def test_aiders_list_pins_every_package_by_hash_and_names_no_address() -> None:
    pins = read_pins("aider")
    entries = [entry for entry in re.split(r"\n(?=[a-z0-9])", pins) if "==" in entry]
    assert len(entries) > 100
    assert [entry for entry in entries if "--hash=sha256:" not in entry] == []
    assert "://" not in pins
    assert "aider-chat==0.86.2" in pins
