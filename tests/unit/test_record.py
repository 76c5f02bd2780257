"""Records behave as the standard library's frozen, keyword-only dataclasses do."""

import copy
import dataclasses
from dataclasses import FrozenInstanceError, fields

import pytest

from bot_bottle.record import asdict, dataclass, field, replace


@dataclass(frozen=True, kw_only=True, slots=True)
class Point:
    """Two numbers."""

    x: int
    y: int = 7


@dataclass(frozen=True, kw_only=True)
class Named(Point):
    """A subclass with a list of its own and a secret."""

    tags: list[str] = field(default_factory=list)
    secret: str = field(default="s3cret", repr=False)


def test_a_record_needs_every_field_without_default() -> None:
    with pytest.raises(TypeError, match="needs x"):
        Point()  # type: ignore[call-arg]  # that is the test


def test_a_record_takes_no_unknown_field() -> None:
    with pytest.raises(TypeError, match="has no z"):
        Point(x=1, z=2)  # type: ignore[call-arg]  # that is the test


def test_a_record_cannot_be_changed() -> None:
    with pytest.raises(FrozenInstanceError):
        Point(x=1).x = 2  # type: ignore[misc]  # that is the test
    with pytest.raises(FrozenInstanceError):
        del Point(x=1).x


def test_equal_fields_make_equal_records_of_the_same_class_only() -> None:
    assert Point(x=1, y=7) == Point(x=1)
    assert hash(Point(x=1, y=7)) == hash(Point(x=1))
    assert Point(x=1) != Named(x=1)
    other: object = (1, 7)
    assert Point(x=1) != other


def test_each_record_gets_a_fresh_default() -> None:
    one, other = Named(x=1), Named(x=1)
    one.tags.append("a")
    assert other.tags == []


def test_what_is_not_to_be_shown_is_not_shown() -> None:
    assert repr(Named(x=1)) == "Named(x=1, y=7, tags=[])"


def test_the_standard_functions_work() -> None:
    assert replace(Named(x=1), y=2, tags=["t"]) == Named(x=1, y=2, tags=["t"])
    assert dataclasses.replace(Named(x=1), y=2) == Named(x=1, y=2)
    assert dataclasses.asdict(Point(x=3)) == asdict(Point(x=3))
    assert asdict(Point(x=3)) == {"x": 3, "y": 7}
    assert [one.name for one in fields(Named)] == ["x", "y", "tags", "secret"]
    assert copy.deepcopy(Named(x=1, tags=["t"])) == Named(x=1, tags=["t"])


@dataclass(frozen=True)
class Pair:
    """Two in order."""

    one: int
    two: int = 2


def test_a_record_that_is_not_keyword_only_takes_its_fields_in_order() -> None:
    assert Pair(1) == Pair(one=1, two=2)
    assert Pair(1, 3).two == 3
    with pytest.raises(TypeError, match="one twice"):
        Pair(1, one=1)  # type: ignore[misc]  # that is the test
    with pytest.raises(TypeError, match="2 fields in order"):
        Pair(1, 2, 3)  # type: ignore[call-arg]  # that is the test


def test_a_keyword_only_record_takes_nothing_in_order() -> None:
    with pytest.raises(TypeError, match="0 fields in order"):
        Point(1)  # type: ignore[call-arg]  # that is the test
