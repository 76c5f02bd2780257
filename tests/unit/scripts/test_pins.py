"""The pinned lists are what the project asks for: a fresh environment is made from them, and from nothing else."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[3]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
EXTRAS = PROJECT["project"]["optional-dependencies"]
TO_RUN = [*PROJECT["project"]["dependencies"], *PROJECT["build-system"]["requires"]]
ENTRY = re.compile(r"([a-z0-9.-]+)==([^ ]+)((?: \\\n    --hash=sha256:[0-9a-f]{64})+)\n")


def pinned(*lists: str) -> dict[str, str]:
    """Name → version in these lists."""
    return {match[1]: match[2] for name in lists for match in ENTRY.finditer((ROOT / "pins" / name).read_text())}


@pytest.mark.parametrize("wanted", TO_RUN)
def test_what_it_needs_to_run_is_pinned(wanted: str) -> None:
    requirement = Requirement(wanted)
    version = pinned("run.txt").get(requirement.name.lower())
    assert version is not None, "run: python scripts/pin.py"
    assert requirement.specifier.contains(version), "run: python scripts/pin.py"


@pytest.mark.parametrize("wanted", [*EXTRAS["dev"], *EXTRAS["keyring"]])
def test_what_its_tests_need_is_pinned(wanted: str) -> None:
    requirement = Requirement(wanted)
    version = pinned("run.txt", "dev.txt").get(requirement.name.lower())
    assert version is not None, "run: python scripts/pin.py"
    assert requirement.specifier.contains(version), "run: python scripts/pin.py"


@pytest.mark.parametrize("name", ["run.txt", "dev.txt"])
def test_a_list_holds_versions_and_hashes_and_no_address(name: str) -> None:
    first, _, rest = (ROOT / "pins" / name).read_text().partition("\n")
    assert first.startswith("# ")
    assert ENTRY.sub("", rest) == ""
