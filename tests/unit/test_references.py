"""The pages that people wrote name what the code has: every exit code, every event of the gates."""

import re
from pathlib import Path

from pages import ROOT

from bot_bottle.cli.audit import ALTERED, UNENDED
from bot_bottle.errors import ExitCode

REFERENCE = ROOT / "docs" / "reference"
EVENT = re.compile(r'"event": "([a-z-]+)"')


def test_the_page_of_exit_codes_has_each_of_ours_and_no_other() -> None:
    codes = [int(code) for code in re.findall(r"^\| (\d+) \|", (REFERENCE / "exit-codes.md").read_text(), re.MULTILINE)]
    assert codes == sorted({*(int(code) for code in ExitCode), ALTERED, UNENDED})


def recorded() -> set[tuple[str, str]]:
    """Gate and event of all that the gates record, from their sources."""
    found = set()
    for gate in ("egress", "dlp", "git_gate", "supervise"):
        for source in (ROOT / "src" / "bot_bottle" / "gates" / gate).rglob("*.py"):
            found |= {(gate.replace("git_gate", "git-gate"), event) for event in EVENT.findall(source.read_text())}
    return found


def test_the_page_of_events_has_each_that_a_gate_records() -> None:
    page = (REFERENCE / "events.md").read_text()
    headings = re.findall(r"^## `([a-z-]+)` · (.+)$", page, re.MULTILINE)
    described = {(gate, event) for gate, events in headings for event in re.findall(r"`([a-z-]+)`", events)}
    assert len(recorded()) > 10
    assert recorded() - described == set()


def test_no_event_is_described_twice() -> None:
    headings = re.findall(r"^## (`.+)$", Path(REFERENCE / "events.md").read_text(), re.MULTILINE)
    each = [(heading.split("·")[0], event) for heading in headings for event in re.findall(r"`([a-z-]+)`", heading)[1:]]
    assert len(each) == len(set(each))
