"""The Python examples of our pages run as they stand, each in a process and a project of its own."""

import shutil
import subprocess
import sys

import pytest
from pages import Block, every_block
from shop import Shop

BLOCKS = every_block("python")


def test_there_are_examples_to_run() -> None:
    assert len([block for block in BLOCKS if not block.reason]) >= 6


@pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed")
@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_an_example_runs(shop: Shop, block: Block) -> None:
    compile(block.text, str(block), "exec")
    if block.mark == "not run":
        assert len(block.reason.split()) > 3, "say why in words"
        return
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", block.text],
        env=shop.env(),
        cwd=shop.project,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout, "an example shows something"
    assert b"Traceback" not in done.stderr
