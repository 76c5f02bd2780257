import json

from bot_bottle.gates.git_gate.records import PushRules, RefUpdate, rules_from, rules_row

ZERO = "0" * 40
ONE = "1" * 40


def test_rules_come_back_from_json_as_they_were() -> None:
    rules = PushRules(
        prefixes=("refs/heads/bottle/**",), own=("refs/heads/bottle/a/**",), force="never", authors=("*@example.com",)
    )
    assert rules_from(json.loads(json.dumps(rules_row(rules)))) == rules


def test_zeros_stand_for_a_ref_that_is_not_there() -> None:
    assert RefUpdate("refs/heads/a", ZERO, ONE).creates
    assert RefUpdate("refs/heads/a", ONE, ZERO).deletes
    assert not RefUpdate("refs/heads/a", ONE, ONE).creates
    assert not RefUpdate("refs/heads/a", ONE, ONE).deletes
