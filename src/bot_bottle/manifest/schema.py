"""The manifest's JSON Schema (draft 2020-12), for editors. Made from the models; the texts are those under their fields."""

import ast
import inspect
import textwrap
from types import ModuleType
from typing import Any

from bot_bottle.manifest import git, image, model, rule
from bot_bottle.manifest.available import AVAILABLE, SECTIONS_TO_COME, Available
from bot_bottle.manifest.section import Section

Json = Any  # Any: JSON

ORDER = (
    "version", "agent", "backend", "workspace", "home", "prompt", "prompt_file", "args", "command", "egress", "credentials",
    "limits", "env", "mounts", "budget", "dlp", "supervise", "image", "services", "git",
)  # fmt: skip
"""The order in which people meet the fields; the models group them by what they share."""


MODULES = (model, git, image, rule)
"""Where the sections are written."""


def schema(kind: type[model.Common] = model.Manifest, *, available: Available = AVAILABLE) -> dict[str, Json]:
    """The schema of a manifest, or of the operator's policy. Sections that this version refuses are not in it."""
    made = kind.model_json_schema(by_alias=True)
    texts = {key: text for module in MODULES for key, text in field_texts(module).items()}
    for name, section in {kind.__name__: made, **made.get("$defs", {})}.items():
        for key, described in section.get("properties", {}).items():
            section["properties"][key] = _plain(described, texts.get((name, key), ""))
        if name == "CredentialSection":
            section["properties"]["to"] = _one_or_many(section["properties"]["to"])
        section.pop("title", None)
        owner = next(module for module in MODULES if hasattr(module, name))
        section["description"] = inspect.getdoc(getattr(owner, name)) or ""
    properties = made["properties"]
    closed = {key for key in SECTIONS_TO_COME if key not in available.sections}
    properties["env"]["additionalProperties"] = False
    made["properties"] = {key: properties[key] for key in ORDER if key in properties and key not in closed}
    _drop_unused(made)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": f"bot-bottle {kind.__name__.lower()}", **made}


def field_texts(module: ModuleType) -> dict[tuple[str, str], str]:
    """The text under each field, by class and key: read from the source, because Python does not keep it."""
    texts = {}
    for node in ast.parse(inspect.getsource(module)).body:
        if not isinstance(node, ast.ClassDef):
            continue
        for field, text in zip(node.body, node.body[1:], strict=False):
            if not isinstance(field, ast.AnnAssign) or not isinstance(field.target, ast.Name):
                continue
            if isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant) and isinstance(text.value.value, str):
                key = "from" if field.target.id == "source" else field.target.id
                texts[node.name, key] = " ".join(textwrap.dedent(text.value.value).split())
    return _inherited(texts, module)


def _inherited(texts: dict[tuple[str, str], str], module: ModuleType) -> dict[tuple[str, str], str]:
    """A field that a class inherits has its text there too."""
    everywhere = dict(texts)
    for name, kind in vars(module).items():
        if isinstance(kind, type) and issubclass(kind, Section):
            for base in reversed(kind.__mro__):
                for (owner, key), text in texts.items():
                    if owner == base.__name__:
                        everywhere[name, key] = text
    return everywhere


def _plain(described: Json, text: str) -> Json:
    """One property: null stands for "not said" in YAML, so neither it nor the default null is worth an editor's line."""
    choices = [choice for choice in described.get("anyOf", []) if choice != {"type": "null"}]
    kept = {key: value for key, value in described.items() if key not in {"anyOf", "default", "title"}}
    if len(choices) == 1:
        kept = {**choices[0], **kept}
    elif choices:
        kept["anyOf"] = choices
    return {**kept, "description": text} if text else kept


def _one_or_many(described: Json) -> Json:
    """A list that may also be written as its only item."""
    many = {key: value for key, value in described.items() if key != "description"}
    return {"anyOf": [many["items"], many], "description": described["description"]}


def _drop_unused(made: dict[str, Json]) -> None:
    """Definitions that nothing refers to any more."""
    defined: dict[str, Json] = made.get("$defs", {})
    used: set[str] = set()
    waiting: list[Json] = [made["properties"]]
    while waiting:
        part = waiting.pop()
        if isinstance(part, list):
            waiting += part
        elif isinstance(part, dict):
            name = str(part.get("$ref", "")).removeprefix("#/$defs/")
            if name and name not in used:
                used.add(name)
                waiting.append(defined[name])
            waiting += part.values()
    made["$defs"] = {name: section for name, section in defined.items() if name in used}
