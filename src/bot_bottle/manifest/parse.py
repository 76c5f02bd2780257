"""One file's bytes → what it says, or every mistake in it at once. The only place that knows how pydantic reports."""

import types
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from bot_bottle.manifest.available import SECTIONS_TO_COME, Available
from bot_bottle.manifest.build import build
from bot_bottle.manifest.env import looks_secret, reserved
from bot_bottle.manifest.fields import Surroundings
from bot_bottle.manifest.layer import Layer
from bot_bottle.manifest.mistakes import Mistake, Place, Wrong, mistake, nearest, shown
from bot_bottle.manifest.model import Common, SecretSection
from bot_bottle.manifest.rule import RuleSection
from bot_bottle.manifest.tree import Branch, Items, Node, Scalar, node_data, read_tree

ErrorDetails = Any  # Any: pydantic_core.ErrorDetails, whose input is anything


def parse(
    content: bytes, *, label: str, base: Path, model: type[Common], available: Available
) -> tuple[Layer | None, list[Mistake]]:
    """What the file says, and its mistakes; no layer when there are any. Relative paths in it start at `base`."""
    tree, mistakes = read_tree(content, label)
    if tree is None:
        return None, mistakes
    fields = node_data(tree)
    mistakes += _take_out_sections(tree, fields, available) + _check_env(tree) + _check_twice(tree)
    try:
        said = model.model_validate(fields, context=Surroundings(base=base, available=available))
    except ValidationError as error:
        return None, mistakes + [_explain(one, tree, model, available) for one in error.errors(include_url=False)]
    layer, more = build(said, tree)
    mistakes += more
    return (None if mistakes else layer), mistakes


def locate(tree: Branch, steps: Sequence[str | int]) -> tuple[Place, str, Node]:
    """Where the value at these steps is written, its key path, and the nearest node that exists."""
    node: Node = tree
    place, path = tree.place, ""
    for step in steps:
        if isinstance(node, Branch) and isinstance(step, str):
            if step == "[key]":
                continue
            path = f"{path}.{shown(step)}" if path else shown(step)
            if step not in node.keys:
                break
            place = node.keys[step].place
            node = node.values[step]
            place = node.place if isinstance(node, Scalar) and not node.is_null else place
        elif isinstance(node, Items) and isinstance(step, int) and step < len(node.items):
            node = node.items[step]
            place, path = node.place, f"{path}[{step}]"
        # One mapping may stand for a list of one: such a step leaves no trace in the file.
    return place, path, node


def _take_out_sections(tree: Branch, fields: dict[str, Any], available: Available) -> list[Mistake]:
    """Sections whose gate does not exist yet are refused, each by its own line, and not looked into."""
    mistakes = []
    for key, meaning in SECTIONS_TO_COME.items():
        if key in fields and key not in available.sections:
            del fields[key]
            wrong = Wrong(f"{meaning} is not part of this version; remove the section, or use a version that has it")
            mistakes.append(mistake(tree.keys[key].place, key, wrong))
    return mistakes


def _check_env(tree: Branch) -> list[Mistake]:
    """Variables that the bottle sets itself, and values that look like secrets; those are never shown."""
    mistakes = []
    section = tree.values.get("env")
    for name, key in section.keys.items() if isinstance(section, Branch) else ():
        if reserved(name):
            mistakes.append(mistake(key.place, f"env.{shown(name)}", Wrong("the bottle sets this variable itself; remove it")))
    services = tree.values.get("services")
    rows = services.values if isinstance(services, Branch) else {}
    for name, row in rows.items():
        given = row.values.get("env") if isinstance(row, Branch) else None
        mistakes += _secrets_in(given, f"services.{shown(name)}.env", "this looks like a secret, and the agent could learn it")
    image = tree.values.get("image")
    arguments = image.values.get("build_args") if isinstance(image, Branch) else None
    return [
        *mistakes,
        *_secrets_in(section, "env", "this looks like a secret, and the agent would hold it (the value is not shown)"),
        *_secrets_in(
            arguments, "image.build_args", "this looks like a secret, and the image would keep it (the value is not shown)"
        ),
    ]


def _secrets_in(section: Node | None, path: str, what: str) -> list[Mistake]:
    allowed = "plain values; a secret belongs in credentials, which the gate sets on requests"
    mistakes = []
    pairs = [(name, key, section.values.get(name)) for name, key in section.keys.items()] if isinstance(section, Branch) else []
    for name, key, value in pairs:
        judged = "" if path.startswith("services.") else name  # a throw-away database has a password too
        if isinstance(value, Scalar) and looks_secret(value.text, name=judged) and not (path == "env" and reserved(name)):
            mistakes.append(mistake(key.place, f"{path}.{shown(name)}", Wrong(what, allowed=allowed)))
    return mistakes


def _check_twice(tree: Branch) -> list[Mistake]:
    """Credentials have names of their own, mounts places of their own."""
    mistakes = []
    for section, key in (("credentials", "name"), ("mounts", "to")):
        rows = tree.values.get(section)
        first: dict[str, Place] = {}
        for index, row in enumerate(rows.items if isinstance(rows, Items) else ()):
            name = row.values.get(key) if isinstance(row, Branch) else None
            if isinstance(name, Scalar) and first.setdefault(name.text, name.place) != name.place:
                wrong = Wrong(f"this repeats line {first[name.text].line}")
                mistakes.append(mistake(name.place, f"{section}[{index}].{key}", wrong, name))
    return mistakes


def _explain(error: ErrorDetails, tree: Branch, model: type[BaseModel], available: Available) -> Mistake:
    steps: tuple[str | int, ...] = error["loc"]
    place, path, node = locate(tree, steps)
    kind, value = error["type"], error["input"]
    if kind == "extra_forbidden":
        return _unknown_key(steps, tree, model, available)
    if kind == "missing":
        owner, owner_path, _ = locate(tree, steps[:-1])
        return Mistake(place=owner, path=owner_path, what=f"{steps[-1]} is missing")
    wrong = error.get("ctx", {}).get("error")
    if isinstance(wrong, Wrong):
        if wrong.at:
            place, path, _ = locate(tree, (*steps, wrong.at))
        return mistake(place, path, wrong, None if isinstance(value, dict) else value)
    if kind in {"model_type", "dict_type"}:
        inner = _model_at(model, steps)
        allowed = ", ".join(_keys(inner, available)) if inner else "KEY: VALUE pairs"
        meant = f"{{host: {shown(value)}}}" if inner is RuleSection and isinstance(value, Scalar) else ""
        wrong = Wrong("a mapping belongs here", allowed=allowed, nearest=meant, hide=inner is SecretSection)
        return mistake(place, path, wrong, value)
    if kind == "too_short":
        return mistake(place, path, Wrong("the list is empty", allowed="at least one item"))
    if kind == "list_type":
        word = node.text if isinstance(node, Scalar) and not looks_secret(node.text) else ""
        hint = f"[{shown(', '.join(word.split()))}]" if word else ""
        return mistake(place, path, Wrong("a list belongs here", nearest=hint), value)
    return mistake(place, path, Wrong(str(error["msg"]).lower()), value)


def _unknown_key(steps: tuple[str | int, ...], tree: Branch, model: type[BaseModel], available: Available) -> Mistake:
    """The key's own place, the keys that exist there, and the nearest; its value is not shown."""
    key = str(steps[-1])
    _, owner_path, owner = locate(tree, steps[:-1])
    place = owner.keys[key].place if isinstance(owner, Branch) and key in owner.keys else owner.place
    inner = _model_at(model, steps[:-1])
    keys = _keys(inner, available) if inner else []
    path = f"{owner_path}.{shown(key)}" if owner_path else shown(key)
    return Mistake(place=place, path=path, what="unknown key", allowed=", ".join(keys), nearest=nearest(key, keys))


def _keys(model: type[BaseModel], available: Available) -> list[str]:
    """The keys of a mapping, without sections that would be refused."""
    keys = [field.alias or name for name, field in model.model_fields.items()]
    closed = set(SECTIONS_TO_COME) - set(available.sections)
    return [key for key in keys if key not in closed] if issubclass(model, Common) else keys


def _model_at(model: type[BaseModel], steps: Sequence[str | int]) -> type[BaseModel] | None:
    """The model that reads the mapping at these steps."""
    current: type[BaseModel] | None = model
    is_name = False  # the next step is a key that the writer chose
    for step in steps:
        if isinstance(step, int) or is_name:
            is_name = False
            continue
        if current is None:
            return None
        field = next((field for name, field in current.model_fields.items() if step == (field.alias or name)), None)
        current = _model_in(field.annotation) if field else None
        is_name = field is not None and _names_its_own(field.annotation)
    return current


def _model_in(annotation: Any) -> type[BaseModel] | None:  # Any: a type form
    """The model inside `list[...]`, `... | None` and `Annotated[...]`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    if get_origin(annotation) in {list, dict, Union, types.UnionType, Annotated}:
        return next((found for part in get_args(annotation) if (found := _model_in(part))), None)
    return None


def _names_its_own(annotation: Any) -> bool:  # Any: a type form
    """Whether it is a mapping from names to mappings: `services`."""
    if get_origin(annotation) is dict:
        return _model_in(annotation) is not None
    return any(_names_its_own(part) for part in get_args(annotation))
