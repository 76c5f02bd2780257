"""What a submission runs."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def test_every_suite_of_an_engine_is_run_and_the_emulated_machine_last() -> None:
    named = re.search(r"^for suite in (.+); do$", (ROOT / ".ci" / "run").read_text(), re.MULTILINE)
    assert named is not None
    suites = named[1].split()
    assert sorted(suites) == sorted(path.stem for path in (ROOT / "scripts" / "engines").glob("*.sh"))
    assert suites[-1] == "smolmachines"
