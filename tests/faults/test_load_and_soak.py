"""Small versions of bench/load.py and bench/soak.py, by their own bars: many bottles end clean, one that works stays flat."""

import subprocess
import sys
from pathlib import Path

import pytest
from engine import ENGINE

BENCH = Path(__file__).resolve().parents[2] / "bench"

pytestmark = pytest.mark.skipif(bool(ENGINE), reason="measured on namespaces")


def bench(name: str, *words: str) -> str:
    """What it prints; a missed bar is a failure."""
    done = subprocess.run((sys.executable, str(BENCH / name), *words), capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_eight_bottles_at_once_are_within_the_bars_and_all_end() -> None:
    assert "left at the end                          0.00" in bench("load.py", "--bottles", "8")


def test_a_bottle_that_works_in_rounds_grows_within_the_bars() -> None:
    counts = ("--requests", "400", "--execs", "10", "--attaches", "50", "--pushes", "10", "--asks", "20")
    assert "MISSED" not in bench("soak.py", *counts)
