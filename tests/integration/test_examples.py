"""The commands and programs on our pages run as they stand there: each block in a home and a project of its own.

`sh` blocks must succeed. `console` blocks must print what is shown: `…` stands for any text, a line of it for any lines,
and `TOKEN` in a command for what was printed in its place.
"""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from pages import ROOT, Block, every_block
from shop import Shop

pytestmark = pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed")
RUN = {language: [block for block in every_block(language) if block.is_run] for language in ("sh", "console", "python")}


@pytest.fixture
def typing(shop: Shop) -> Shop:
    """An operator with `bot-bottle` on PATH, who stands in a git repository."""
    tools = shop.home / "bin"
    tools.mkdir()
    program = tools / "bot-bottle"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m bot_bottle "$@"\n')
    program.chmod(0o755)
    (shop.home / "src").mkdir()
    (shop.home / "src" / "shop").symlink_to(shop.project)
    (shop.home / ".gitconfig").write_text("[user]\nname = Ann\nemail = ann@example.com\n[init]\ndefaultBranch = main\n")
    (shop.project / "prices.py").write_text("def total(cents):\n    return sum(cents)\n")
    typed(shop, "git init -q && git add . && git commit -qm 'Begin'")
    return shop


def typed(shop: Shop, script: str) -> "subprocess.CompletedProcess[str]":
    """Run a script as the operator's shell would."""
    env = shop.env(PATH=f"{shop.home / 'bin'}:{shop.env()['PATH']}", PYTHONSAFEPATH="1")
    argv = ["bash", "-euo", "pipefail", "-c", script]
    return subprocess.run(
        argv, env=env, cwd=shop.project, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120, check=False
    )


def test_there_are_examples_of_each_kind() -> None:
    assert {language: len(found) >= 3 for language, found in RUN.items()} == {"sh": True, "console": True, "python": True}


@pytest.mark.parametrize("block", RUN["sh"], ids=str)
def test_commands_succeed(typing: Shop, block: Block) -> None:
    done = typed(typing, block.text)
    assert done.returncode == 0, f"{block}\n{done.stdout}\n{done.stderr}"


@pytest.mark.parametrize("block", RUN["console"], ids=str)
def test_commands_print_what_the_page_shows(typing: Shop, block: Block) -> None:
    parts = re.split(r"^\$ (.+)\n", block.text, flags=re.MULTILINE)
    assert parts[0] == "", "a console block begins with a command"
    seen = ""
    for command, expected in zip(parts[1::2], parts[2::2], strict=True):
        done = typed(typing, f"set +e; {{ {with_tokens(command, seen)}\n}} 2>&1")
        seen += done.stdout
        assert matches(expected, done.stdout), f"{block}: {command}\n{done.stdout}\n{done.stderr}"


def with_tokens(command: str, seen: str) -> str:
    """The command with `TOKEN` as it was printed before, after the same words: what a reader would copy."""
    for before in re.findall(r"(\S+-)TOKEN", command):
        token = re.search(re.escape(before) + r"([a-z0-9]+)", seen)
        assert token is not None, f"no id {before}… was shown"
        command = command.replace(f"{before}TOKEN", token[0])
    return command


def matches(expected: str, printed: str) -> bool:
    """Whether this was printed; `…` is any text in a line, and alone on a line any lines."""
    pattern = "".join(
        r"(?:.*\n)*?" if line.strip() == "…" else r"[^\n]*?".join(re.escape(one) for one in line.rstrip().split("…")) + r"[ ]*\n"
        for line in expected.splitlines()
    )
    return re.fullmatch(pattern, printed if printed.endswith("\n") or not printed else printed + "\n") is not None


def test_an_ellipsis_stands_for_what_changes_and_for_nothing_else() -> None:
    assert matches("a … c\n", "a b c\n")
    assert matches("a\n…\nz\n", "a\nb\nc\nz\n")
    assert not matches("a … c\n", "a b d\n")
    assert not matches("a\n", "a\nb\n")


@pytest.mark.parametrize("block", RUN["python"], ids=str)
def test_a_program_runs_and_shows_something(typing: Shop, block: Block) -> None:
    argv = [sys.executable, "-W", "error", "-c", block.text]
    done = subprocess.run(argv, env=typing.env(), cwd=typing.project, capture_output=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout, "an example shows something"
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("block", [block for block in every_block("python") if block.mark], ids=str)
def test_a_program_that_is_not_run_is_a_program(block: Block) -> None:
    compile(block.text, str(block), "exec")


def test_the_first_look_changes_the_folder_only_when_it_is_landed(typing: Shop) -> None:
    first = next(block for block in RUN["sh"] if block.page == "README.md" and "bot-bottle land first" in block.text)
    before, _, after = first.text.partition("bot-bottle land first")
    note = typing.project / "note.txt"
    assert typed(typing, before).returncode == 0
    assert not note.exists()
    assert typed(typing, f"bot-bottle land first{after}").returncode == 0
    assert note.read_text() == "from inside\n"


def test_the_readme_is_read_in_two_minutes() -> None:
    words = re.sub(r"```.*?```|<[^>]+>|\|[-| ]+\|", "", Path(ROOT / "README.md").read_text(), flags=re.DOTALL).split()
    assert len(words) < 1100
