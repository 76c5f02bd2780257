"""The schema describes what is read: every key with its text, nothing that is refused."""

from typing import Any

import pytest

from bot_bottle.manifest.available import AVAILABLE, SECTIONS_TO_COME
from bot_bottle.manifest.model import Manifest, Policy
from bot_bottle.manifest.schema import ORDER, schema


def mappings(part: Any) -> list[dict[str, Any]]:
    if isinstance(part, list):
        return [found for item in part for found in mappings(item)]
    if isinstance(part, dict):
        return [part, *(found for item in part.values() for found in mappings(item))]
    return []


@pytest.mark.parametrize("kind", [Manifest, Policy])
def test_every_key_has_a_text_and_unknown_keys_are_wrong(kind: type[Manifest] | type[Policy]) -> None:
    made = schema(kind)
    for section in mappings(made):
        if "properties" in section:
            assert section["additionalProperties"] is False
            assert section["description"]
            assert all(described.get("description") for described in section["properties"].values())


@pytest.mark.parametrize("kind", [Manifest, Policy])
def test_every_reference_leads_to_a_definition_and_every_definition_is_used(kind: type[Manifest] | type[Policy]) -> None:
    made = schema(kind)
    used = {part["$ref"].removeprefix("#/$defs/") for part in mappings(made) if "$ref" in part}
    assert used == set(made["$defs"])


def test_sections_that_are_refused_are_not_offered() -> None:
    offered = set(schema()["properties"])
    assert offered & set(SECTIONS_TO_COME) == set(AVAILABLE.sections) & set(Manifest.model_fields)


def test_no_field_is_left_out_of_the_order() -> None:
    assert set(ORDER) == set(Manifest.model_fields)


def test_the_dialect_is_named() -> None:
    assert schema()["$schema"] == "https://json-schema.org/draft/2020-12/schema"
