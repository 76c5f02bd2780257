"""What our pages say holds: links lead somewhere, manifests are manifests, commands and options exist, nothing is left out."""

import re
import shlex
from pathlib import Path

import click
import pytest
from pages import PAGES, ROOT, Block, blocks, every_block

from bot_bottle.cli.main import app
from bot_bottle.errors import BottleError
from bot_bottle.manifest.read import Sources, load

NAMES = [str(page.relative_to(ROOT)) for page in PAGES]
EVERY = [block for page in PAGES for block in blocks(page)]
LANGUAGES = {"": ("",), "yaml": ("", "policy", "each line"), "sh": ("", "not run"), "console": ("",), "python": ("", "not run")}
LINK = re.compile(r"\]\(([^)\s]+)\)")
INLINE = re.compile(r"`(bot-bottle [^`]+)`")
MENTIONED = ("my-ca.pem", "Dockerfile.agent", "Dockerfile", "tools.tar", "corp.toml", ".env", "prompt.md", "agent.py")
"""Files that manifests on our pages name."""


def outside(page: Path) -> str:
    """The page without its code blocks."""
    return re.sub(r"^ *```.*?^ *```$", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)


def anchors(page: Path) -> set[str]:
    """The names of its headings, as forges make them."""
    found = set()
    for heading in re.findall(r"^#+ (.+)$", outside(page), re.MULTILINE):
        plain = re.sub(r"[`*]|\[([^\]]*)\]\([^)]*\)", r"\1", heading).lower()
        found.add(re.sub(r"[^\w\- ]", "", plain).strip().replace(" ", "-"))
    return found


@pytest.mark.parametrize("name", NAMES)
def test_every_link_of_a_page_leads_somewhere(name: str) -> None:
    page = ROOT / name
    dead = []
    for link in LINK.findall(outside(page)):
        if link.startswith(("https:", "mailto:")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            dead.append(link)
    assert dead == []


def test_every_page_is_reached_from_the_index() -> None:
    index = (ROOT / "docs" / "README.md").resolve()
    reached, pending = {index}, [index]
    while pending:
        page = pending.pop()
        linked = {(page.parent / link.partition("#")[0]).resolve() for link in LINK.findall(page.read_text())}
        new = {one for one in linked if one.suffix == ".md" and one.exists()} - reached
        reached |= new
        pending += new
    every = {page.resolve() for page in PAGES if page.is_relative_to(index.parent)}
    assert {str(page.relative_to(ROOT)) for page in every - reached} == set(), "link these from docs/README.md"


@pytest.mark.parametrize("block", EVERY, ids=str)
def test_a_block_has_a_language_and_a_mark_that_a_test_knows(block: Block) -> None:
    assert block.language in LANGUAGES, "see Pages in CONTRIBUTING.md"
    assert block.mark in LANGUAGES[block.language], "see Pages in CONTRIBUTING.md"
    if block.mark == "not run":
        assert len(block.reason.split()) > 3, "say why in words"


@pytest.mark.parametrize("block", [block for block in EVERY if not block.language and "──" not in block.text], ids=str)
def test_a_block_with_commands_says_that_it_has_them(block: Block) -> None:
    assert not re.search(r"^\s*(\$ |bot-bottle )", block.text, re.MULTILINE)


@pytest.mark.parametrize("name", NAMES)
def test_no_command_hides_in_an_indented_block(name: str) -> None:
    assert not re.search(r"^ {4,}(\$ |bot-bottle )", outside(ROOT / name), re.MULTILINE)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with what the manifests on our pages name, and a home."""
    for variable in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home" / ".config" / "bot-bottle").mkdir(parents=True)
    (tmp_path / "home" / ".config" / "bait").write_text("bait\n")
    (tmp_path / "home" / "corp-ca.pem").write_text("certificates\n")
    made = tmp_path / "project"
    (made / ".git").mkdir(parents=True)
    (made / "rootfs").mkdir()
    for name in MENTIONED:
        (made / name).write_text("[[rules]]\nid = 'a'\nregex = 'abc123xyz'\n" if name.endswith(".toml") else "A=1\n")
    monkeypatch.chdir(made)
    return made


@pytest.mark.parametrize("block", every_block("yaml"), ids=str)
def test_a_manifest_is_one(block: Block, project: Path) -> None:
    each = [line for line in block.text.splitlines() if line.strip()] if block.mark == "each line" else [block.text]
    for text in each:
        try:
            if block.mark == "policy":
                policy = Path.home() / ".config" / "bot-bottle" / "policy.yaml"
                policy.write_text(text)
                policy.chmod(0o600)
                load(Sources(cwd=project))
            else:
                load(Sources(cwd=project, text=text))
        except BottleError as error:
            pytest.fail("\n".join((text, error.what, *error.facts)))


def commands(block: Block) -> list[str]:
    """The commands of ours in a block, each on one line."""
    joined = block.text.replace("\\\n", " ")
    lines = [line.removeprefix("$ ").strip() for line in joined.splitlines()]
    return [line for line in lines if line.startswith("bot-bottle ")]


def words_of(line: str) -> list[str]:
    """The words of the first command on a line, up to a pipe or a redirection."""
    reader = shlex.shlex(line, posix=True, punctuation_chars="|&<>")
    reader.whitespace_split = True
    found = []
    for word in reader:
        if set(word) <= set("|&<>"):
            break
        found.append(word)
    return found


TYPED = [pytest.param(line, id=f"{block}: {line[:60]}") for block in EVERY for line in commands(block)]
SAID = [
    pytest.param(found.replace("\n", " "), id=f"{page.name}: {found[:60]}")
    for page in PAGES
    for found in INLINE.findall(outside(page))
]


@pytest.mark.parametrize("line", [*TYPED, *SAID])
def test_a_command_and_its_options_exist(line: str) -> None:
    words = words_of(line)[1:]
    command: click.Command = app
    context = click.Context(app)
    while isinstance(command, click.Group) and words and not words[0].startswith("-"):
        name = words.pop(0)
        if name == "COMMAND":
            return
        found = command.get_command(context, name)
        assert found is not None, f"there is no {name}"
        command, context = found, click.Context(found, info_name=name, parent=context)
    if "--" in words:
        words = words[: words.index("--")]
    command.make_parser(context).parse_args([word for word in words if not word.startswith("[")])
