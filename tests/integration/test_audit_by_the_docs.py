"""A verifier written from docs/reference/audit.md alone, with openssl for signatures, comes to the same verdicts as ours."""

import hashlib
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from audit_logs import BEGIN, KEYS, OTHER, OWN, decision, whole, written

from bot_bottle.bottles.audit.key import public_pem
from bot_bottle.bottles.audit.verify import verify

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")


def by_the_docs(log: bytes, folder: Path) -> str:
    """The rules of the page, in their order."""
    *whole_lines, rest = log.split(b"\n")
    prev, own, last = "0" * 64, [], ""
    for number, text in enumerate(whole_lines, 1):
        line = text + b"\n"
        if not line.isascii() or not line.startswith(b'{"prev":"%s","seq":%d,"ts":' % (prev.encode(), number)):
            return "altered"
        event = json.loads(line)
        gate, name = event["gate"], event["event"]
        if ((gate, name) == ("keeper", "begin")) != (number == 1) or (number == 1 and event["format"] != 1):
            return "altered"
        signed = "key" in event or "sig" in event
        if last or name == "broken" or (signed and not is_signed(line, event, folder)):
            return "altered"
        if signed != (gate == "operator" or (gate == "keeper" and name in ("mark", "end", "closed"))):
            return "altered"
        if gate == "keeper" and not signed:
            own.append(number)
        elif gate == "keeper":
            if name in ("mark", "end") and event["own"] != own:
                return "altered"
            last = name if name in ("end", "closed") else ""
        prev = hashlib.sha256(line).hexdigest()
    if not whole_lines or (rest and last):
        return "altered"
    return "whole" if last == "end" else "unended"


def is_signed(line: bytes, event: dict[str, str], folder: Path) -> bool:
    found = re.search(rb',"sig":"([0-9a-f]{128})"}\n\Z', line)
    known = folder / f"{event['key']}.pem"
    if found is None or not known.exists():
        return False
    (folder / "signature").write_bytes(bytes.fromhex(found[1].decode()))
    (folder / "content").write_bytes(b"bot-bottle audit 1\n" + line[: found.start()] + b"}")
    words = ("openssl", "pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", known, "-sigfile", "signature", "-in", "content")
    return subprocess.run(words, cwd=folder, capture_output=True, check=False).returncode == 0


ID = {"id": "0" * 32}
MARK = {"gate": "keeper", "event": "mark", "sign": True}
APPROVE = {"gate": "operator", "event": "approve", "sign": True}
GOOD = whole(decision(1), APPROVE, decision(2), marks=True)
ROWS = GOOD.splitlines(keepends=True)

LOGS = {
    "whole": GOOD,
    "empty": b"",
    "no end": b"".join(ROWS[:-1]),
    "half a line": GOOD[:-40],
    "closed": written([{**BEGIN, **ID}, decision(1), {"gate": "keeper", "event": "closed", "sign": True}]),
    "after the end": GOOD + ROWS[-1],
    "half a line after the end": GOOD + b"{",
    "edited": GOOD.replace(b"api.example.com", b"api.example.org", 1),
    "one out": b"".join(ROWS[:3] + ROWS[4:]),
    "two swapped": b"".join([*ROWS[:3], ROWS[4], ROWS[3], *ROWS[5:]]),
    "another's key": whole(decision(1), key=OTHER),
    "unsigned operator": written([{**BEGIN, **ID}, {"gate": "operator", "event": "approve"}, MARK]),
    "in the keeper's name": written([{**BEGIN, **ID}, {"gate": "keeper", "event": "ended"}, {**MARK, "own": [1]}]),
    "broken": written([{**BEGIN, **ID}, {"gate": "keeper", "event": "broken", "sign": True}]),
    "signed by a gate": written([{**BEGIN, **ID}, {"gate": "egress", "event": "decision", "sign": True}]),
    "unsigned mark": written([{**BEGIN, **ID}, {"gate": "keeper", "event": "mark", "own": [1]}]),
    "no begin": written([decision(1)]),
    "two begins": written([{**BEGIN, **ID}, {**BEGIN, **ID}]),
    "a wrong signature": GOOD[:-8] + (b"0" if GOOD[-8:-7] != b"0" else b"1") + GOOD[-7:],
}


@pytest.mark.parametrize("name", LOGS)
def test_both_say_the_same(name: str, tmp_path: Path) -> None:
    (tmp_path / f"{OWN.id}.pem").write_text(public_pem(OWN.public))
    assert verify(LOGS[name], KEYS).state == by_the_docs(LOGS[name], tmp_path)
