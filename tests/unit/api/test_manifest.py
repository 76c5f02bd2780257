"""A manifest from Python: its keywords are the manifest's fields, and what is wrong is told as for a file."""

import inspect
import json
from pathlib import Path

import pytest

from bot_bottle.api.manifest import Manifest
from bot_bottle.errors import BadManifest
from bot_bottle.manifest import model
from bot_bottle.manifest.read import Sources, load


@pytest.fixture(autouse=True)
def own_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for variable in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    project = tmp_path / "project"
    project.mkdir()
    monkeypatch.chdir(project)


def test_the_keywords_are_the_fields_of_the_manifest() -> None:
    assert set(inspect.signature(Manifest).parameters) == set(model.Manifest.model_fields)


def test_keywords_say_what_a_file_says(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    given = Manifest(
        agent="custom",
        command=["python3", "agent.py"],
        env={"NAME": 'ä "quoted" \U0001f600 value'},
        limits={"memory": "1GiB", "pids": 99, "cpus": 1.5, "time": "90s"},
        mounts=[{"path": tmp_path / "data", "to": "/data", "writable": True}],
        egress={"rules": [{"host": "api.example.com", "paths": ["/v1/**"], "deny": False}]},
        credentials=[{"name": "key", "from": {"env": "KEY"}, "to": {"host": "api.example.com", "bearer": True}}],
    )
    spec = load(Sources(cwd=Path.cwd(), text=given.text)).spec
    assert spec.command == ("python3", "agent.py")
    assert dict(spec.env)["NAME"] == 'ä "quoted" \U0001f600 value'
    assert (spec.limits.pids, spec.limits.cpus, spec.limits.time_s, spec.limits.memory) == (99, 1.5, 90.0, 1 << 30)
    assert (spec.mounts[0].host_path, spec.mounts[0].writable) == (tmp_path / "data", True)
    assert [rule.host for rule in spec.egress.rules] == ["api.example.com"]
    assert spec.credentials[0].name == "key"


def test_a_text_is_read_as_a_file_is() -> None:
    assert load(Sources(cwd=Path.cwd(), text=Manifest.from_text("agent: shell\n...\n").text)).spec.agent == "shell"


def test_relative_paths_of_a_text_start_at_the_current_folder() -> None:
    (Path.cwd() / "data").mkdir()
    manifest = Manifest(mounts=[{"path": "data", "to": "/data"}])
    assert load(Sources(cwd=Path.cwd(), text=manifest.text)).spec.mounts[0].host_path == Path.cwd() / "data"


def test_a_second_document_is_refused() -> None:
    with pytest.raises(BadManifest, match="one document"):
        Manifest.from_text("agent: shell\n...\nagent: claude\n")


def test_a_check_lists_every_mistake() -> None:
    with pytest.raises(BadManifest) as raised:
        Manifest(agent="shel", limits={"memory": "lots"}).check()
    assert ["did you mean shell" in fact for fact in raised.value.facts] == [True, False]


def test_a_field_that_does_not_exist_is_an_error_at_once() -> None:
    with pytest.raises(TypeError, match="egres"):
        Manifest(egres={})  # type: ignore[call-arg]  # what the test is about


def test_a_value_that_no_manifest_can_hold_is_an_error_at_once() -> None:
    with pytest.raises(TypeError, match="not object"):
        Manifest(env={"A": object()})  # type: ignore[dict-item]  # what the test is about


def test_a_file_keeps_its_name_and_is_read_later(tmp_path: Path) -> None:
    manifest = Manifest.from_file("other.yaml")
    assert manifest.path == Path.cwd() / "other.yaml"
    assert manifest.text is None
    with pytest.raises(BadManifest, match="cannot be read"):
        manifest.check()
    (Path.cwd() / "other.yaml").write_text("agent: shell\n")
    manifest.check()


def test_nothing_said_is_a_manifest() -> None:
    assert json.loads(Manifest().text or "") == {}
    Manifest().check()
