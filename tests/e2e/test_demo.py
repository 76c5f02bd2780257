"""The README's demo does what it says."""

import shutil
import subprocess
from pathlib import Path

import pytest
from scene import ROOT, Operator


@pytest.mark.slow
def test_the_demo_repairs_the_repository_and_keeps_the_key_outside(operator: Operator, tmp_path: Path) -> None:
    demo = operator.own(Path(shutil.copytree(ROOT / "examples" / "demo", tmp_path / "demo")))
    command = (*operator.prefix, operator.python, str(demo / "demo.py"))
    done = subprocess.run(
        command, env=operator.env(), cwd=operator.home, capture_output=True, text=True, timeout=180, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    for words in (
        "+    share, left_over = divmod",
        "denied by bot-bottle",
        "deny    1 x  GET forum.example.com",
        "7 of 7 model calls",
    ):
        assert words in done.stdout
    assert operator.bot_bottle("ls", "--json").stdout.strip() == "[]"
