"""The page of the Python interface says what the docstrings say, and all of them."""

from own_scripts import load_script

import bot_bottle

REFERENCE = load_script("api_reference")


def test_the_page_of_the_python_interface_is_up_to_date() -> None:
    assert REFERENCE.PAGE.read_text() == REFERENCE.page(), "run: python scripts/api_reference.py"


def test_every_name_has_its_place_on_the_page() -> None:
    placed = [name for names in REFERENCE.SECTIONS.values() for name in names]
    assert sorted(placed) == sorted(bot_bottle.__all__)


def test_every_public_method_says_what_it_does() -> None:
    silent = [
        f"{name}.{method}"
        for names in REFERENCE.SECTIONS.values()
        for name in names
        if isinstance(getattr(bot_bottle, name), type)
        for method, found in REFERENCE.methods(getattr(bot_bottle, name))
        if not found.__doc__
    ]
    assert silent == []
