"""What stands in a cell, and in which tone. Pure: records in, texts out."""

import pytest
from fake_door import NOW, ask, bottle, decision, grant, snapshot

from bot_bottle.bottles.snapshot import Cost, Traffic
from bot_bottle.dashboard.draw import (
    ASK_COLUMNS,
    BOTTLE_COLUMNS,
    DECISION_COLUMNS,
    Piece,
    age,
    ask_lines,
    ask_row,
    bottle_row,
    cost_of,
    decision_row,
    grant_line,
    size_of,
    state_of,
    summary,
    traffic_of,
    worst,
)


@pytest.mark.parametrize(("seconds", "text"), [(-5, "0s"), (59, "59s"), (60, "1m"), (3600, "1h"), (200_000, "2d")])
def test_an_age_has_one_unit(seconds: float, text: str) -> None:
    assert age(seconds) == text


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (2_500_000, "2.5 MB"), (3 * 10**9, "3.0 GB")]
)
def test_a_size_is_in_powers_of_ten(count: int, text: str) -> None:
    assert size_of(count) == text


@pytest.mark.parametrize(
    ("cost", "piece"),
    [
        (Cost(), Piece("-", "faint")),
        (Cost(usd=0.5, tokens=10), Piece("$0.50")),
        (Cost(usd=0.5, tokens=10, usd_limit=5.0), Piece("$0.50 of $5")),
        (Cost(usd=4.6, tokens=10, usd_limit=5.0), Piece("$4.60 of $5", "bad")),
        (Cost(usd=0.1, tokens=95, tokens_limit=100), Piece("$0.10, 95 of 100 tokens", "bad")),
    ],
)
def test_a_budget_that_is_almost_used_up_stands_out(cost: Cost, piece: Piece) -> None:
    assert cost_of(cost) == piece


def test_a_bottle_whose_gates_do_not_answer_says_so_and_shows_no_false_zero() -> None:
    assert traffic_of(bottle("a", answers=False)).text == "no answer"
    assert traffic_of(bottle("a", state="ended")).text == "-"
    assert traffic_of(bottle("a", traffic=Traffic(allowed=1))) == Piece("1 ok, 0 denied")


def test_an_ended_bottle_shows_its_code_and_a_star_for_work_that_was_not_landed() -> None:
    assert state_of(bottle("a", state="ended", exit_code=3, has_unlanded_work=True)).text == "ended (3) *"


def test_rows_have_as_many_cells_as_columns() -> None:
    assert len(bottle_row(bottle("a"), now=NOW)) == len(BOTTLE_COLUMNS)
    assert len(ask_row(ask(), now=NOW)) == len(ASK_COLUMNS)
    assert len(decision_row(decision("deny"))) == len(DECISION_COLUMNS)


def test_the_highest_risk_is_the_one_in_the_table() -> None:
    risks = (("new host", "medium", ""), ("private address", "high", ""), ("read only", "low", ""))
    assert worst(ask(risks=risks)) == Piece("high: private address", "bad")
    assert worst(ask(risks=(("odd", "unheard-of", ""),))).tone == "bad"
    assert worst(ask(risks=())).text == "-"


def test_an_ask_is_shown_with_everything_that_its_approval_is_bound_to() -> None:
    one = ask(choices=("a", "b"), blocked="a deny of the operator's", raised=3)
    text = "\n".join("".join(piece.text for piece in line) for line in ask_lines(one))
    for part in (
        one.slug,
        one.title,
        one.reason,
        one.id,
        "a deny of the operator's",
        "3 times",
        *one.choices,
        *one.evidence,
        *one.risks[0],
    ):
        assert part in text


def test_a_refusal_shows_why_and_an_allowed_request_shows_by_which_rule() -> None:
    assert [piece.text for piece in decision_row(decision("deny", why="no rule", port=8443))][1:] == [
        "deny",
        "POST api.anthropic.com:8443/v1/messages",
        "no rule",
    ]
    assert decision_row(decision("allow"))[3].text == "agent claude"


def test_a_grant_says_until_when() -> None:
    assert "for 10m more" in "".join(piece.text for piece in grant_line(grant(), now=NOW))


def test_the_summary_counts() -> None:
    assert summary(snapshot(bottle("a"), asks=(ask(),))) == "1 bottle runs · 1 ask waits · $0.42"
    assert summary(snapshot()) == "0 bottles run · nobody asks · $0.00"
