"""A line for always: the right one, under whatever else happens to the file."""

from pathlib import Path
from typing import Any

import pytest

from bot_bottle.bottles import always
from bot_bottle.errors import BadManifest, BottleError, Refused

RULE: dict[str, Any] = {"kind": "egress", "host": "api.example.com", "ports": [443], "methods": ["GET"], "paths": ["/v1/**"]}
LINE = '    - {host: api.example.com, methods: [GET], paths: ["/v1/**"]}\n'


@pytest.fixture
def policy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    (tmp_path / "bot-bottle").mkdir()
    return tmp_path / "bot-bottle" / "policy.yaml"


@pytest.mark.parametrize(
    ("delta", "text"),
    [
        (RULE, f"egress:\n  rules:\n{LINE}"),
        (
            {"kind": "egress", "host": "a.example.com", "ports": [80, 8080], "scheme": "http"},
            "egress:\n  rules:\n    - {host: a.example.com, ports: [80, 8080], scheme: http}\n",
        ),
        ({"kind": "preset", "name": "npm"}, "egress:\n  presets:\n    - npm\n"),
        (
            {"kind": "dlp", "rule": "aws-key", "host": "a.example.com"},
            "dlp:\n  actions:\n    - {rule: aws-key, host: a.example.com, action: warn}\n",
        ),
        ({"kind": "limit", "name": "memory", "value": "8GiB"}, 'limits:\n  memory: "8GiB"\n'),
    ],
)
def test_a_delta_becomes_its_line(policy: Path, delta: dict[str, Any], text: str) -> None:
    edit = always.plan_edit(delta)
    assert (edit.before, edit.after) == (None, text)
    always.write_edit(delta, edit)
    assert policy.read_text() == text
    assert policy.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("kind", ["credential", "budget"])
def test_what_no_policy_gives_is_refused(policy: Path, kind: str) -> None:
    with pytest.raises(Refused, match=kind):
        always.plan_edit({"kind": kind, "name": "x"})


def test_the_diff_shows_the_line_and_no_more(policy: Path) -> None:
    policy.write_text("# mine\nagent: codex\n")
    added = [line for line in always.plan_edit(RULE).diff if line[:1] in "+-"]
    assert added == ["+egress:", "+  rules:", "+" + LINE.rstrip("\n")]


def test_an_edit_meanwhile_is_kept(policy: Path) -> None:
    policy.write_text("agent: codex\n")
    planned = always.plan_edit(RULE)
    policy.write_text("agent: claude  # changed by hand\n")
    written = always.write_edit(RULE, planned)
    assert written is not planned
    assert policy.read_text() == f"agent: claude  # changed by hand\negress:\n  rules:\n{LINE}"


def test_a_file_that_appears_meanwhile_is_kept(policy: Path) -> None:
    planned = always.plan_edit(RULE)
    policy.write_text("agent: codex\n")
    always.write_edit(RULE, planned)
    assert policy.read_text().startswith("agent: codex\n")


def test_a_file_that_never_holds_still_is_not_written(policy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    planned = always.plan_edit(RULE)
    monkeypatch.setattr(always, "_now", lambda path: "something else")
    with pytest.raises(BottleError, match="written to"):
        always.write_edit(RULE, planned)
    assert not policy.exists()


def test_a_value_that_the_next_start_would_refuse_is_not_written(policy: Path) -> None:
    with pytest.raises(BadManifest):
        always.plan_edit({"kind": "limit", "name": "memory", "value": "very much"})


def test_a_policy_with_mistakes_is_not_added_to(policy: Path) -> None:
    policy.write_text("agnet: codex\n")
    with pytest.raises(BadManifest, match="mistakes"):
        always.plan_edit(RULE)


def test_a_link_stays_a_link(policy: Path, tmp_path: Path) -> None:
    real = tmp_path / "dotfiles.yaml"
    real.write_text("agent: codex\n")
    real.chmod(0o644)
    policy.symlink_to(real)
    always.write_edit(RULE, always.plan_edit(RULE))
    assert policy.is_symlink()
    assert LINE in real.read_text()
    assert real.stat().st_mode & 0o777 == 0o644
