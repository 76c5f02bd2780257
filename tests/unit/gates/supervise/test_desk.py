"""Asking and answering, with everything an agent could try to be given more than the operator saw."""

import json
from typing import Any

import pytest
from desks import NOW, Scene
from hypothesis import given
from hypothesis import strategies as st

from bot_bottle.errors import BottleError, Refused
from bot_bottle.gates.base import Standing
from bot_bottle.gates.supervise.asks import AGAIN_AFTER_S, EXPIRES_S, NEW_LIMIT, NEW_WINDOW_S, PENDING_LIMIT, REASON_LIMIT
from bot_bottle.gates.supervise.deltas import NetworkDelta, narrow, read_delta
from bot_bottle.gates.supervise.desk import Envelope
from bot_bottle.gates.supervise.state import from_row, to_row
from bot_bottle.manifest.spec import Credential, FromEnv, Rule, Target

FORGE = Credential(name="forge", source=FromEnv(env="X"), to=(Target(host="git.example.com"),), where="bottle.yaml:3")
STANDING = Standing(
    rules=(
        Rule(host="git.example.com", where="bottle.yaml:1", methods=("GET",)),
        Rule(host="evil.example.com", where="policy.yaml:9", ports=(), deny=True),
    ),
    credentials=(FORGE,),
)


def test_what_is_approved_holds_in_the_gate_at_once() -> None:
    scene = Scene()
    ask = scene.ask(methods=["GET"], paths=["/v1/**"])
    scene.desk.approve({"id": scene.id_of(ask.number), "scope": "for", "seconds": 600, "by": "me"}, NOW)
    (held,) = scene.carrier.held
    assert (held.name, held.kind, held.row["host"], held.row["paths"]) == ("g1", "egress", "api.example.com", ("/v1/**",))
    assert scene.desk.find(1).state == "approved"
    assert scene.kinds() == ["ask", "approved"]
    assert scene.saved[-1].grants[0].holds


def test_a_grant_for_a_time_ends_with_it() -> None:
    scene = Scene()
    scene.desk.approve({"id": scene.id_of(scene.ask().number), "scope": "for", "seconds": 60}, NOW)
    scene.desk.expire(NOW + 59.9)
    assert scene.carrier.held
    scene.desk.expire(NOW + 60)
    assert not scene.carrier.held
    assert scene.kinds()[-1] == "expired"


def test_a_grant_for_one_request_allows_a_second_one_nothing() -> None:
    scene = Scene()
    scene.desk.approve({"id": scene.id_of(scene.ask().number), "scope": "once"}, NOW)
    assert [one.is_spent for one in scene.carrier.held] == [False]
    scene.carrier.used("g1")
    assert [one.is_spent for one in scene.carrier.held] == [True]
    scene.carrier.used("g1")
    assert not scene.desk.holding


def test_a_revoked_grant_holds_no_longer_and_cannot_be_revoked_twice() -> None:
    scene = Scene()
    scene.desk.approve({"id": scene.id_of(scene.ask().number)}, NOW)
    scene.desk.revoke("g1", "me")
    assert not scene.carrier.held
    with pytest.raises(BottleError, match="in force"):
        scene.desk.revoke("g1", "me")


def test_an_ask_that_changed_after_it_was_shown_is_not_approved() -> None:
    scene = Scene()
    ask = scene.ask(reason="to read the weather")
    seen = scene.id_of(ask.number)
    scene.ask(reason="to send your keys there")
    with pytest.raises(BottleError, match="changed") as caught:
        scene.desk.approve({"id": seen}, NOW)
    assert "keys" in " ".join(caught.value.facts)
    assert not scene.carrier.held
    assert scene.kinds() == ["ask", "ask", "stale"]
    scene.desk.approve({"id": scene.id_of(ask.number)}, NOW)


def test_an_approval_without_a_token_is_none() -> None:
    scene = Scene()
    scene.ask()
    for wrong in ("1", "1-", "1-aaaaaaaaaa", "-", "", "one", "²", "1-" + "a" * 4000):
        with pytest.raises(BottleError):
            scene.desk.approve({"id": wrong}, NOW)
    assert not scene.carrier.held


def test_an_approval_for_one_bottle_is_none_for_another() -> None:
    one, other = Scene(slug="b1"), Scene(slug="b2")
    one.ask()
    other.ask()
    assert one.id_of(1) != other.id_of(1)
    with pytest.raises(BottleError, match="changed"):
        other.desk.approve({"id": one.id_of(1)}, NOW)


def test_of_two_operators_the_first_answers() -> None:
    scene = Scene()
    seen = scene.id_of(scene.ask().number)
    scene.desk.deny({"id": seen, "reason": "no", "by": "ann"}, NOW)
    with pytest.raises(BottleError, match="denied already by ann"):
        scene.desk.approve({"id": seen, "by": "bob"}, NOW)
    assert not scene.carrier.held


def test_the_agent_cannot_answer_by_withdrawing_or_asking() -> None:
    scene = Scene()
    number = scene.ask().number
    scene.desk.withdraw(number, NOW)
    assert scene.desk.find(number).state == "withdrawn"
    with pytest.raises(Refused, match="withdrawn already"):
        scene.desk.withdraw(number, NOW)
    for field in ("state", "answer", "approved", "by", "token", "scope", "seconds", "grant"):
        with pytest.raises(Refused, match="no “"):
            scene.desk.request({"host": "api.example.com", "reason": "x", field: "approved"}, NOW)
    assert not scene.carrier.held


def test_the_same_request_is_one_ask() -> None:
    scene = Scene()
    assert {scene.ask().number for _ in range(50)} == {1}
    assert scene.desk.find(1).raised == 50
    assert scene.told == 1


def test_a_denial_answers_the_same_request_for_a_while_without_asking_again() -> None:
    scene = Scene()
    scene.desk.deny({"id": scene.id_of(scene.ask().number), "reason": "use the mirror"}, NOW)
    again = scene.ask(now=NOW + AGAIN_AFTER_S - 1, reason="please!")
    assert (again.state, again.number) == ("denied", 1)
    assert scene.told == 1
    later = scene.ask(now=NOW + AGAIN_AFTER_S)
    assert (later.state, later.number) == ("pending", 2)
    assert "denied before" in {risk.label for risk in later.risks}


def test_a_flood_is_held_back_before_the_operator_sees_it() -> None:
    scene = Scene()
    answers = [scene.desk.request({"host": f"h{number}.example.com", "reason": "x"}, NOW) for number in range(500)]
    refused = [answer for answer in answers if isinstance(answer, dict)]
    assert len(scene.desk.state.queue.pending) == PENDING_LIMIT
    assert len(refused) == 500 - PENDING_LIMIT
    assert {answer["status"] for answer in refused} == {"unavailable"}
    assert scene.told == PENDING_LIMIT


def test_withdrawing_does_not_reset_the_nag_limit() -> None:
    scene = Scene()
    told = 0
    for number in range(100):
        filed = scene.desk.request({"host": f"h{number}.example.com", "reason": "x"}, NOW + number)
        if not isinstance(filed, dict):
            scene.desk.withdraw(filed.number, NOW + number)
            told += 1
    assert told == scene.told == NEW_LIMIT
    assert scene.ask(now=NOW + NEW_WINDOW_S + 100).number


def test_changing_the_reason_again_and_again_meets_the_nag_limit() -> None:
    scene = Scene()
    answers = [scene.desk.request({"host": "api.example.com", "reason": f"reason {number}"}, NOW) for number in range(50)]
    assert scene.told == NEW_LIMIT
    assert isinstance(answers[-1], dict)


HOSTILE = (
    "\x1b[2J\x1b[31mSAFE",
    "a\nask  b1/9 approved",
    "a\u202egnp.exe",
    "z\u200b\u2066w\ufeff",
    "\x07\x08\x7f\x9b31m",
    "x" * 10_000,
)


@pytest.mark.parametrize("text", HOSTILE)
def test_no_text_of_the_agent_can_steer_the_screen(text: str) -> None:
    scene = Scene()
    ask = scene.ask(reason=f"because {text}")
    assert ask.reason.isprintable()
    assert len(ask.reason) <= REASON_LIMIT
    filed = scene.desk.question(f"which {text}", [f"this {text}"], NOW)
    assert not isinstance(filed, dict)
    assert filed.title.isprintable()
    assert all(choice.isprintable() and len(choice) <= 80 for choice in filed.choices)
    assert json.dumps(scene.desk.rows()).isascii()


def test_a_metadata_address_is_denied_and_nobody_is_asked() -> None:
    for host in ("169.254.169.254", "fd00:ec2::254", "metadata.google.internal", "64:ff9b::a9fe:a9fe", "::ffff:0:a9fe:a9fe"):
        scene = Scene()
        answer = scene.desk.request({"host": host, "reason": "x"}, NOW)
        assert isinstance(answer, dict), host
        assert answer["status"] == "denied"
        assert scene.told == 0
        assert scene.kinds() == ["refused"]


def test_a_deny_of_the_operators_is_shown_and_cannot_be_granted_away() -> None:
    scene = Scene(standing=STANDING)
    ask = scene.ask(host="evil.example.com")
    assert "policy.yaml:9" in ask.blocked
    with pytest.raises(BottleError, match="deny beats"):
        scene.desk.approve({"id": scene.id_of(ask.number)}, NOW)


def test_what_is_allowed_already_is_not_asked() -> None:
    scene = Scene(standing=STANDING)
    answer = scene.desk.request({"host": "git.example.com", "methods": ["GET"], "reason": "x"}, NOW)
    assert isinstance(answer, dict)
    assert answer["status"] == "approved"
    assert scene.ask(host="git.example.com", methods=["POST"]).state == "pending"


def test_the_operator_can_give_less_and_the_agent_is_told() -> None:
    scene = Scene()
    ask = scene.ask(host="**.example.org", methods=["GET", "POST"])
    said = {"id": scene.id_of(ask.number), "narrow": {"host": "api.example.org", "methods": ["GET"]}}
    scene.desk.approve(said, NOW)
    assert scene.carrier.held[0].row["host"] == "api.example.org"
    answer = scene.desk.find(ask.number).answer
    assert answer is not None
    assert "less than you asked" in answer.reason


def test_narrowing_never_widens() -> None:
    scene = Scene()
    ask = scene.ask(methods=["GET"])
    for more in ({"host": "**.com"}, {"host": "other.example.com"}, {"methods": ["GET", "POST"]}, {"ports": [22]}):
        with pytest.raises(BottleError):
            scene.desk.approve({"id": scene.id_of(ask.number), "narrow": more}, NOW)
    assert not scene.carrier.held


def test_a_gate_that_cannot_carry_it_out_leaves_the_ask_open() -> None:
    scene = Scene(refuses="This bottle has no credential forge.")
    ask = scene.ask(kind="credential", name="forge", host="git.example.com")
    with pytest.raises(BottleError, match="no credential"):
        scene.desk.approve({"id": scene.id_of(ask.number)}, NOW)
    assert scene.desk.find(ask.number).state == "pending"
    assert not scene.desk.holding


def test_what_cannot_be_saved_is_not_granted() -> None:
    scene = Scene()
    seen = scene.id_of(scene.ask().number)

    def full(state: object) -> None:
        raise OSError("no space left")

    scene.desk._save = full
    with pytest.raises(OSError, match="space"):
        scene.desk.approve({"id": seen}, NOW)
    assert not scene.desk.holding


def test_a_mount_waits_for_the_next_start_and_says_so() -> None:
    scene = Scene()
    asked: dict[str, Any] = {"kind": "mount", "path": "/srv/data/set", "to": "/data", "reason": "x"}
    filed = scene.desk.request(asked, NOW)
    assert not isinstance(filed, dict)
    with pytest.raises(BottleError, match="running bottle"):
        scene.desk.approve({"id": scene.id_of(filed.number), "scope": "session"}, NOW)
    scene.desk.approve({"id": scene.id_of(filed.number), "scope": "always"}, NOW)
    answer = scene.desk.find(filed.number).answer
    assert answer is not None
    assert "next start" in answer.note
    assert not scene.carrier.held


@pytest.mark.parametrize(
    "asked",
    [
        {"kind": "credential", "name": "forge", "host": "git.example.com"},
        {"kind": "dlp", "rule": "aws-access-key", "host": "api.example.com"},
        {"kind": "preset", "name": "npm"},
    ],
)
def test_only_a_request_can_be_allowed_once(asked: dict[str, Any]) -> None:
    scene = Scene(standing=STANDING)
    filed = scene.desk.request({**asked, "reason": "x"}, NOW)
    assert not isinstance(filed, dict)
    with pytest.raises(BottleError, match="one request"):
        scene.desk.approve({"id": scene.id_of(filed.number), "scope": "once"}, NOW)


def test_unattended_deny_answers_at_once_and_not_in_silence() -> None:
    scene = Scene(envelope=Envelope(denies=True))
    ask = scene.ask()
    assert ask.state == "denied"
    assert ask.answer is not None
    assert ask.answer.by.startswith("policy")
    assert scene.kinds() == ["ask", "denied"]
    assert scene.told == 1


WITHIN = Envelope(rules=(Rule(host="*.example.com", where="policy.yaml:3", methods=("GET",)),), seconds=60, denies=True)


def test_what_lies_within_the_envelope_is_given_for_a_time_and_not_in_silence() -> None:
    scene = Scene(envelope=WITHIN)
    assert scene.ask(methods=["GET"]).state == "approved"
    assert scene.kinds() == ["ask", "approved"]
    assert scene.told == 1
    assert scene.desk.holding[0].by.startswith("policy")
    scene.desk.expire(NOW + 60)
    assert not scene.carrier.held


@pytest.mark.parametrize(
    "asked",
    [
        {"methods": ["POST"]},
        {},
        {"methods": ["GET"], "host": "a.b.example.com"},
        {"methods": ["GET"], "host": "**.example.com"},
        {"methods": ["GET"], "ports": [8443]},
        {"methods": ["GET"], "scheme": "http"},
        {"kind": "budget", "usd": 1, "host": None},
    ],
)
def test_nothing_beyond_the_envelope_is_given(asked: dict[str, Any]) -> None:
    scene = Scene(envelope=WITHIN)
    wanted = {key: value for key, value in ({"host": "api.example.com"} | asked).items() if value is not None}
    filed = scene.desk.request({**wanted, "reason": "x"}, NOW)
    assert not isinstance(filed, dict)
    assert filed.state == "denied"
    assert not scene.carrier.held


def test_an_ask_that_nobody_answers_for_a_day_expires() -> None:
    scene = Scene()
    number = scene.ask().number
    scene.desk.expire(NOW + EXPIRES_S - 1)
    assert scene.desk.find(number).state == "pending"
    scene.desk.expire(NOW + EXPIRES_S)
    assert scene.desk.find(number).state == "expired"


def test_a_question_is_answered_with_one_of_its_choices() -> None:
    scene = Scene()
    filed = scene.desk.question("Which database?", ["postgres", "sqlite"], NOW)
    assert not isinstance(filed, dict)
    for wrong in ({}, {"answer": ""}, {"answer": "mysql"}):
        with pytest.raises(BottleError):
            scene.desk.approve({"id": scene.id_of(filed.number), **wrong}, NOW)
    scene.desk.approve({"id": scene.id_of(filed.number), "answer": "sqlite"}, NOW)
    answer = scene.desk.find(filed.number).answer
    assert answer is not None
    assert answer.choice == "sqlite"


def test_the_denials_that_led_to_it_are_its_evidence() -> None:
    scene = Scene()
    about = {"gate": "egress", "port": 443, "method": "GET", "why": "No rule \x1b[0m allows it."}
    scene.carrier.refused = [
        {**about, "ts": 1.0, "host": "api.example.com", "path": "/v1"},
        {**about, "ts": 2.0, "host": "other.example.com", "path": "/v2"},
    ]
    assert [line for line in scene.ask().evidence if "/v1" in line and line.isprintable()]
    assert not [line for line in scene.ask().evidence if "/v2" in line]


def test_a_grant_that_can_no_longer_be_carried_out_is_over_and_the_others_hold() -> None:
    scene = Scene(standing=STANDING)
    for asked in ({"host": "a.example.com"}, {"kind": "credential", "name": "forge", "host": "git.example.com"}):
        filed = scene.desk.request({**asked, "reason": "x"}, NOW)
        assert not isinstance(filed, dict)
        scene.desk.approve({"id": scene.id_of(filed.number), "scope": "for", "seconds": 60}, NOW)
    again = Scene(standing=STANDING, state=scene.desk.state, without=frozenset({"credential"}))
    again.desk.start()
    assert [one.row["host"] for one in again.carrier.held] == ["a.example.com"]
    assert [one.name for one in again.desk.holding] == ["g1"]
    assert again.kinds() == ["expired"]


TEXTS = st.text(max_size=60)


@given(one=TEXTS, other=TEXTS)
def test_two_reasons_that_read_differently_have_two_ids(one: str, other: str) -> None:
    ids = []
    for reason in (one, other):
        scene = Scene()
        ask = scene.ask(reason=f"x {reason}")
        ids.append((ask.reason, scene.id_of(ask.number)))
    assert (ids[0][0] == ids[1][0]) is (ids[0][1] == ids[1][1])


@given(methods=st.lists(st.sampled_from(["GET", "POST", "PUT"]), max_size=3), ports=st.lists(st.integers(1, 65535), max_size=3))
def test_what_is_given_as_less_never_allows_more(methods: list[str], ports: list[int]) -> None:
    asked = read_delta({"host": "**.example.com", "ports": [443, 8443], "methods": ["GET", "POST"]})
    wanted = {key: value for key, value in {"methods": methods, "ports": ports}.items() if value}
    try:
        less = narrow(asked, wanted)
    except Refused:
        return
    assert isinstance(less, NetworkDelta)
    assert set(less.rule.methods) <= {"GET", "POST"}
    assert less.rule.methods
    assert set(less.rule.ports) <= {443, 8443}


def test_everything_survives_being_written_and_read() -> None:
    scene = Scene(standing=STANDING)
    scene.desk.approve({"id": scene.id_of(scene.ask().number), "scope": "for", "seconds": 60}, NOW)
    scene.ask(host="other.example.com")
    scene.desk.question("Which?", ["a"], NOW)
    state = scene.desk.state
    assert from_row(json.loads(json.dumps(to_row(state)))) == state
