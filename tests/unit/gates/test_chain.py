"""Lines are whole or not there at all, and whoever writes next goes on from the last one."""

import json
import os
from pathlib import Path

import pytest
from audit_logs import OWN

from bot_bottle.bottles.audit.key import signer
from bot_bottle.errors import BottleError
from bot_bottle.gates.chain import FIRST, LINE_LIMIT, Chain, digest


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "log.jsonl"


def rows(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def linked(path: Path) -> bool:
    lines = path.read_bytes().splitlines(keepends=True)
    prevs = [FIRST, *(digest(line) for line in lines[:-1])]
    return [json.loads(line)["prev"] for line in lines] == prevs and [json.loads(line)["seq"] for line in lines] == [
        *range(1, len(lines) + 1)
    ]


def test_each_line_holds_the_hash_of_the_one_before(path: Path) -> None:
    chain = Chain(path)
    assert [chain.append({"gate": "egress", "event": name}) for name in "abc"] == [1, 2, 3]
    assert linked(path)
    assert path.stat().st_mode & 0o777 == 0o600


def test_two_writers_take_turns(path: Path) -> None:
    one, other = Chain(path), Chain(path)
    for number in range(20):
        (one if number % 3 else other).append({"gate": "x", "n": number})
    assert linked(path)
    assert [row["n"] for row in rows(path)] == list(range(20))


@pytest.mark.parametrize("size", [1, 4095, 4096, 70_000])
def test_a_log_is_continued_after_lines_of_any_length(path: Path, size: int) -> None:
    Chain(path).append({"gate": "x", "text": "a" * size})
    Chain(path).append({"gate": "x", "text": "b" * size})
    Chain(path).append({"gate": "x"})
    assert linked(path)


@pytest.mark.parametrize("cut", [1, 40, 100])
def test_half_a_line_of_a_crash_is_cut_off_and_told(path: Path, cut: int) -> None:
    chain = Chain(path)
    chain.append({"gate": "x", "n": 1})
    before = path.stat().st_size
    chain.append({"gate": "x", "n": 2, "text": "a" * 100})
    os.truncate(path, before + cut)
    Chain(path).append({"gate": "x", "n": 3})
    assert linked(path)
    assert [(row.get("event"), row.get("bytes"), row.get("n")) for row in rows(path)] == [
        (None, None, 1),
        ("torn", cut, None),
        (None, None, 3),
    ]


def test_half_of_the_only_line_is_cut_off_too(path: Path) -> None:
    path.write_bytes(b'{"prev":"000')
    Chain(path).append({"gate": "x", "n": 1})
    assert linked(path)
    assert [row.get("event") for row in rows(path)] == ["torn", None]


def test_a_disk_that_takes_half_a_line_keeps_none_of_it(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chain, real = Chain(path), os.write
    chain.append({"gate": "x", "n": 1})
    before = path.read_bytes()
    left = [10]

    def write(descriptor: int, content: bytes) -> int:
        if not left:
            raise OSError(28, "No space left on device")
        return real(descriptor, content[: left.pop()])

    monkeypatch.setattr(os, "write", write)
    with pytest.raises(OSError, match="No space"):
        chain.append({"gate": "x", "n": 2})
    monkeypatch.undo()
    assert path.read_bytes() == before
    assert chain.append({"gate": "x", "n": 3}) == 2
    assert linked(path)


def test_a_full_log_refuses_and_stays_as_it_was(path: Path) -> None:
    chain = Chain(path, limit=400)
    chain.append({"gate": "x"})
    before = path.read_bytes()
    with pytest.raises(BottleError, match="full"):
        chain.append({"gate": "x", "text": "a" * 400})
    assert path.read_bytes() == before
    Chain(path).append({"gate": "keeper", "event": "ended", "text": "a" * 400})
    assert linked(path)


def test_an_event_that_no_verifier_would_read_is_not_written(path: Path) -> None:
    with pytest.raises(BottleError, match="too large"):
        Chain(path).append({"gate": "x", "text": "a" * LINE_LIMIT})
    assert path.read_bytes() == b""


def test_what_is_no_log_of_ours_is_not_continued(path: Path) -> None:
    path.write_bytes(b'{"ts": 1.0, "seq": 1, "gate": "egress"}\n')
    with pytest.raises(BottleError, match="cannot be continued"):
        Chain(path).append({"gate": "x"})


def test_an_event_cannot_set_its_own_link(path: Path) -> None:
    chain = Chain(path)
    chain.append({"gate": "x"})
    chain.append({"gate": "x", "prev": FIRST, "seq": 1})
    assert linked(path)


def test_a_signature_is_the_last_thing_in_its_line(path: Path) -> None:
    Chain(path).append({"gate": "operator", "event": "approve"}, sign=signer(OWN))
    (line,) = path.read_bytes().splitlines()
    assert list(json.loads(line))[-2:] == ["key", "sig"]
    assert line.endswith(b'"}')
