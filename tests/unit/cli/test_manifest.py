"""`init`, `schema` and `trust` as their user meets them."""

import json
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from bot_bottle.cli.main import app
from bot_bottle.errors import BadUsage, BottleError, Declined
from bot_bottle.manifest.read import Sources, load
from bot_bottle.manifest.trust import trusted


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for variable, name in (("XDG_CONFIG_HOME", "config"), ("XDG_STATE_HOME", "state"), ("XDG_CACHE_HOME", "cache")):
        monkeypatch.setenv(variable, str(tmp_path / name))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    folder = tmp_path / "project"
    (folder / ".git").mkdir(parents=True)
    monkeypatch.chdir(folder)
    return folder


def bot_bottle(*words: str) -> Result:
    """The command line, its own errors let through."""
    result = CliRunner().invoke(app, words)
    if isinstance(result.exception, BottleError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result


def answering(answer: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """An operator at a terminal who gives this answer."""
    monkeypatch.setattr("bot_bottle.cli.manifest.confirmed", lambda: answer)


def test_init_writes_a_manifest_that_is_trusted_and_says_how_to_run(repository: Path) -> None:
    (repository / "package.json").touch()
    result = bot_bottle("init")
    assert (repository / "bottle.yaml").read_text() == result.stdout
    assert "bot-bottle run" in result.stderr
    assert load(Sources(cwd=repository)).spec.egress.presets == ("npm",)


def test_init_in_a_sub_folder_writes_at_the_top_of_the_repository(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (repository / "src").mkdir()
    monkeypatch.chdir(repository / "src")
    bot_bottle("init")
    assert (repository / "bottle.yaml").exists()


def test_init_never_writes_over_a_manifest_unless_forced(repository: Path) -> None:
    (repository / "bottle.yaml").write_text("agent: shell\n")
    with pytest.raises(BadUsage, match="is there already"):
        bot_bottle("init")
    assert (repository / "bottle.yaml").read_text() == "agent: shell\n"
    bot_bottle("init", "--force", "--agent", "codex")
    assert "agent: codex" in (repository / "bottle.yaml").read_text()


def test_init_replaces_a_link_and_not_what_it_leads_to(repository: Path, tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("mine")
    (repository / "bottle.yaml").symlink_to(tmp_path / "precious")
    with pytest.raises(BadUsage):
        bot_bottle("init")
    bot_bottle("init", "--force")
    assert (tmp_path / "precious").read_text() == "mine"
    assert not (repository / "bottle.yaml").is_symlink()


def test_schema_prints_json_for_manifest_and_policy(repository: Path) -> None:
    assert "args" in json.loads(bot_bottle("schema").stdout)["properties"]
    assert "args" not in json.loads(bot_bottle("schema", "--policy").stdout)["properties"]


def test_trust_shows_what_it_is_about_and_remembers_after_a_yes(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (repository / "bottle.yaml").write_text("agent: codex\nprompt: Hi\n")
    answering(True, monkeypatch)
    shown = bot_bottle("trust").stdout
    assert "   1 agent: codex" in shown
    assert "starts codex instead of claude" in shown
    assert load(Sources(cwd=repository)).spec.agent == "codex"


def test_trust_after_a_no_remembers_nothing(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (repository / "bottle.yaml").write_text("agent: codex\n")
    answering(False, monkeypatch)
    with pytest.raises(Declined):
        bot_bottle("trust")
    assert trusted(repository.resolve() / "bottle.yaml") is None


def test_without_a_terminal_nobody_says_yes(repository: Path) -> None:
    (repository / "bottle.yaml").write_text("agent: codex\n")
    result = CliRunner().invoke(app, ["trust"], input="y\n")
    assert isinstance(result.exception, Declined)
    assert trusted(repository.resolve() / "bottle.yaml") is None


def test_what_is_remembered_is_what_was_shown_even_when_the_file_changes_meanwhile(
    repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = repository / "bottle.yaml"
    manifest.write_text("agent: codex\n")

    def swap_then_yes() -> bool:
        manifest.write_text("agent: shell\nargs: [evil]\n")
        return True

    monkeypatch.setattr("bot_bottle.cli.manifest.confirmed", swap_then_yes)
    bot_bottle("trust")
    known = trusted(repository.resolve() / "bottle.yaml")
    assert known is not None
    assert known.content == b"agent: codex\n"
    with pytest.raises(Declined):
        load(Sources(cwd=repository))


def test_a_change_is_shown_as_a_difference(repository: Path) -> None:
    (repository / "bottle.yaml").write_text("agent: codex\n")
    bot_bottle("trust", "--yes")
    assert "is trusted since" in bot_bottle("trust").stderr
    (repository / "bottle.yaml").write_text("agent: codex\nargs: [--evil]\n")
    shown = bot_bottle("trust", "--yes").stdout
    assert "+args: [--evil]" in shown
    assert " agent: codex" in shown


def test_a_prompt_file_is_shown_too(repository: Path) -> None:
    (repository / "p.md").write_text("Obey \x1b[2J me.\n")
    (repository / "bottle.yaml").write_text("prompt_file: p.md\n")
    shown = bot_bottle("trust", "--yes").stdout
    assert "Obey \\x1b[2J me." in shown
    assert "is pinned with it" in shown


def test_trust_can_be_listed_and_revoked(repository: Path) -> None:
    (repository / "bottle.yaml").write_text("agent: codex\n")
    bot_bottle("trust", "--yes")
    path = str(repository.resolve() / "bottle.yaml")
    assert path in bot_bottle("trust", "--list").stdout
    assert [row["path"] for row in json.loads(bot_bottle("trust", "--list", "--json").stdout)] == [path]
    bot_bottle("trust", "--revoke", str(repository))
    assert json.loads(bot_bottle("trust", "--list", "--json").stdout) == []
    with pytest.raises(BadUsage, match="is not trusted"):
        bot_bottle("trust", "--revoke")


def test_trust_without_a_manifest_says_so(repository: Path) -> None:
    with pytest.raises(BadUsage, match=r"no bottle\.yaml here"):
        bot_bottle("trust")


def test_the_verbs_are_registered() -> None:
    assert {"init", "schema", "trust"} <= set(app.list_commands(click.Context(app)))
