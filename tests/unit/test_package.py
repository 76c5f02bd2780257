"""The package's own names: loaded when they are used, typed, and no more than the page lists."""

from pathlib import Path

import pytest

import bot_bottle


@pytest.mark.parametrize("name", bot_bottle.__all__)
def test_a_name_is_there_and_documented(name: str) -> None:
    found = getattr(bot_bottle, name)
    assert found.__name__ == name
    assert found.__doc__


def test_what_is_listed_is_what_type_checkers_see() -> None:
    source = Path(bot_bottle.__file__).read_text()
    seen = source[source.index("if TYPE_CHECKING:") : source.index("__version__")]
    imported = {word.strip(" ,()") for line in seen.splitlines()[1:] for word in line.partition(" import ")[2].split(",")}
    imported |= {line.strip(" ,") for line in seen.splitlines() if line.startswith("        ")}
    assert imported - {""} == set(bot_bottle.__all__)


def test_another_name_is_an_error_and_the_list_is_complete() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        bot_bottle.nothing  # noqa: B018
    assert set(bot_bottle.__all__) <= set(dir(bot_bottle))


def test_the_package_says_that_it_is_typed() -> None:
    assert (Path(bot_bottle.__file__).parent / "py.typed").exists()
