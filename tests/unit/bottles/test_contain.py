"""The judge of the containment probe: whatever is not plainly closed is a hole."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from plans import shared_plan

from bot_bottle.bottles.contain import hidden_paths, judge, questions
from bot_bottle.manifest.spec import Mount

ASKED = [{"id": "tcp", "try": "tcp", "closed": ["ENETUNREACH"]}, {"id": "gate", "try": "answers", "closed": []}]
GOOD = [{"id": "tcp", "outcome": "unreachable", "errno": "ENETUNREACH"}, {"id": "gate", "outcome": "reached", "errno": ""}]


def test_closed_bottle_with_living_gates_has_no_hole() -> None:
    assert judge(ASKED, GOOD) == ()


@pytest.mark.parametrize(
    "answer",
    [
        {"id": "tcp", "outcome": "reached", "errno": ""},
        {"id": "tcp", "outcome": "reached", "errno": "ENETUNREACH"},
        {"id": "tcp", "outcome": "error", "errno": "ENETUNREACH"},
        {"id": "tcp", "outcome": "unreachable", "errno": "ETIMEDOUT"},
        {"id": "tcp", "outcome": "unreachable", "errno": "TimeoutError"},
        {"id": "tcp", "outcome": "unreachable", "errno": ""},
        {"id": "tcp", "outcome": "unreachable"},
        {"id": "tcp"},
        {"id": "tcp", "outcome": ["unreachable"], "errno": {}},
        {"id": "other", "outcome": "unreachable", "errno": "ENETUNREACH"},
        {},
    ],
)
def test_anything_else_is_a_hole(answer: dict[str, Any]) -> None:
    assert [hole.name for hole in judge(ASKED, [answer, GOOD[1]])][-1] == "tcp"


@pytest.mark.parametrize("outcome", ["unreachable", "error", "", None])
def test_silent_gate_is_a_hole(outcome: object) -> None:
    assert [hole.name for hole in judge(ASKED, [GOOD[0], {"id": "gate", "outcome": outcome}])] == ["gate"]


def test_no_answers_are_as_many_holes_as_questions() -> None:
    assert [hole.name for hole in judge(ASKED, [])] == ["tcp", "gate"]


def test_second_answer_to_a_question_is_a_hole() -> None:
    assert [hole.name for hole in judge(ASKED, [GOOD[0], *GOOD])] == ["the probe"]


def test_hostile_detail_is_shown_harmless() -> None:
    (hole,) = judge(ASKED[:1], [{"id": "tcp", "outcome": "reached", "detail": "\x1b[2J\n" + "x" * 10_000}])
    assert str(hole).isprintable()
    assert len(str(hole)) < 700


def test_questions_have_ids_of_their_own_and_ask_every_gate(tmp_path: Path) -> None:
    asked = questions(shared_plan(tmp_path), own_addresses=("198.51.100.77", "2001:db8::77"), resolvers=("192.0.2.53",))
    assert len({one["id"] for one in asked}) == len(asked)
    assert [one["port"] for one in asked if one["try"] == "answers"] == [3128]
    assert {"198.51.100.77", "2001:db8::77", "192.0.2.53"} <= {one.get("host") for one in asked}


def test_outside_addresses_are_reserved_for_documentation(tmp_path: Path) -> None:
    import ipaddress

    reserved = [ipaddress.ip_network(one) for one in ("192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32")]
    local = {"169.254.169.254", "fd00:ec2::254", "100.100.100.200", "127.0.0.1", "127.0.0.53", "255.255.255.255", "224.0.0.251"}
    for one in questions(shared_plan(tmp_path)):
        if one["try"] in ("tcp", "udp") and one["host"] not in local:
            assert any(ipaddress.ip_address(one["host"]) in network for network in reserved), one


def test_stage_dir_is_hidden(tmp_path: Path) -> None:
    assert f"{tmp_path}/bundle.json" in hidden_paths(shared_plan(tmp_path))


def test_what_the_operator_mounts_is_not_asked_for(tmp_path: Path) -> None:
    plan = shared_plan(tmp_path, mounts=(Mount(host_path=Path("/x"), guest_path="/run/docker.sock"),))
    assert "/run/docker.sock" not in hidden_paths(plan)
    assert "/var/run/docker.sock" in hidden_paths(replace(plan, spec=replace(plan.spec, mounts=())))
