"""The verdict on an attack, and the tables: nothing but a named outcome is contained."""

import importlib

import pytest

from bot_bottle.attacks.case import Answer, Case, attack, chosen, filled
from bot_bottle.attacks.judge import judge
from bot_bottle.attacks.table import GROUPS
from bot_bottle.errors import BadUsage

CASE = attack("one", "One", "net.tcp", ("ENETUNREACH", "EPERM"), absent={"none": "there is nothing"})
EVERY = [case for group in GROUPS for case in group.cases]


def verdict(outcome: str | None, case: Case = CASE, *, own_kernel: bool = False, found: str | None = None) -> str:
    answer = None if outcome is None else Answer(outcome=outcome)
    return judge("group", case, answer, own_kernel=own_kernel, found=found).verdict


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        ("ENETUNREACH", "contained"),
        ("ENETUNREACH+EPERM", "contained"),
        ("ENETUNREACH+reached", "NOT contained"),
        ("reached", "NOT contained"),
        ("TIMEOUT", "NOT contained"),
        ("no answer", "NOT contained"),
        ("SIGSEGV", "NOT contained"),
        ("error:ImportError", "NOT contained"),
        ("", "NOT contained"),
        ("+", "NOT contained"),
        (None, "NOT contained"),
        ("none", "not applicable"),
    ],
)
def test_only_a_named_outcome_is_contained(outcome: str | None, expected: str) -> None:
    assert verdict(outcome) == expected


def test_what_is_found_on_the_host_outweighs_every_answer() -> None:
    assert verdict("ENETUNREACH", found="the listener was reached") == "NOT contained"


def test_a_kernel_of_its_own_excuses_only_cases_that_say_so() -> None:
    kernel = attack("two", "Two", "kernel.plain", ("EPERM",), own_kernel=True)
    assert verdict("ok", kernel, own_kernel=True) == "not applicable"
    assert verdict("ok", kernel) == "NOT contained"
    assert verdict("reached", own_kernel=True) == "NOT contained"
    assert verdict(None, kernel, own_kernel=True) == "NOT contained"


def test_a_waived_case_is_still_not_contained_by_what_is_found() -> None:
    judged = judge("group", CASE, Answer(outcome="reached"), own_kernel=False, found=None, waived="it is the image's")
    assert judged.verdict == "not applicable"
    judged = judge("group", CASE, Answer(outcome="reached"), own_kernel=False, found="it was", waived="it is the image's")
    assert judged.verdict == "NOT contained"


def test_what_was_said_inside_is_shown_plain() -> None:
    judged = judge("group", CASE, Answer(outcome="\x1b[2Jx", detail="\u202e" * 1000), own_kernel=False, found=None)
    assert judged.how.isprintable()
    assert len(judged.how) <= 160


def test_facts_are_filled_in_wherever_they_are_named() -> None:
    assert filled({"hosts": ["$a", "b"], "port": "$c"}, {"a": "x", "c": 1}) == {"hosts": ["x", "b"], "port": 1}


def test_there_are_cases_enough_and_each_has_a_name_of_its_own() -> None:
    assert len(EVERY) >= 150
    assert len({case.id for case in EVERY}) == len(EVERY)


@pytest.mark.parametrize("case", EVERY, ids=[case.id for case in EVERY])
def test_case_is_one_that_can_be_run_and_can_fail(case: Case) -> None:
    module, _, function = case.run.partition(".")
    assert callable(getattr(importlib.import_module(f"bot_bottle.attacks.inside.{module}"), function))
    assert case.closed
    assert not set(case.closed) & {"ok", "reached", "TIMEOUT", "died", "made", "opened", "read", "sent"}
    assert not any(one.startswith("error:") for one in case.closed)


def test_a_class_that_is_none_is_refused_with_those_that_are() -> None:
    with pytest.raises(BadUsage) as refused:
        chosen(GROUPS, ["networks"])
    assert "network" in refused.value.facts[0]
