"""`traffic` and `usage` read what gates recorded, and show nothing that a bottle could use on a terminal."""

import json
import stat
import time
from pathlib import Path
from typing import Any, Protocol

import pytest

from bot_bottle.__main__ import run_verb
from bot_bottle.bottles.status import Status, write_status
from bot_bottle.bottles.traffic import rows
from bot_bottle.errors import BadUsage, NoSuchBottle
from bot_bottle.host import paths

EVENTS: list[dict[str, Any]] = [  # Any: JSON
    {"ts": 1.0, "gate": "egress", "event": "decision", "id": 1, "verdict": "allow", "method": "POST", "host": "api.example.com",
     "port": 443, "path": "/v1/messages", "rule": "bottle.yaml:5", "scheme": "https"},
    {"ts": 1.1, "gate": "egress", "event": "decision", "id": 2, "verdict": "deny", "method": "GET", "host": "evil.example",
     "port": 8443, "path": "/\x1b[2J\u202e", "rule": None, "why": "No rule allows it.", "status": 403},
    {"ts": 1.2, "gate": "dlp", "event": "found"},
    {"ts": 1.3, "gate": "egress", "event": "usage", "host": "api.example.com", "usd": 0.5, "is_priced": True, "model": "m1",
     "input": 10, "cache_read": 90, "output": 7},
    {"ts": 1.3, "gate": "egress", "event": "usage", "host": "api.example.com", "usd": 0.25, "is_priced": False, "model": "m2",
     "input": 1, "output": 1, "is_estimate": True},
    {"ts": 1.4, "gate": "egress", "event": "done", "id": 1, "status": 200, "bytes_out": 1500, "bytes_in": 20, "ms": 12.4},
    {"ts": 1.5, "gate": "egress", "event": "decision", "id": 3, "verdict": "allow", "method": "GET", "host": "2001:db8::1",
     "port": 80, "path": "/", "rule": "--allow", "scheme": "http"},
]  # fmt: skip


class Verb(Protocol):
    """Runs a verb; gives what it printed."""

    def __call__(self, *args: str) -> str: ...


@pytest.fixture
def verb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Verb:
    """A bottle that has ended, with these events and half a line."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    stage_dir = paths.bottle_dir("one")
    stage_dir.mkdir(parents=True)
    write_status(
        Status(slug="one", state="ended", agent="shell", backend="namespaces", workspace="/w", mode="copy", created=time.time())
    )
    (stage_dir / "events.jsonl").write_text("\n".join(json.dumps(event) for event in EVENTS) + '\n{"ts": 2, "ga')

    def run(*args: str) -> str:
        monkeypatch.setattr("sys.argv", ["bot-bottle", *args])
        run_verb()
        return capsys.readouterr().out

    return run


def test_each_request_is_one_line_with_how_it_ended(verb: Verb) -> None:
    lines = verb("traffic", "one").splitlines()
    assert [line[10:] for line in lines] == [
        "DENY   403  GET    https://evil.example:8443/\\x1b[2J\\u202e  No rule allows it.",
        "allow  200  POST   https://api.example.com/v1/messages  1.5 kB out, 20 B in, 12 ms  (bottle.yaml:5)",
        "allow  -    GET    http://[2001:db8::1]/  0 B out, 0 B in, 0 ms  (--allow)",
    ]


def test_only_what_was_refused(verb: Verb) -> None:
    assert len(verb("traffic", "one", "--denied").splitlines()) == 1


def test_following_an_ended_bottle_ends(verb: Verb) -> None:
    assert verb("traffic", "one", "-f") == verb("traffic", "one")


def test_a_script_gets_one_object_a_line(verb: Verb) -> None:
    found = [json.loads(line) for line in verb("traffic", "one", "--json").splitlines()]
    assert [(row["verdict"], row["status"]) for row in found] == [("deny", 403), ("allow", 200), ("allow", 0)]


def test_an_archive_has_what_har_asks_for_and_only_its_owner_reads_it(verb: Verb, tmp_path: Path) -> None:
    file = tmp_path / "out.har"
    verb("traffic", "one", "--har", str(file))
    log = json.loads(file.read_text())["log"]
    assert (log["version"], log["creator"]["name"]) == ("1.2", "bot-bottle")
    entry = log["entries"][1]
    assert set(entry) >= {"startedDateTime", "time", "request", "response", "cache", "timings"}
    assert set(entry["request"]) == {
        "method",
        "url",
        "httpVersion",
        "cookies",
        "headers",
        "queryString",
        "headersSize",
        "bodySize",
    }
    assert (entry["request"]["url"], entry["response"]["status"]) == ("https://api.example.com/v1/messages", 200)
    assert entry["startedDateTime"] == "1970-01-01T00:00:01.000+00:00"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_following_and_an_archive_do_not_go_together(verb: Verb, tmp_path: Path) -> None:
    with pytest.raises(BadUsage):
        verb("traffic", "one", "-f", "--har", str(tmp_path / "x"))


@pytest.mark.parametrize("args", [("traffic", "none"), ("usage", "none")])
def test_a_bottle_that_is_not_there_is_said_to_be_missing(verb: Verb, args: tuple[str, ...]) -> None:
    with pytest.raises(NoSuchBottle):
        verb(*args)


def test_usage_sums_by_model_and_marks_guesses(verb: Verb) -> None:
    lines = verb("usage").splitlines()
    assert lines[1].split() == ["one", "m1", "1", "100", "7", "0.5000"]
    assert lines[2].split() == ["one", "m2", "1", "1", "1", "0.2500~"]
    assert lines[3].split() == ["all", "0.7500"]
    assert any("no price is known for m2" in line for line in lines)


def test_usage_can_be_read_by_a_script(verb: Verb) -> None:
    assert [row["usd"] for row in json.loads(verb("usage", "one", "--json"))["one"]] == [0.5, 0.25]


def test_events_out_of_order_or_broken_make_no_row() -> None:
    (row,) = rows([{"gate": "egress", "event": "done", "id": 9}, {"gate": "egress", "event": "decision"}])
    assert row.host == "?"
