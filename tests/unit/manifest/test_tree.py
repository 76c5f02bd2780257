"""Hostile bytes meet bounds; honest ones keep their text, line and column."""

import time

import pytest

from bot_bottle.manifest.tree import DEPTH_LIMIT, Branch, Items, Scalar, node_data, read_tree


def mistakes(content: bytes) -> list[str]:
    return [str(one) for one in read_tree(content, "f")[1]]


def test_every_value_knows_its_line_and_column() -> None:
    tree, wrong = read_tree(b"a:\n  - b: one\n    c: [two, three]\n", "f")
    assert not wrong
    assert tree is not None
    items = tree.values["a"]
    assert isinstance(items, Items)
    inner = items.items[0]
    assert isinstance(inner, Branch)
    assert str(inner.place) == "f:2:5"
    assert str(inner.keys["c"].place) == "f:3:5"
    listed = inner.values["c"]
    assert isinstance(listed, Items)
    assert [str(item.place) for item in listed.items] == ["f:3:9", "f:3:14"]


def test_scalars_keep_their_text() -> None:
    tree, _ = read_tree(b"a: [no, 0644, 1.10, 12:30, ~, 'no', 2024-01-01, 0x1F]", "f")
    assert tree is not None
    assert [(item.text, item.is_plain) for item in node_data(tree)["a"]] == [
        ("no", True), ("0644", True), ("1.10", True), ("12:30", True), ("~", True), ("no", False), ("2024-01-01", True),
        ("0x1F", True),
    ]  # fmt: skip


def test_nothing_and_null_are_not_said_but_a_quoted_null_is_text() -> None:
    tree, _ = read_tree(b"a:\nb: null\nc: 'null'\n", "f")
    assert tree is not None
    found = node_data(tree)
    assert (found["a"], found["b"], isinstance(found["c"], Scalar)) == (None, None, True)


def test_line_ends_of_windows_and_a_byte_order_mark_are_read() -> None:
    tree, wrong = read_tree(b"\xef\xbb\xbfa: b\r\nc: d\r\n", "f")
    assert not wrong
    assert tree is not None
    assert list(tree.keys) == ["a", "c"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"a: &x b", "anchors"),
        (b"a: *x", "aliases"),
        (b"<<: *x", "aliases"),
        (b"a: !!binary aGk=", "tags"),
        (b"a: !x b", "tags"),
        (b"a: b\na: c", "twice"),
        (b"a: {b: c, b: d}", "twice"),
        (b"a: 1\n'a': 2", "twice"),
        (b"? [a]\n: b", "a key is"),
        (b"? {a: b}\n: c", "a key is"),
        (b"--- {}\n--- {}", "second document"),
        (b'a: "\\ud800"', "cannot be seen"),
        (b'a: "\\0"', "cannot be seen"),
        ("a: \u200b".encode(), "cannot be seen"),
        (b'a: "\\U00110000"', "out of range"),
        (b"%YAML 9999999999.1\n---\na: b", "not YAML"),
        (b"a: \x07", "not allow"),
        (b"a: [", "not YAML"),
        (b"a: b: c", "not YAML"),
        (b"a:\n\tb: c", "tab"),
        (b"\xff", "UTF-8"),
        ("a: b".encode("utf-16"), "UTF-8"),
        (b"[]", "no mapping"),
        (b"a", "no mapping"),
    ],
)  # fmt: skip
def test_this_form_is_refused_with_the_reason(content: bytes, said: str) -> None:
    assert any(said in one for one in mistakes(content))


def test_nesting_up_to_the_bound_is_read_and_one_more_is_not() -> None:
    def nested(depth: int) -> bytes:
        return b"a: " + b"[" * depth + b"]" * depth

    assert mistakes(nested(DEPTH_LIMIT - 1)) == []
    assert "nested deeper" in mistakes(nested(DEPTH_LIMIT))[0]


@pytest.mark.parametrize(
    "content",
    [
        b"[" * 1_000_000,
        b"{" * 1_000_000,
        b"- " * 500_000,
        b"? " * 500_000,
        b"#" * 1_000_000,
        b"a: " + b"x" * 1_000_000,
        b"".join(b"k%d: [1,2,3]\n" % number for number in range(60_000)),
    ],
    ids=["lists", "mappings", "items", "keys", "comment", "scalar", "values"],
)
def test_a_megabyte_of_anything_is_read_or_refused_soon(content: bytes) -> None:
    begin = time.process_time()
    read_tree(content, "f")
    assert time.process_time() - begin < 10
