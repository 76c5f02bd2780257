"""What no file of the package may hold."""

import re
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2] / "src"


REPEATED = re.compile(r"\)[*+?]\+(?!,)")  # `)*+,` stands in sets of characters


def test_no_group_is_repeated_possessively() -> None:
    """CPython before 3.11.5 matches such groups wrongly (gh-106052); on Debian 12's Python a header field was lost by it."""
    found = [str(path) for path in sorted(SOURCE.rglob("*.py")) if REPEATED.search(path.read_text())]
    assert found == []
