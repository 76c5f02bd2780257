"""What the page may ask for: read strictly, and only of what is shown."""

from typing import Any

import pytest
from fake_door import FakeDoor, ask, bottle, snapshot

from bot_bottle.dashboard.web.deeds import do, read_said
from bot_bottle.errors import BadUsage, BottleError

ASK = "claude-shop/1-abcd"


def door(**changed: Any) -> FakeDoor:  # Any: fields of a record
    return FakeDoor(now=snapshot(bottle("claude-shop"), asks=(ask(**changed),)))


@pytest.mark.parametrize(
    ("path", "said", "deed"),
    [
        ("/approve", {"id": ASK, "scope": "session"}, ("approve", ASK, {"scope": "session", "narrow": {}})),
        (
            "/approve",
            {"id": ASK, "scope": "for", "seconds": 60},
            ("approve", ASK, {"scope": "for", "seconds": 60.0, "narrow": {}}),
        ),
        (
            "/approve",
            {"id": ASK, "scope": "once", "narrow": "methods=GET paths=/a"},
            ("approve", ASK, {"scope": "once", "narrow": {"methods": ["GET"], "paths": ["/a"]}}),
        ),
        ("/deny", {"id": ASK, "reason": "No need."}, ("deny", ASK, "No need.")),
        ("/deny", {"id": ASK}, ("deny", ASK, "No.")),
        ("/revoke", {"slug": "claude-shop", "name": "g1"}, ("revoke", "claude-shop", "g1")),
        ("/stop", {"slug": "claude-shop"}, ("stop", "claude-shop")),
    ],
)
def test_a_deed_is_put_to_the_door(path: str, said: dict[str, Any], deed: tuple[object, ...]) -> None:
    kept = door()
    do(path, said, kept)
    assert kept.done == [deed]


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/approve", {}),
        ("/approve", {"id": "claude-shop/1", "scope": "session"}),
        ("/approve", {"id": "claude-shop/1-other", "scope": "session"}),
        ("/approve", {"id": ASK}),
        ("/approve", {"id": ASK, "scope": "always"}),
        ("/approve", {"id": ASK, "scope": "for"}),
        ("/approve", {"id": ASK, "scope": "for", "seconds": True}),
        ("/approve", {"id": ASK, "scope": "for", "seconds": -1}),
        ("/approve", {"id": ASK, "scope": "for", "seconds": float("nan")}),
        ("/approve", {"id": ASK, "scope": "for", "seconds": 10**9}),
        ("/approve", {"id": ASK, "scope": "once", "narrow": "everything"}),
        ("/approve", {"id": ASK, "scope": "once", "narrow": {"host": "x"}}),
        ("/deny", {"id": ASK, "reason": "x" * 2001}),
        ("/deny", {"id": 1}),
        ("/stop", {"slug": "../../etc"}),
        ("/revoke", {"slug": "claude-shop", "name": []}),
        ("/run", {"slug": "claude-shop"}),
    ],
)
def test_what_is_not_ours_or_not_shown_does_nothing(path: str, said: dict[str, Any]) -> None:
    kept = door()
    with pytest.raises(BottleError):
        do(path, said, kept)
    assert kept.done == []


def test_an_answered_ask_cannot_be_answered_again() -> None:
    with pytest.raises(BadUsage, match="was answered"):
        do("/approve", {"id": ASK, "scope": "session"}, door(state="denied"))


def test_a_question_gets_its_answer_and_no_scope_of_the_pages() -> None:
    kept = door(choices=("a", "b"))
    do("/approve", {"id": ASK, "scope": "session", "answer": "b"}, kept)
    assert kept.done == [("approve", ASK, {"scope": "once", "narrow": {}, "answer": "b"})]


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b"\xff", b"[" * 10_000, b"3"])
def test_a_body_that_is_no_object_is_empty(body: bytes) -> None:
    assert read_said(body) == {}
