"""A start without a manifest pays for no parser: what `load` imports then, in a process of its own."""

import subprocess
import sys
from pathlib import Path

HEAVY = (
    "yaml",
    "pydantic",
    "cryptography",
    "asyncio",
    "rich",
    "difflib",
    "bot_bottle.manifest.model",
    "bot_bottle.manifest.tree",
)

CODE = f"""
import sys
from pathlib import Path
from bot_bottle.manifest.read import Sources, load
load(Sources(cwd=Path(sys.argv[1])))
print([name for name in {HEAVY!r} if name in sys.modules])
"""


def imported(folder: Path) -> str:
    env = {"HOME": str(folder / "home"), "PYTHONPATH": ":".join(sys.path)}
    (folder / "project").mkdir(exist_ok=True)
    command = [sys.executable, "-c", CODE, str(folder / "project")]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=60, check=True).stdout.strip()


def test_a_start_without_files_imports_no_parser(tmp_path: Path) -> None:
    assert imported(tmp_path) == "[]"


def test_a_manifest_brings_the_parser_in(tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "bottle.yaml").write_text("limits: {pids: 99}\n")
    assert "'pydantic'" in imported(tmp_path)
