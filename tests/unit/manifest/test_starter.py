"""What `init` writes is a manifest, with its examples switched on too."""

from dataclasses import replace
from pathlib import Path

import pytest

from bot_bottle.manifest.available import AVAILABLE
from bot_bottle.manifest.read import Sources, load
from bot_bottle.manifest.starter import presets_for, starter, starter_parts, written


@pytest.mark.parametrize("agent", AVAILABLE.agents)
@pytest.mark.parametrize("presets", [{}, {"pip": "pyproject.toml"}, {"pip": "setup.py", "npm": "package.json"}])
def test_what_is_written_reads_back_as_what_was_asked_for(agent: str, presets: dict[str, str], repository: Path) -> None:
    command = "command: [my-agent]\n" if agent == "custom" else ""
    (repository / "bottle.yaml").write_text(starter(agent=agent, presets=presets) + command)
    spec = load(Sources(cwd=repository, manifest=Path("bottle.yaml"))).spec
    assert (spec.agent, spec.egress.presets, spec.workspace.path) == (agent, tuple(presets), repository.resolve())
    assert spec.credentials == ()


def test_every_example_in_it_is_right_when_it_is_switched_on(repository: Path) -> None:
    parts = [replace(part, is_active=True) for part in starter_parts(agent="claude", presets={"pip": "setup.py"})]
    text = written(parts).replace("rules: []\n  # - {", "rules:\n    - {")
    (repository / "bottle.yaml").write_text(text)
    spec = load(Sources(cwd=repository, manifest=Path("bottle.yaml"))).spec
    assert [credential.name for credential in spec.credentials] == ["example"]
    assert [rule.host for rule in spec.egress.rules] == ["docs.example.com"]
    assert spec.prompt.startswith("Run the tests")
    assert dict(spec.env) == {"CI": "true"}


@pytest.mark.parametrize(
    ("names", "presets"),
    [
        ((), {}),
        (("pyproject.toml", "setup.py"), {"pip": "pyproject.toml"}),
        (("package.json", "README.md"), {"npm": "package.json"}),
        (("requirements.txt", "yarn.lock"), {"pip": "requirements.txt", "npm": "yarn.lock"}),
    ],
)
def test_presets_follow_the_files_of_the_project(names: tuple[str, ...], presets: dict[str, str]) -> None:
    assert presets_for(names) == presets


def test_only_presets_of_this_version_are_chosen() -> None:
    assert presets_for(("package.json", "Cargo.toml", "go.mod"), available=replace(AVAILABLE, presets=("cargo",))) == {
        "cargo": "Cargo.toml"
    }
