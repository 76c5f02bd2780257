"""A workspace shared with the bottle (mode bind): what the host runs there must stay the operator's."""

import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from plans import HeldSockets, run_inside, shared_plan

from bot_bottle.backends.base import RunningBottle, Unusable
from bot_bottle.backends.first_process import FirstProcess
from bot_bottle.backends.namespaces.backend import Namespaces
from bot_bottle.backends.placeholders import remove_left
from bot_bottle.errors import CannotRunHere

pytestmark = [
    pytest.mark.skipif(
        isinstance(Namespaces().survey(), Unusable), reason="no bubblewrap, or no user namespaces, on this machine"
    ),
    pytest.mark.skipif(shutil.which("git") is None, reason="git is not here"),
]

Share = Callable[..., RunningBottle]


def git(folder: Path, *words: str) -> str:
    """What git says on the host, with nobody's settings."""
    env = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "GIT_CONFIG_NOSYSTEM": "1"}
    command = ("git", "-C", str(folder), "-c", "user.name=t", "-c", "user.email=t@example.com", *words)
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def tree(folder: Path) -> dict[str, str]:
    """Every path with its content, git's objects and logs aside."""
    return {
        str(path.relative_to(folder)): "folder" if path.is_dir() else path.read_text(errors="replace")
        for path in folder.rglob("*")
        if not {"objects", "logs"} & set(path.parts)
    }


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main")
    (folder / "file").write_text("one\n")
    (folder / ".claude").mkdir()
    (folder / ".claude" / "settings.json").write_text("{}")
    git(folder, "add", ".")
    git(folder, "commit", "-qm", "first")
    return folder


@pytest.fixture
def share(tmp_path: Path) -> Iterator[Share]:
    with ExitStack() as undo:

        def start(folder: Path, slug: str = "one") -> RunningBottle:
            held = HeldSockets()
            undo.callback(held.close)
            plan = Namespaces().prepare(shared_plan(tmp_path / "bottles" / slug, slug=slug, mode="bind", workspace=folder))
            return undo.enter_context(Namespaces().launch(plan, held))

        yield start


ATTACKS = [
    "echo 'touch /tmp/x' > .git/hooks/post-commit",
    "mkdir -p .git/hooks && touch .git/hooks/pre-commit",
    "mv .git/hooks .git/hooks.old",
    "rm -rf .git/hooks; mkdir .git/hooks; touch .git/hooks/pre-commit",
    "rm -rf .git/hooks; ln -s ../evil .git/hooks",
    "echo '[core] fsmonitor = evil' >> .git/config",
    "git config core.fsmonitor evil",
    "echo x > new; mv new .git/config",
    "rm -f .git/config",
    "ln -f file .git/config",
    "mv .git .git.old",
    "mv .git .git.old; cp -r .git.old .git",
    "echo ../evil > .git/commondir",
    "rm .git/commondir",
    "echo x > .git/config.worktree",
    "git worktree add ../evil",
    "mkdir .git/worktrees/evil",
    "mkdir -p .git/modules/evil",
    "echo x > .claude/settings.json",
    "mv .claude .claude.old",
    "rm -rf .claude",
    "mkdir -p .vscode && echo x > .vscode/tasks.json",
    "rmdir .vscode",
    "mv .vscode elsewhere",
    "mkdir -p .cursor/rules",
    "echo x > .codex/config.toml",
    "echo '{}' > .mcp.json",
    "rmdir .mcp.json && echo '{}' > .mcp.json",
    "echo x > .envrc",
    "echo x > bottle.yaml",
    "mount -o remount,rw .git/hooks",
    "umount .git/hooks",
]


@pytest.mark.parametrize("attack", ATTACKS)
def test_attack_fails_and_changes_nothing_the_host_runs(repository: Path, share: Share, attack: str) -> None:
    git_before = {path: text for path, text in tree(repository / ".git").items() if path.startswith(("hooks", "config"))}
    bottle = share(repository)
    ended = run_inside(bottle, "sh", "-ec", f"git config --global --add safe.directory '*'; {attack}")
    assert ended.code != 0
    assert {path: text for path, text in tree(repository / ".git").items() if path.startswith(("hooks", "config"))} | {
        "config.worktree": ""
    } == git_before | {"config.worktree": ""}
    assert (repository / ".claude" / "settings.json").read_text() == "{}"
    assert not any((repository / name).is_file() for name in (".mcp.json", ".envrc", "bottle.yaml"))
    assert not list((repository / ".vscode").iterdir())


def test_git_works_inside(repository: Path, share: Share) -> None:
    bottle = share(repository)
    script = """
    export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@example.com GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@example.com
    git status --porcelain
    git switch -q -c topic; echo two > file; git add -A; git commit -qm second
    git switch -q main; git merge -q topic; git tag -a v1 -m v1; git stash list; git gc -q; git rebase -q main topic; git fsck
    """
    ended = run_inside(bottle, "sh", "-ec", script)
    assert (ended.code, ended.stdout) == (0, b""), ended.stderr
    assert git(repository, "log", "--format=%s", "main") == "second\nfirst\n"


def test_git_on_the_host_works_while_the_bottle_runs(repository: Path, share: Share) -> None:
    share(repository)
    assert git(repository, "status", "--porcelain") == ""
    (repository / "file").write_text("host\n")
    git(repository, "commit", "-qam", "of the host")
    git(repository, "config", "branch.main.description", "still the operator's")
    assert git(repository, "log", "--format=%s").splitlines()[0] == "of the host"


def test_nothing_of_ours_is_added_by_the_agents_git(repository: Path, share: Share) -> None:
    bottle = share(repository)
    run_inside(bottle, "git", "add", "-A")
    assert git(repository, "diff", "--cached", "--name-only") == ""


def test_workspace_is_left_as_it_was(repository: Path, tmp_path: Path) -> None:
    before = tree(repository)
    held = HeldSockets()
    plan = Namespaces().prepare(shared_plan(tmp_path / "bottles" / "one", mode="bind", workspace=repository))
    with Namespaces().launch(plan, held) as bottle:
        assert run_inside(bottle, "true").code == 0
        assert tree(repository) != before
    held.close()
    assert tree(repository) == before


NOT_THERE = FirstProcess(host_path=Path("/"), guest_path="/", argv=("/no/such/program",))


def test_failed_launch_leaves_no_placeholder(repository: Path, tmp_path: Path) -> None:
    from dataclasses import replace

    before = tree(repository)
    plan = Namespaces().prepare(shared_plan(tmp_path / "bottles" / "one", mode="bind", workspace=repository))
    with pytest.raises(CannotRunHere), Namespaces().launch(replace(plan, first_process=NOT_THERE), HeldSockets()):  # type: ignore[call-arg]
        pass
    assert tree(repository) == before


def test_second_bottle_keeps_its_guard_when_the_first_ends(repository: Path, tmp_path: Path, share: Share) -> None:
    held = HeldSockets()
    plan = Namespaces().prepare(shared_plan(tmp_path / "bottles" / "first", slug="first", mode="bind", workspace=repository))
    with Namespaces().launch(plan, held):
        second = share(repository, "second")
    held.close()
    assert run_inside(second, "sh", "-c", "mkdir -p .vscode && echo x > .vscode/tasks.json").code != 0
    assert (repository / ".vscode").is_dir()


def test_placeholders_of_a_killed_keeper_are_removed_afterwards(repository: Path, tmp_path: Path) -> None:
    before = tree(repository)
    plan = Namespaces().prepare(shared_plan(tmp_path / "bottles" / "one", mode="bind", workspace=repository))
    held = HeldSockets()
    launched = Namespaces().launch(plan, held)
    launched.__enter__()
    journal = plan.stage_dir / "backend" / "placeholders.json"
    kept = journal.read_bytes()
    launched.__exit__(None, None, None)
    held.close()
    journal.write_bytes(kept)
    for name in (".vscode", ".mcp.json"):
        (repository / name).mkdir()
    remove_left(plan.stage_dir)
    assert tree(repository) == before


@pytest.mark.parametrize("path", [".git", ".git/hooks", ".git/config", ".claude", ".mcp.json"])
def test_link_in_a_protected_place_is_refused(repository: Path, tmp_path: Path, path: str) -> None:
    place = repository / path
    elsewhere = tmp_path / "elsewhere"
    if place.is_dir():
        shutil.move(place, elsewhere)
    elif place.exists():
        place.unlink()
    place.symlink_to(elsewhere)
    with pytest.raises(CannotRunHere, match="cannot be protected") as caught:
        Namespaces().prepare(shared_plan(tmp_path / "bottles" / "one", mode="bind", workspace=repository))
    assert any(path in fact for fact in caught.value.facts)


def test_hooks_folder_named_by_the_config_is_guarded(repository: Path, share: Share) -> None:
    (repository / ".githooks-of-ours").mkdir()
    git(repository, "config", "core.hooksPath", ".githooks-of-ours")
    bottle = share(repository)
    assert run_inside(bottle, "touch", ".githooks-of-ours/pre-commit").code != 0


def test_folder_that_is_no_repository_cannot_become_one(tmp_path: Path, share: Share) -> None:
    folder = tmp_path / "plain"
    folder.mkdir()
    bottle = share(folder)
    assert run_inside(bottle, "git", "init", "-q").code != 0
    assert run_inside(bottle, "sh", "-c", "echo x > allowed").code == 0


def test_linked_worktrees_pointer_cannot_be_changed(repository: Path, tmp_path: Path, share: Share) -> None:
    git(repository, "worktree", "add", "-q", str(tmp_path / "linked"))
    bottle = share(tmp_path / "linked")
    assert run_inside(bottle, "sh", "-c", "echo gitdir: ../evil > .git || mv .git x || rm .git").code != 0


def test_own_state_cannot_be_shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "home" / "state"))
    with pytest.raises(CannotRunHere, match="own state"):
        Namespaces().prepare(shared_plan(tmp_path / "home" / "state" / "one", mode="bind", workspace=tmp_path / "home"))
