"""The verbs that answer agents, as typed."""

import json
from typing import Any

import pytest
from click.testing import CliRunner, Result

from bot_bottle.bottles import asks as inbox
from bot_bottle.bottles.asks import AskView, GrantView, Inbox
from bot_bottle.cli import asks as verbs
from bot_bottle.errors import BadUsage

ASK = AskView(
    id="b1/1-aaaaaaaaaa",
    slug="b1",
    number=1,
    kind="egress",
    state="pending",
    title="send GET / to a.example.com",
    reason="to try",
    at=9.0,
    risks=(("new host", "medium", "nothing goes to a.example.com now"),),
    evidence=("GET a.example.com/: No rule allows it.",),
    delta={"kind": "egress", "host": "a.example.com", "ports": [443]},
)
GRANT = GrantView(name="g1", slug="b1", title=ASK.title, scope="for", by="me", at=9.0, expires=10.0, used=3, ended="")


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What the gate was told."""
    told: list[dict[str, Any]] = []

    def to_gate(slug: str, request: dict[str, Any], *, timeout_s: float = 0) -> dict[str, Any]:
        told.append({"slug": slug, **request})
        return {"ok": True, "grant": "g1", "title": ASK.title}

    monkeypatch.setattr(inbox, "to_gate", to_gate)
    monkeypatch.setattr(inbox, "read_inbox", lambda only=None: Inbox(asks=(ASK,), grants=(GRANT,)))
    return told


def typed(*words: str) -> Result:
    command = {"asks": verbs.asks, "approve": verbs.approve, "deny": verbs.deny, "grants": verbs.grants}[words[0]]
    return CliRunner().invoke(command, words[1:])


def test_a_request_is_shown_whole(given: list[dict[str, Any]]) -> None:
    shown = typed("asks").output
    for text in (ASK.id, ASK.title, ASK.reason, "new host (medium)", "No rule allows it."):
        assert text in shown
    (row,) = json.loads(typed("asks", "--json").output)
    assert (row["id"], row["risks"][0][0]) == (ASK.id, "new host")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), {"scope": "session"}),
        (("--once",), {"scope": "once"}),
        (("--session",), {"scope": "session"}),
        (("--for", "30m"), {"scope": "for", "seconds": 1800.0}),
        (("--answer", "left"), {"scope": "session", "answer": "left"}),
        (
            ("--narrow", "methods=GET,HEAD", "--narrow", "paths=/v1/**", "--narrow", "ports=443"),
            {"scope": "session", "narrow": {"methods": ["GET", "HEAD"], "paths": ["/v1/**"], "ports": [443]}},
        ),
    ],
)
def test_an_approval_says_what_was_typed(given: list[dict[str, Any]], options: tuple[str, ...], said: dict[str, Any]) -> None:
    done = typed("approve", ASK.id, *options)
    assert done.exit_code == 0, done.exception
    (told,) = given
    assert told == {"slug": "b1", "op": "approve", "id": "1-aaaaaaaaaa", "narrow": {}, **said}
    assert done.stdout == "b1/g1\n"


@pytest.mark.parametrize(
    "words",
    [
        ("--once", "--for", "1m"),
        ("--session", "--for", "1m"),
        ("--for", "soon"),
        ("--for", "30"),
        ("--narrow", "methods"),
        ("--narrow", "addresses=10.0.0.0/8"),
    ],
)
def test_what_does_not_go_together_gives_nothing(given: list[dict[str, Any]], words: tuple[str, ...]) -> None:
    done = typed("approve", ASK.id, *words)
    assert isinstance(done.exception, BadUsage)
    assert given == []


def test_a_bare_number_gives_nothing_without_a_terminal(given: list[dict[str, Any]]) -> None:
    done = typed("approve", "1")
    assert isinstance(done.exception, BadUsage)
    assert ASK.id in done.exception.next
    assert ASK.title in done.output
    assert given == []
    assert typed("approve", "1", "--yes").exit_code == 0


def test_a_denial_needs_a_reason(given: list[dict[str, Any]]) -> None:
    assert typed("deny", ASK.id).exit_code == 2
    assert typed("deny", ASK.id, "--reason", "Not now.", "--alternative", "Use the mirror.").exit_code == 0
    assert given == [{"slug": "b1", "op": "deny", "id": "1-aaaaaaaaaa", "reason": "Not now.", "alternative": "Use the mirror."}]


def test_grants_are_listed_and_taken_back(given: list[dict[str, Any]]) -> None:
    assert "b1/g1" in typed("grants", "ls").output
    assert "used 3 times" in typed("grants", "ls").output
    assert typed("grants", "revoke", "b1/g1").exit_code == 0
    assert given == [{"slug": "b1", "op": "revoke", "name": "g1"}]
    assert isinstance(typed("grants", "revoke", "g1").exception, BadUsage)
