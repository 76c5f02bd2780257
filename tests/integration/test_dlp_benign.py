"""Real code and data pass: this Python's standard library and every package around, scanned as bodies of requests.

What is found is listed here with its judgement: texts that really have the form they were taken for.
"""

import sysconfig
from pathlib import Path

import pytest

from bot_bottle.gates.dlp.blobs import BlobScanner
from bot_bottle.gates.dlp.score import STOPPING

GENUINE = frozenset(
    ("private-key", "payment-card", "us-ssn", "jwt", "aws-access-key", "aws-temporary-key", "aws-secret", "aws-session", "netrc")
)
"""Rules whose finds below are examples and test keys in these packages: the real form, published on purpose."""

EXPECTED_PARTS = (
    "test",
    "example",
    "pyparsing/results.py",
    "METADATA",
    "ensurepip/_bundled",
    "_vendor",
    "docs",
    "hypothesis",
    "botocore",
    "moto",
    "faker",
    "stripe",
)
LARGEST = 4_000_000


def files(root: Path) -> list[Path]:
    """Regular files of source and data, without compiled caches."""
    return [
        path
        for path in sorted(root.rglob("*"))
        if path.is_file() and not path.is_symlink() and path.suffix != ".pyc" and path.stat().st_size < LARGEST
    ]


@pytest.mark.slow
@pytest.mark.parametrize("place", ["stdlib", "purelib"])
def test_nothing_harmless_is_stopped_in_the_packages_around(place: str) -> None:
    root = Path(sysconfig.get_path(place))
    scanner = BlobScanner((), key=b"k")
    total, wrong = 0, []
    for path in files(root):
        if place == "stdlib" and "site-packages" in path.parts:
            continue
        content = path.read_bytes()
        total += len(content)
        for one in scanner.scan_blob(content, str(path.relative_to(root))):
            if one.kind in STOPPING and not (one.rule in GENUINE and any(part in one.where for part in EXPECTED_PARTS)):
                wrong.append(one.describe())
    assert total > 10_000_000
    assert wrong == []
