"""The README's commands do what it says: the blocks marked for this test are run, line by line, as a user would type them."""

import re
import shlex
import shutil
from pathlib import Path

import pytest
from shop import Shop

README = (Path(__file__).resolve().parents[2] / "README.md").read_text()
MARKED = re.compile(r"<!-- tried by tests/integration/test_readme\.py -->\n```sh\n(.*?)^```", re.DOTALL | re.MULTILINE)
BLOCKS = [[line for line in block.splitlines() if line.strip()] for block in MARKED.findall(README)]


def test_there_are_blocks_to_try() -> None:
    assert len(BLOCKS) == README.count("<!-- tried by") == 3


@pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed")
@pytest.mark.parametrize("block", BLOCKS, ids=[block[0].split("#")[0].strip() for block in BLOCKS])
def test_every_line_of_a_block_works(shop: Shop, block: list[str]) -> None:
    for line in block:
        words = shlex.split(line, comments=True)
        assert words[0] == "bot-bottle", line
        if ">" in words:
            words = words[: words.index(">")]
        done = shop.bot_bottle(*words[1:])
        assert done.returncode == 0, f"{line}\n{done.stderr.decode()}"


@pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed")
def test_the_first_look_changes_the_folder_only_when_it_is_landed(shop: Shop) -> None:
    block = next(block for block in BLOCKS if any(" land " in line for line in block))
    for line in block:
        note = shop.project / "note.txt"
        assert note.exists() == (" rm " in line), line
        shop.bot_bottle(*shlex.split(line, comments=True)[1:])
    assert note.read_text() == "from inside\n"


def test_every_page_that_the_readme_names_exists() -> None:
    root = Path(__file__).resolve().parents[2]
    for page in re.findall(r"\]\(([^)#]+)\)", README):
        assert (root / page).is_file(), page
