"""Whatever a policy looks like, an edit adds its line and leaves every other character where it was, or is refused."""

import pytest
import yaml

from bot_bottle.errors import Refused
from bot_bottle.manifest.edit import Append, Put, edited

RULE = {"host": "api.example.com", "methods": ["GET"], "paths": ["/v1/**"]}
TEXT = '{host: api.example.com, methods: [GET], paths: ["/v1/**"]}'
ADD = Append(path=("egress", "rules"), item=RULE)

CASES = [
    ("", f"egress:\n  rules:\n    - {TEXT}\n"),
    ("# mine\n", f"# mine\negress:\n  rules:\n    - {TEXT}\n"),
    ("agent: codex", f"agent: codex\negress:\n  rules:\n    - {TEXT}\n"),
    ("agent: codex # why\n\n# end\n", f"agent: codex # why\negress:\n  rules:\n    - {TEXT}\n\n# end\n"),
    ("egress:\n", f"egress:\n  rules:\n    - {TEXT}\n"),
    ("egress:  # all of it\nagent: codex\n", f"egress:  # all of it\n  rules:\n    - {TEXT}\nagent: codex\n"),
    ("egress:\n  rules:\n", f"egress:\n  rules:\n    - {TEXT}\n"),
    ("egress:\n  presets: [pip]\nagent: codex\n", f"egress:\n  presets: [pip]\n  rules:\n    - {TEXT}\nagent: codex\n"),
    ("egress: {presets: [pip]}  # flow\n", f"egress: {{presets: [pip], rules: [{TEXT}]}}  # flow\n"),
    ("egress: {}\n", f"egress: {{rules: [{TEXT}]}}\n"),
    ("egress: {rules: []}\n", f"egress: {{rules: [{TEXT}]}}\n"),
    ("egress:\n  rules: []  # none\n", f"egress:\n  rules: [{TEXT}]  # none\n"),
    (
        "egress:\n  rules:\n    - {host: a.example.com}  # first\n    # after it\n\nagent: codex\n",
        f"egress:\n  rules:\n    - {{host: a.example.com}}  # first\n    - {TEXT}\n    # after it\n\nagent: codex\n",
    ),
    (
        "egress:\n  rules:\n  - host: a.example.com\n    paths:\n    - /a  # deep\n# end\n",
        f"egress:\n  rules:\n  - host: a.example.com\n    paths:\n    - /a  # deep\n  - {TEXT}\n# end\n",
    ),
    (
        "egress:\n  rules: [\n    {host: a.example.com},  # first\n  ]\n",
        f"egress:\n  rules: [\n    {{host: a.example.com}}, {TEXT},  # first\n  ]\n",
    ),
]


@pytest.mark.parametrize(("before", "after"), CASES)
def test_a_rule_is_added_and_nothing_else_moves(before: str, after: str) -> None:
    assert edited(before, ADD) == after


@pytest.mark.parametrize(("before", "_"), CASES)
def test_a_second_rule_is_added_below_the_first(before: str, _: str) -> None:
    twice = edited(edited(before, ADD), Append(path=ADD.path, item={"host": "b.example.com"}))
    assert [rule["host"] for rule in yaml.safe_load(twice)["egress"]["rules"]][-2:] == ["api.example.com", "b.example.com"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "limits:\n  memory: 8GiB\n"),
        ("limits: {memory: 4GiB, pids: 99}\n", "limits: {memory: 8GiB, pids: 99}\n"),
        ("limits:\n  memory: '4GiB' # ours\n", "limits:\n  memory: 8GiB # ours\n"),
        ("limits:\n  pids: 99\n", "limits:\n  pids: 99\n  memory: 8GiB\n"),
    ],
)
def test_a_value_is_put_in_the_place_of_the_old_one(before: str, after: str) -> None:
    wanted = after.replace("8GiB", '"8GiB"')
    assert edited(before, Put(path=("limits", "memory"), value="8GiB")) == wanted


@pytest.mark.parametrize(
    "before",
    [
        "- a\n",
        "egress: [a]\n",
        "egress:\n  rules: {a: b}\n",
        "egress: text\n",
        "a: [\n",
        "base: &b {host: a.example.com}\negress: {rules: *r}\n",
        "egress: {presets: [pip]}\n---\nagent: codex\n",
    ],
)
def test_what_cannot_be_added_to_safely_is_refused(before: str) -> None:
    with pytest.raises(Refused):
        edited(before, ADD)


def test_a_list_that_stands_in_two_places_is_not_changed_in_both() -> None:
    with pytest.raises(Refused):
        edited("rules: &r [{host: a.example.com}]\negress: {rules: *r}\n", ADD)


@pytest.mark.parametrize("word", ["no", "On", "1.10", "8GiB", "a: b", "# x", "~", "null", "", "é", "\u202e", "a\nb", "*x", "&x"])
def test_a_word_that_yaml_reads_otherwise_is_quoted(word: str) -> None:
    done = edited("", Append(path=("egress", "presets"), item=word))
    assert yaml.safe_load(done) == {"egress": {"presets": [word]}}
    assert "no\n" not in done
    assert done.isascii()
