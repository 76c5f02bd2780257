"""Every rule that can refuse a push is in the reference, and the reference names no other."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[4]
SOURCES = ROOT / "src/bot_bottle/gates/git_gate"
PAGE = ROOT / "docs/reference/git-checks.md"


def test_the_reference_lists_the_rules_that_there_are() -> None:
    code = "\n".join(path.read_text() for path in sorted(SOURCES.glob("*.py")))
    made = set(re.findall(r'rule="([a-z-]+)"', code)) | set(re.findall(r'"(ref-(?:special|prefix|tag))"', code))
    told = set(re.findall(r"`([a-z]+(?:-[a-z]+)*)`", "".join(re.findall(r"^\|([^|]*)\|", PAGE.read_text(), re.MULTILINE))))
    assert made == told
