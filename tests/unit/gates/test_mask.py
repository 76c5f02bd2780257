"""Secrets are asterisks in the log, in every spelling; what is no secret stays readable."""

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot_bottle.gates.base import HIDE
from bot_bottle.gates.events import EventLog
from bot_bottle.gates.mask import FOUND_FOR, MANY, Mask
from bot_bottle.gates.spellings import spellings

SECRET = 'pass"word\\with/odd&signs'


def masked(event: Mapping[str, object], *secrets: str) -> Mapping[str, object]:
    mask = Mask(secrets)
    return mask.masked(event) if mask.is_in(event) else event


@pytest.mark.parametrize(
    "spelled",
    [
        SECRET,
        quote(SECRET, safe=""),
        quote(SECRET, safe="").lower(),
        base64.b64encode(SECRET.encode()).decode(),
        SECRET.encode().hex(),
    ],
)
def test_a_secret_is_hidden_in_each_spelling_wherever_it_stands(spelled: str) -> None:
    event = {"gate": "egress", "event": "decision", "path": f"/a/{spelled}/b", "more": [{spelled: [spelled]}]}
    text = json.dumps(masked(event, SECRET), ensure_ascii=False)
    assert SECRET not in text
    assert json.dumps(SECRET)[1:-1] not in text
    assert spelled[4:-4] not in text


@settings(max_examples=150, deadline=None)
@given(secret=st.text(st.characters(codec="utf-8"), min_size=8), before=st.text(max_size=5), after=st.text(max_size=5))
def test_no_text_around_a_secret_keeps_it_in(secret: str, before: str, after: str) -> None:
    shown = masked({"path": before + secret + after}, secret)["path"]
    assert isinstance(shown, str)
    assert secret not in shown


def test_what_names_an_event_is_never_hidden() -> None:
    event: dict[str, object] = {"gate": "egress", "event": "decision", "verdict": "allow", "path": "/decision"}
    assert masked(event, "decision") == {**event, "path": "/********"}


def test_numbers_stay_numbers() -> None:
    event: dict[str, object] = {"gate": "egress", "event": "done", "bytes_in": 12345678, "path": "/12345678"}
    assert masked(event, "12345678") == {**event, "path": "/********"}


def test_with_many_secrets_the_one_that_is_there_is_found() -> None:
    many = [f"secret-number-{number}-of-many" for number in range(MANY)]
    assert len({one for value in many for one in spellings(value)}) > MANY
    assert masked({"path": f"/{many[-1]}"}, *many)["path"] == "/" + "*" * len(many[-1])
    assert masked({"path": "/innocent"}, *many)["path"] == "/innocent"


def test_what_an_event_says_to_hide_is_in_neither_it_nor_the_next(tmp_path: Path) -> None:
    path = tmp_path / "log"
    log = EventLog(path)
    log.record({"gate": "dlp", "event": "finding", "where": "/long-token", HIDE: ("/long-token",)})
    log.record({"gate": "egress", "event": "decision", "path": "/long-token"})
    rows = [json.loads(line) for line in path.read_bytes().splitlines()]
    assert [row.get("path") or row.get("where") for row in rows] == ["*" * 11, "*" * 11]
    assert all(HIDE not in row for row in rows)


def test_a_value_that_a_gate_is_given_later_is_kept_out_too(tmp_path: Path) -> None:
    path = tmp_path / "log"
    log = EventLog(path, secrets=["the-first-secret"])
    log.keep_out(["the-second-secret"])
    log.record({"gate": "egress", "event": "decision", "path": "/the-first-secret/the-second-secret"})
    (row,) = (json.loads(line) for line in path.read_bytes().splitlines())
    assert row["path"] == f"/{'*' * 16}/{'*' * 17}"


def test_an_innocent_path_is_shown_again_after_a_while(tmp_path: Path) -> None:
    path = tmp_path / "log"
    log = EventLog(path)
    log.record({"gate": "dlp", "event": "finding", HIDE: ("/v1/messages",)})
    for _ in range(FOUND_FOR + 1):
        log.record({"gate": "egress", "event": "decision", "path": "/v1/messages"})
    shown = [json.loads(line)["path"] for line in path.read_bytes().splitlines()[1:]]
    assert (shown[0], shown[-1]) == ("*" * 12, "/v1/messages")
