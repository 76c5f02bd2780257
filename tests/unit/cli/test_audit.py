"""`audit` on logs that lie there: which one is meant, what is said of it, and the forms that it is exported in."""

import csv
import io
import json
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from audit_logs import BEGIN, OTHER, OWN, Event, decision, whole, written

from bot_bottle import __version__
from bot_bottle.__main__ import run_verb
from bot_bottle.bottles.audit import key, places
from bot_bottle.bottles.traffic import har, rows
from bot_bottle.errors import BottleError, NoSuchBottle

HOSTILE = "/=cmd|' /C calc'!A0\x1b[2J\u202e\n"
DENIED: Event = {**decision(2, path=HOSTILE, host="evil.example"), "verdict": "deny", "why": "=1+1", "rule": None, "status": 403}
DONE: Event = {"gate": "egress", "event": "done", "id": 1, "status": 200, "bytes_out": 1, "bytes_in": 2, "ms": 3.5}
PUSH: Event = {
    "gate": "git-gate",
    "event": "push",
    "verdict": "hold",
    "repository": "origin",
    "policy": "0" * 64,
    "commands": [["refs/heads/main", "0" * 40, "1" * 40]],
    "findings": [{"rule": "path", "where": ".github"}],
}
APPROVE: Event = {
    "gate": "operator",
    "event": "approve",
    "by": "op",
    "id": "one/1-abc",
    "shown": {"title": "a host"},
    "sign": True,
}
LOG = whole(decision(1), DENIED, DONE, PUSH, APPROVE)

Verb = Callable[..., tuple[int, str]]


@pytest.fixture
def verb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Verb:
    """An operator with a key and one log of an earlier bottle."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    key.remember(OWN.public)
    put("one", LOG, id="a" * 32)

    def run(*args: str) -> tuple[int, str]:
        monkeypatch.setattr("sys.argv", ["bot-bottle", "audit", *args])
        code = run_verb()
        return code, capsys.readouterr().out

    return run


def put(slug: str, log: bytes, *, id: str, now: float = 1000.0) -> Path:
    path = places.new_log(slug, id, now=now)
    path.write_bytes(log)
    return path


def test_whole_unended_and_altered_have_a_word_and_an_exit_code_each(verb: Verb) -> None:
    assert verb("verify", "one")[0] == 0
    put("cut", LOG[:-10], id="b" * 32)
    code, said = verb("verify", "cut")
    assert (code, "ended without an end mark, up to event 8 (none of them signed yet)" in said) == (3, True), said
    put("forged", whole(decision(1), key=OTHER), id="c" * 32)
    code, said = verb("verify", "forged")
    assert (code, "ALTERED at line 5: it is signed with a key that is not yours" in said) == (1, True), said
    assert verb("verify")[0] == 1


def test_a_key_that_is_named_is_trusted_instead_of_ones_own(verb: Verb, tmp_path: Path) -> None:
    put("theirs", whole(decision(1), key=OTHER), id="c" * 32)
    (tmp_path / "their.pem").write_text(key.public_pem(OTHER.public))
    assert verb("verify", "theirs", "--key", str(tmp_path / "their.pem"))[0] == 0
    assert verb("verify", "one", "--key", str(tmp_path / "their.pem"))[0] == 1
    (tmp_path / "bad.pem").write_text("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n")
    with pytest.raises(BottleError, match="not a public key"):
        verb("verify", "one", "--key", str(tmp_path / "bad.pem"))


def test_the_newest_log_of_a_name_is_meant_or_the_one_of_an_id_or_a_file(verb: Verb) -> None:
    newer = put("one", whole(id="d" * 32), id="d" * 32, now=2000.0)
    assert json.loads(verb("verify", "--json", "one")[1])["log"] == str(newer)
    assert json.loads(verb("verify", "--json", "aaaaaaaaaaaa")[1])["events"] == len(LOG.splitlines())
    assert json.loads(verb("verify", "--json", str(newer))[1])["log"] == str(newer)
    for text in ("two", "a", "/no/such.jsonl", "../one"):
        with pytest.raises(NoSuchBottle):
            verb("verify", text)


def test_logs_are_listed_with_their_state(verb: Verb) -> None:
    put("two", LOG[:-10], id="b" * 32, now=2000.0)
    (places.folder() / "no log.jsonl").write_text("")
    lines = verb("ls")[1].splitlines()
    assert [line.split()[2:] for line in lines[1:]] == [["one", "a" * 12, "whole", "9"], ["two", "b" * 12, "unended", "8"]]


def test_what_a_bottle_wrote_cannot_move_the_cursor(verb: Verb) -> None:
    said = verb("show", "one")[1]
    assert len(said.splitlines()) == len(LOG.splitlines())
    assert "\\x1b[2J\\u202e\\n" in said
    assert "by op" in said
    assert "[path]" in said


def test_only_what_was_refused_or_of_one_gate(verb: Verb) -> None:
    assert [line.split()[3] for line in verb("show", "one", "--denied")[1].splitlines()] == ["egress", "git-gate"]
    assert len(verb("show", "one", "--gate", "operator")[1].splitlines()) == 1


def test_the_log_itself_is_exported_as_it_is(verb: Verb, tmp_path: Path) -> None:
    assert verb("export", "one", "--format", "jsonl")[1].encode() == LOG
    assert verb("export", "one", "--format", "jsonl", "-o", str(tmp_path / "out"))[0] == 0
    assert (tmp_path / "out").read_bytes() == LOG
    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == 0o600


def test_an_http_archive_is_the_one_of_traffic(verb: Verb) -> None:
    events = [json.loads(line) for line in LOG.splitlines()]
    assert json.loads(verb("export", "one", "--format", "har")[1]) == har(rows(events), version=__version__)


def test_no_cell_of_the_table_is_a_formula(verb: Verb) -> None:
    text = verb("export", "one", "--format", "csv")[1]
    table = list(csv.DictReader(io.StringIO(text, newline="")))
    assert len(table) == len(LOG.splitlines())
    assert [cell for row in table for cell in row.values() if cell.startswith(("=", "+", "-", "@"))] == []
    assert table[3]["why"] == "'=1+1"
    assert json.loads(table[3]["more"])["path"] == HOSTILE
    assert (table[5]["verdict"], table[5]["rule"]) == ("hold", "path")
    assert table[6]["by"] == "op"


def test_opentelemetry_gets_each_event_with_types_that_it_knows(verb: Verb) -> None:
    (line,) = verb("export", "one", "--format", "otel")[1].splitlines()
    (resource,) = json.loads(line)["resourceLogs"]
    records = resource["scopeLogs"][0]["logRecords"]
    assert {"key": "service.name", "value": {"stringValue": "bot-bottle"}} in resource["resource"]["attributes"]
    assert len(records) == len(LOG.splitlines())
    assert [record["severityText"] for record in records[2:6]] == ["INFO", "WARN", "INFO", "WARN"]
    assert records[0]["timeUnixNano"] == "1001000000000"
    attributes = {one["key"]: one["value"] for one in records[4]["attributes"]}
    assert attributes["status"] == {"intValue": "200"}
    assert attributes["ms"] == {"doubleValue": 3.5}
    assert records[4]["eventName"] == "bot_bottle.egress.done"
    kinds = {one["key"]: one["value"] for one in records[5]["attributes"]}["findings"]["arrayValue"]["values"]
    assert kinds[0]["kvlistValue"]["values"][0] == {"key": "rule", "value": {"stringValue": "path"}}


def test_many_events_are_several_messages(verb: Verb) -> None:
    put("long", whole(*(decision(number) for number in range(1200))), id="e" * 32)
    sizes = [
        len(json.loads(line)["resourceLogs"][0]["scopeLogs"][0]["logRecords"])
        for line in verb("export", "long", "--format", "otel")[1].splitlines()
    ]
    assert sizes == [512, 512, 180]


@pytest.mark.parametrize("form", ["otel", "har", "csv", "jsonl"])
def test_an_altered_log_is_exported_and_the_exit_code_says_so(verb: Verb, form: str) -> None:
    strange = b'{"gate":{"a":[]},"ts":"x","findings":[1],"shown":7,"verdict":[]}\n[]\n\xff\n'
    put("odd", written([{**BEGIN, "id": "0" * 32}]) + strange, id="f" * 32)
    code, said = verb("export", "odd", "--format", form)
    assert (code, bool(said)) == (1, True)
    assert verb("show", "odd")[0] == 1
