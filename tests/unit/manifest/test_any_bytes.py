"""Whatever a file holds: a spec, or one clear error."""

from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot_bottle.errors import BadManifest
from bot_bottle.manifest.available import AVAILABLE, SECTIONS_TO_COME
from bot_bottle.manifest.mistakes import refuse
from bot_bottle.manifest.model import Manifest
from bot_bottle.manifest.parse import parse
from bot_bottle.manifest.schema import ORDER

KEYS = (
    *ORDER,
    *SECTIONS_TO_COME,
    "rules",
    "host",
    "ports",
    "paths",
    "deny",
    "upstream",
    "ca",
    "connect",
    "name",
    "from",
    "to",
    "memory",
    "path",
)
WORDS = st.one_of(
    st.sampled_from(
        [*KEYS, "claude", "yes", "~", "null", "0644", "4GiB", "30m", "*.example.com", "/v1/**", "[", "{a: b}", "&x", "*x", "!!x"]
    ),
    st.text(max_size=20),
    st.integers(),
    st.floats(),
    st.booleans(),
    st.none(),
)
TREES = st.recursive(
    WORDS,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.sampled_from(KEYS), inner, max_size=6)),
    max_leaves=30,
)
MARKS = (
    ":",
    " ",
    "\n",
    "  ",
    "- ",
    "[",
    "]",
    "{",
    "}",
    ",",
    '"',
    "'",
    "#",
    "|",
    ">",
    "&a",
    "*a",
    "!!int",
    "?",
    "---",
    "%",
    "\\",
    "\t",
    "\0",
)
PIECES = st.lists(st.sampled_from((*KEYS, *MARKS)), max_size=60).map("".join)


def read(content: bytes) -> None:
    """The file's layer or its mistakes; every mistake is one printable line."""
    layer, mistakes = parse(content, label="f", base=Path("/nowhere"), model=Manifest, available=AVAILABLE)
    assert (layer is None) == bool(mistakes)
    for one in mistakes:
        assert str(one).isprintable()
    if mistakes:
        assert isinstance(refuse(mistakes, what="f"), BadManifest)


@given(st.binary(max_size=200))
@settings(max_examples=150, deadline=None)
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    read(content)


@given(PIECES)
@settings(max_examples=120, deadline=None)
def test_pieces_of_yaml_in_any_order_are_read_or_refused(text: str) -> None:
    read(text.encode("utf-8", "surrogatepass"))


@given(st.dictionaries(st.sampled_from(KEYS), TREES, max_size=8))
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_any_values_at_any_keys_are_read_or_refused(tree: dict[str, object]) -> None:
    import yaml

    read(yaml.dump(tree, allow_unicode=True).encode("utf-8", "surrogatepass"))


@given(st.dictionaries(st.sampled_from(KEYS), TREES, max_size=8))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_json_is_read_or_refused(tree: dict[str, object]) -> None:
    import json

    read(json.dumps(tree).encode())
