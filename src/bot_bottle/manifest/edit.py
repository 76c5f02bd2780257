"""Adds to a policy's text what a person would have typed: comments, order and spelling of everything else stay. Pure.

A change is checked before it is given back: the new text, read by the same parser as every policy, must say what the old one said
and the change, nothing else. Where that cannot be had the edit is refused, and the person types it.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

import yaml

from bot_bottle.errors import Refused
from bot_bottle.record import dataclass

Json = Any  # Any: JSON

_WORD = re.compile(r"[A-Za-z][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+)*")
_READ_OTHERWISE = frozenset({"true", "false", "yes", "no", "on", "off", "null", "y", "n"})
"""Words that some version of YAML takes for something else (YAML 1.1, bool and null)."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Append:
    """One more item of the list at this key path."""

    path: tuple[str, ...]
    item: Json


@dataclass(frozen=True, kw_only=True, slots=True)
class Put:
    """A value at this key path, in place of the one there."""

    path: tuple[str, ...]
    value: str | float


Change = Append | Put


def edited(text: str, change: Change) -> str:
    """The text with the change. Refused when it cannot be made by adding a line or a few words."""
    try:
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        before = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise Refused(f"The file is no YAML: {str(error).splitlines()[0]}.") from None
    if before is not None and not isinstance(before, dict):
        raise Refused("The file is no mapping.")
    done = _insert(text, root, change)
    try:
        after = yaml.safe_load(done)
    except yaml.YAMLError:
        after = None
    if after != _changed(before or {}, change):
        raise Refused("The file is written in a way that cannot be added to without touching the rest.")
    return done


def _changed(before: dict[str, Json], change: Change) -> dict[str, Json]:
    """What the file should say afterwards."""
    key, *rest = change.path
    inner = before.get(key)
    if rest:
        return before | {key: _changed(inner or {}, _below(change))}
    return before | {key: [*(inner or []), change.item] if isinstance(change, Append) else change.value}


def _below(change: Change) -> Change:
    path = change.path[1:]
    return Append(path=path, item=change.item) if isinstance(change, Append) else Put(path=path, value=change.value)


def _insert(text: str, node: yaml.Node | None, change: Change, *, column: int = 0) -> str:
    """Go down the key path as far as the file does, then write the rest."""
    if node is None:
        return _on_a_line(text, len(text), _lines(change, 0))
    if not isinstance(node, yaml.MappingNode):
        raise Refused(f"“{change.path[0]}” stands in something that is no mapping.")
    found = next(((key, value) for key, value in node.value if key.value == change.path[0]), None)
    if found is None:
        return _new_key(text, node, change, column=column)
    key, value = found
    if _is_empty(value):
        return _on_a_line(text, key.end_mark.index, _lines(change, key.start_mark.column)[1:] or _refuse())
    if len(change.path) > 1:
        return _insert(text, value, _below(change), column=key.start_mark.column)
    if isinstance(change, Put):
        if not isinstance(value, yaml.ScalarNode) or value.style in ("|", ">"):
            raise Refused(f"“{change.path[0]}” is no single value.")
        return text[: value.start_mark.index] + _value(change.value) + text[value.end_mark.index :]
    return _new_item(text, value, change)


def _refuse() -> list[str]:
    raise Refused("An empty value stands there.")


def _new_key(text: str, node: yaml.MappingNode, change: Change, *, column: int) -> str:
    if node.flow_style:
        at = node.value[-1][1].end_mark.index if node.value else node.start_mark.index + 1
        return text[:at] + (", " if node.value else "") + _flow(change) + text[at:]
    indent = node.value[0][0].start_mark.column if node.value else column + 2
    return _on_a_line(text, _last_index(node), _lines(change, indent))


def _new_item(text: str, node: yaml.Node, change: Append) -> str:
    if not isinstance(node, yaml.SequenceNode):
        raise Refused(f"“{change.path[0]}” is no list.")
    if node.flow_style:
        at = node.value[-1].end_mark.index if node.value else node.start_mark.index + 1
        return text[:at] + (", " if node.value else "") + _value(change.item) + text[at:]
    return _on_a_line(text, _last_index(node), [" " * node.start_mark.column + f"- {_value(change.item)}"])


def _last_index(node: yaml.Node) -> int:
    """Where the last thing written in this node ends. The node's own end lies behind the comments and lines that follow."""
    if isinstance(node, yaml.MappingNode) and not node.flow_style and node.value:
        key, value = node.value[-1]
        return int(key.end_mark.index) if _is_empty(value) else _last_index(value)
    if isinstance(node, yaml.SequenceNode) and not node.flow_style and node.value:
        return _last_index(node.value[-1])
    if isinstance(node, yaml.ScalarNode) and node.style in ("|", ">"):
        return int(node.end_mark.index) - 1
    return int(node.end_mark.index)


def _is_empty(node: yaml.Node) -> bool:
    return isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:null" and not node.value


def _on_a_line(text: str, index: int, lines: list[str]) -> str:
    """Put whole lines behind the line in which this index lies."""
    end = text.find("\n", index)
    head, tail = (text, "") if end < 0 else (text[: end + 1], text[end + 1 :])
    if head and not head.endswith("\n"):
        head += "\n"
    return head + "".join(f"{line}\n" for line in lines) + tail


def _lines(change: Change, indent: int) -> list[str]:
    """The rest of the key path, each key on a line of its own."""
    lines = [" " * (indent + 2 * depth) + f"{key}:" for depth, key in enumerate(change.path)]
    if isinstance(change, Put):
        lines[-1] += f" {_value(change.value)}"
        return lines
    return [*lines, " " * (indent + 2 * len(change.path)) + f"- {_value(change.item)}"]


def _flow(change: Change) -> str:
    """The rest of the key path on one line."""
    inner = f"[{_value(change.item)}]" if isinstance(change, Append) else _value(change.value)
    for key in reversed(change.path[1:]):
        inner = f"{{{key}: {inner}}}"
    return f"{change.path[0]}: {inner}"


def _value(value: Json) -> str:
    """A value on one line: in quotes unless it reads the same in every version of YAML without them."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_value(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_value(one) for one in value) + "]"
    if isinstance(value, str):
        return value if _WORD.fullmatch(value) and value.lower() not in _READ_OTHERWISE else json.dumps(value)
    return json.dumps(value)
