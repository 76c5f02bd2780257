"""The reference page says what the models say."""

import re
import textwrap
from pathlib import Path

import pytest
from own_scripts import load_script

from bot_bottle.manifest.available import AVAILABLE
from bot_bottle.manifest.model import Manifest
from bot_bottle.manifest.parse import parse
from bot_bottle.manifest.schema import schema

ROOT = Path(__file__).resolve().parents[3]
BLOCK = re.compile(r"^( *)```yaml\n(.*?)^ *```", re.DOTALL | re.MULTILINE)
EXAMPLES = [textwrap.dedent(match[2]) for match in BLOCK.finditer((ROOT / "docs/how-to/write-a-manifest.md").read_text())]


def test_the_reference_page_is_up_to_date() -> None:
    script = load_script("manifest_reference")
    now = script.PAGE.read_text()
    assert script.page(now) == now, "run: python scripts/manifest_reference.py"
    assert set(script.SECTIONS.values()) >= set(schema()["$defs"])


def test_there_are_examples_in_the_guide() -> None:
    assert len(EXAMPLES) >= 3


@pytest.mark.parametrize("example", EXAMPLES)
def test_an_example_of_the_guide_is_a_manifest(example: str, repository: Path) -> None:
    layer, mistakes = parse(example.encode(), label="guide", base=repository, model=Manifest, available=AVAILABLE)
    assert layer is not None, [str(one) for one in mistakes]
