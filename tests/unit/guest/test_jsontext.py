"""The quick JSON agrees with the standard library's, and is stricter."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot_bottle.guest.jsontext import NotJson, dumps, loads

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(VALUES)
def test_what_is_written_is_read_by_both(value: Any) -> None:  # Any: JSON
    assert loads(dumps(value)) == value
    assert json.loads(dumps(value)) == value


@given(VALUES)
def test_what_the_library_writes_is_read(value: Any) -> None:  # Any: JSON
    assert loads(json.dumps(value, indent=1, ensure_ascii=False)) == value


@given(st.text(alphabet='{}[]",:0123456789.eE+-truefalsn\\u \t\n', max_size=40))
def test_refuses_whatever_the_library_refuses(text: str) -> None:
    try:
        expected = json.loads(text)
    except ValueError:
        with pytest.raises(NotJson):
            loads(text)
    else:
        assert loads(text) == expected


@pytest.mark.parametrize(
    "text", ["", " ", "NaN", "-Infinity", "[1]x", '{"a":1,}', "[1,]", "'a'", "[[" * 100_000, "1" * 5000, "{1:2}", "\ufeff1"]
)
def test_refuses_what_is_not_one_json_value(text: str) -> None:
    with pytest.raises(NotJson):
        loads(text)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), object(), {"a": {1}}])
def test_writes_nothing_that_is_not_json(value: object) -> None:
    with pytest.raises(NotJson):
        dumps(value)
