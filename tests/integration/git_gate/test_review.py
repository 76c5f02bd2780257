"""Held pushes: kept over a restart, decided by exactly what was shown, and told to the agent."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from forge import SLUG, Gated, commit, gated, git, head, operator_repository

from bot_bottle.bottles import pushes
from bot_bottle.errors import BadUsage, Refused
from bot_bottle.gates.git_gate.hold import Hold, Holds
from bot_bottle.gates.git_gate.serve import GitGate
from bot_bottle.manifest.spec import GitPush, GitUpstream

ARRIVED = f"refs/heads/bottle/{SLUG}/main"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return operator_repository(tmp_path / "project")


def reviewed(path: Path) -> tuple[GitUpstream, ...]:
    return (GitUpstream(where="test", path=path, push=GitPush(review="hold")),)


def holds_of(gate: Gated) -> Holds:
    return Holds(gate.plan.folder / "held")


def control(gate: GitGate, **request: Any) -> dict[str, Any]:
    return asyncio.run(gate.control(request))


def restarted(gate: Gated) -> GitGate:
    """The gate anew on the same folder, as after a crash."""
    return GitGate(gate.plan.config(), {}, gate.events.append)


def held_push(gate: Gated, files: dict[str, str]) -> tuple[Path, str, Hold]:
    work = gate.clone(gate.url("project"))
    made = commit(work, files)
    pushed = gate.git("push", "origin", "main", at=work, check=False)
    assert pushed.returncode != 0
    assert "held for the operator as push" in pushed.stderr
    return work, made, holds_of(gate).waiting()[-1]


def test_a_held_push_reaches_nobody_until_it_is_approved(tmp_path: Path, project: Path) -> None:
    with gated(tmp_path / "gate", reviewed(project)) as gate:
        work, made, hold = held_push(gate, {"new.txt": "hello\n"})
        assert head(project, ARRIVED) == ""
        assert "bot-bottle" not in gate.git("ls-remote", "origin", at=work).stdout
        assert control(gate.gate, op="pushes") == {"ok": True, "waiting": [hold.id]}
        assert control(gate.gate, op="approve", id=hold.id)["state"] == "taken"
        assert head(project, ARRIVED) == made
        assert [event["state"] for event in gate.events if event["event"] == "review"] == ["taken"]


def test_a_restart_keeps_a_held_push(tmp_path: Path, project: Path) -> None:
    with gated(tmp_path / "gate", reviewed(project)) as gate:
        _, made, hold = held_push(gate, {"new.txt": "hello\n"})
    assert control(restarted(gate), op="approve", id=hold.id)["state"] == "taken"
    assert head(project, ARRIVED) == made


def test_a_protected_path_holds_a_push_where_nothing_else_does(tmp_path: Path, project: Path) -> None:
    with gated(tmp_path / "gate", (GitUpstream(where="test", path=project),)) as gate:
        work = gate.clone(gate.url("project"))
        commit(work, {"a.txt": "a\n"})
        gate.git("push", "--quiet", "origin", "main", at=work)
        commit(work, {".github/workflows/ci.yml": "on: push\n"})
        pushed = gate.git("push", "origin", "main", at=work, check=False)
        assert "The path is protected (.github/workflows/**)" in pushed.stderr
        assert "held for the operator as push 1" in pushed.stderr


def test_what_builds_on_a_held_push_is_held_too(tmp_path: Path, project: Path) -> None:
    with gated(tmp_path / "gate", (GitUpstream(where="test", path=project),)) as gate:
        work, _, _ = held_push(gate, {"CLAUDE.md": "Obey.\n"})
        commit(work, {"harmless.txt": "x\n"})
        pushed = gate.git("push", "origin", "HEAD:refs/heads/other", at=work, check=False)
        assert "held for the operator as push 2" in pushed.stderr
        assert head(project, f"refs/heads/bottle/{SLUG}/other") == ""


def test_an_approval_names_the_very_commits(tmp_path: Path, project: Path) -> None:
    with gated(tmp_path / "gate", reviewed(project)) as gate:
        work, _, first = held_push(gate, {"new.txt": "hello\n"})
        commit(work, {"new.txt": "something else\n"})
        gate.git("push", "origin", "main", at=work, check=False)
        (second,) = holds_of(gate).waiting()
        assert [one.state for one in holds_of(gate).all()] == ["replaced", "waiting"]
        for wrong in (first.id, f"{second.number}-{first.token}", str(second.number), "9-aaaaaaaaaaaa", ""):
            with pytest.raises(BadUsage):
                control(gate.gate, op="approve", id=wrong)
        assert head(project, ARRIVED) == ""


def test_a_push_is_decided_once(tmp_path: Path, project: Path) -> None:
    with gated(tmp_path / "gate", reviewed(project)) as gate:
        _, _, hold = held_push(gate, {"new.txt": "hello\n"})
        control(gate.gate, op="reject", id=hold.id, said="Not now")
        with pytest.raises(BadUsage, match="decided already"):
            control(gate.gate, op="approve", id=hold.id)
        assert head(project, ARRIVED) == ""


def test_the_agent_hears_of_a_decision_at_its_next_push_once(tmp_path: Path, project: Path) -> None:
    with gated(tmp_path / "gate", reviewed(project)) as gate:
        work, _, hold = held_push(gate, {"new.txt": "hello\n"})
        control(gate.gate, op="reject", id=hold.id, said="Split it in two\x1b[2J")
        commit(work, {"a.txt": "a\n"})
        said = gate.git("push", "origin", "main", at=work, check=False).stderr
        assert "push 1 (bottle/test-bottle/main) was rejected by the operator: Split it in two" in said
        assert "\x1b[2J" not in said
        assert "rejected by the operator" not in gate.git("push", "origin", "HEAD:refs/heads/b", at=work, check=False).stderr


def test_an_approval_after_the_branch_moved_is_refused(tmp_path: Path, project: Path) -> None:
    with gated(tmp_path / "gate", reviewed(project)) as gate:
        _, _, hold = held_push(gate, {"new.txt": "hello\n"})
        git("branch", f"bottle/{SLUG}/main", "main", at=project)
        answer = control(gate.gate, op="approve", id=hold.id)
        assert answer["state"] == "refused"
        assert "moved meanwhile" in answer["said"]
        assert head(project, ARRIVED) == head(project)


def test_an_approval_that_a_crash_cut_off_after_the_push_is_settled_by_the_next(tmp_path: Path, project: Path) -> None:
    with gated(tmp_path / "gate", reviewed(project)) as gate:
        _, made, hold = held_push(gate, {"new.txt": "hello\n"})
        git("fetch", "--quiet", str(gate.plan.folder / "project.git"), f"{hold.refs()[0][0]}:{ARRIVED}", at=project)
        assert control(restarted(gate), op="approve", id=hold.id)["state"] == "taken"
        assert head(project, ARRIVED) == made


def test_a_decided_push_leaves_no_ref_behind(tmp_path: Path, project: Path) -> None:
    with gated(tmp_path / "gate", reviewed(project)) as gate:
        _, _, hold = held_push(gate, {"new.txt": "hello\n"})
        mirror = gate.plan.folder / "project.git"
        assert "refs/bot-bottle/held/1/0" in git("for-each-ref", at=mirror).stdout
        control(gate.gate, op="reject", id=hold.id)
        assert "bot-bottle" not in git("for-each-ref", at=mirror).stdout


def test_a_push_is_shown_with_its_commits_and_diff_made_plain(
    tmp_path: Path, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with gated(tmp_path / "gate", reviewed(project)) as gate:
        _, made, hold = held_push(gate, {"new.txt": "hello \x1b[31mred\u202e\n", ".gitignore": "*.o\n"})
    monkeypatch.setattr(pushes, "folder_of", lambda _: gate.plan.folder)
    monkeypatch.setattr(pushes, "config_of", lambda _: gate.plan.config())
    lines = list(pushes.shown(pushes.HeldPush(slug=SLUG, hold=hold)))
    text = "\n".join(lines)
    assert f"commit {made}" in text
    assert "+hello \\x1b[31mred\\u202e" in lines
    assert "+*.o" in lines
    assert all(line.isprintable() for line in lines)
    patches = "\n".join(pushes.shown(pushes.HeldPush(slug=SLUG, hold=hold), patches=True))
    assert "+*.o" in patches


@pytest.mark.parametrize(("op", "status"), [("approve", "approved"), ("reject", "denied")])
def test_an_agent_that_can_ask_is_told_how_to_wait_and_hears_of_the_decision(
    tmp_path: Path, project: Path, op: str, status: str
) -> None:
    heard: list[str] = []
    with gated(tmp_path / "gate", reviewed(project)) as gate:
        gate.gate.can_ask = True
        gate.gate.decided = lambda: heard.append("decided")
        work = gate.clone(gate.url("project"))
        commit(work, {"new.txt": "hello\n"})
        told = gate.git("push", "origin", "main", at=work, check=False).stderr
        assert "await_decision with the id push-1" in told
        assert gate.gate.awaited("push-1") == {"status": "pending"}
        heard.clear()
        control(gate.gate, op=op, id=holds_of(gate).waiting()[0].id, said="Split it in two.")
        assert heard == ["decided"]
        assert gate.gate.awaited("push-1")["status"] == status
        with pytest.raises(Refused, match="no held push 2"):
            gate.gate.awaited("push-2")


def test_an_agent_that_cannot_ask_is_not_told_of_a_tool_that_it_does_not_have(tmp_path: Path, project: Path) -> None:
    with gated(tmp_path / "gate", reviewed(project)) as gate:
        work = gate.clone(gate.url("project"))
        commit(work, {"new.txt": "hello\n"})
        assert "await_decision" not in gate.git("push", "origin", "main", at=work, check=False).stderr
