"""What pipelock says is read strictly: only a complete verdict counts, and anything else denies."""

import json
from pathlib import Path

import pytest

from bot_bottle.errors import CannotRunHere
from bot_bottle.gates.base import Stopped
from bot_bottle.gates.dlp.pipelock.client import matches
from bot_bottle.gates.dlp.pipelock.plan import PipelockProxyPlan, find_pipelock, pipelock_from


def test_an_allow_has_no_findings() -> None:
    assert matches(b'{"status": "completed", "decision": "allow", "kind": "dlp"}') == []


def test_a_denial_names_its_rules() -> None:
    answer = {
        "status": "completed",
        "decision": "deny",
        "kind": "dlp",
        "findings": [{"rule_id": "DLP-X", "message": "Secret-like token"}],
    }
    assert [(match.kind, match.rule) for match in matches(json.dumps(answer).encode())] == [("format", "pipelock:DLP-X")]


def test_a_denial_without_findings_is_still_one() -> None:
    assert len(matches(b'{"status": "completed", "decision": "deny", "kind": "url"}')) == 1


@pytest.mark.parametrize(
    "answer",
    [b"", b"<html>", b"[]", b"null", b"{}", b'{"decision": "allow"}', b'{"status": "error", "decision": "allow"}', b'{"status": "completed"}',
     b'{"status": "completed", "decision": "maybe"}', b'{"status": "completed", "decision": "allow"'],
)  # fmt: skip
def test_what_is_no_complete_verdict_denies(answer: bytes) -> None:
    with pytest.raises(Stopped):
        matches(answer)


def test_asking_for_a_program_that_is_not_there_refuses_to_start(tmp_path: Path) -> None:
    for host in ({}, {"PATH": str(tmp_path)}, {"BOT_BOTTLE_PIPELOCK": str(tmp_path / "none")}):
        with pytest.raises(CannotRunHere):
            find_pipelock(host)


def test_the_plan_survives_the_bundle_s_configuration() -> None:
    plan = PipelockProxyPlan(binary=Path("/opt/pipelock"), scan_timeout_s=3)
    assert pipelock_from(json.loads(json.dumps(plan.to_json()))) == plan


def test_the_rendered_configuration_holds_the_token_once_and_no_secret() -> None:
    text = PipelockProxyPlan(binary=Path("/opt/pipelock")).render(scan_listen="127.0.0.1:9", token="t0ken")
    assert text.count("t0ken") == 1
    assert json.loads(text)["scan_api"]["listen"] == "127.0.0.1:9"
