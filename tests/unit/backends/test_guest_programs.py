"""Where the programs for inside are looked for, and how it is compiled."""

import ast
from pathlib import Path

import pytest

from bot_bottle.backends import guest_programs
from bot_bottle.errors import CannotRunHere
from bot_bottle.host.run import Command, Finished

ROOT = Path(__file__).resolve().parents[3]


def test_a_packaged_program_wins(tmp_path: Path) -> None:
    packaged = tmp_path / "forwarder" / "bin" / "forwarder-aarch64"
    packaged.parent.mkdir(parents=True)
    packaged.touch()
    assert guest_programs.forwarder_path("aarch64", guest=tmp_path) == packaged


def test_without_one_it_is_in_the_cache_under_a_digest_of_its_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    source = tmp_path / "forwarder" / "forwarder.c"
    source.parent.mkdir()
    source.write_text("int main(void) { return 0; }\n")
    first = guest_programs.forwarder_path("x86_64", guest=tmp_path)
    assert first.is_relative_to(tmp_path / "cache" / "bot-bottle" / "guest")
    source.write_text("int main(void) { return 1; }\n")
    assert guest_programs.forwarder_path("x86_64", guest=tmp_path) != first


def test_other_machines_have_none() -> None:
    with pytest.raises(CannotRunHere):
        guest_programs.forwarder_path("riscv64")


def test_a_program_that_is_there_is_not_compiled_again(tmp_path: Path) -> None:
    path = tmp_path / "forwarder-x86_64"
    path.touch()

    def never(command: Command) -> Finished:
        raise AssertionError(command)

    assert guest_programs.ready_program(path, run=never) == path


def test_a_program_that_does_not_compile_says_why_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guest_programs, "compilers", lambda machine: (("cc",),))
    path = tmp_path / "cache" / "forwarder-x86_64"
    with pytest.raises(CannotRunHere) as caught:
        guest_programs.ready_program(path, run=lambda command: Finished(code=1, stdout=b"", stderr=b"no \x1b[1mlibc.a\n"))
    assert caught.value.facts == ("no \\x1b[1mlibc.a",)
    assert list(path.parent.iterdir()) == []


def test_a_program_without_any_compiler_says_how_to_get_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guest_programs, "compilers", lambda machine: ())
    with pytest.raises(CannotRunHere) as caught:
        guest_programs.ready_program(tmp_path / "forwarder-x86_64")
    assert "ziglang" in caught.value.next


def test_wheel_and_checkout_compile_alike() -> None:
    """The hook cannot import the package that it builds."""
    hook = ast.parse((ROOT / "build_hook.py").read_text())
    said = {
        node.targets[0].id: ast.literal_eval(node.value)
        for node in hook.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }
    assert (said["TARGETS"], said["FLAGS"]) == (guest_programs.TARGETS, guest_programs.FLAGS)
