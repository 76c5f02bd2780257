"""Mode clone from start to end: a clone inside, branches in the operator's repository, nothing lost that was not pushed."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from forge import commit, git, head, operator_repository
from shop import Shop

from bot_bottle.bottles.branches import Repository
from bot_bottle.bottles.unpushed import CLONED, identity, local_refs, lost_branches, remember, unpushed
from bot_bottle.errors import BadUsage, BottleError

SLUG = "test-bottle"


@pytest.fixture
def project(shop: Shop) -> Path:
    """The shop's project as a repository."""
    if (
        shutil.which("bwrap") is None
        or subprocess.run(("bwrap", "--unshare-all", "--ro-bind", "/", "/", "true"), check=False).returncode
    ):
        pytest.skip("bubblewrap cannot make namespaces here")
    operator_repository(shop.project)
    git("config", "user.name", "Operator", at=shop.project)
    git("config", "user.email", "operator@example.com", at=shop.project)
    return shop.project


def run(shop: Shop, script: str, *options: str) -> "subprocess.CompletedProcess[bytes]":
    done = shop.bot_bottle("run", "shell", "--mode", "clone", "--name", SLUG, *options, "--", "bash", "-ec", script)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def test_an_agent_works_on_a_clone_and_its_branch_is_landed(shop: Shop, project: Path) -> None:
    commit(project, {".gitignore": "secrets.env\n", "old.txt": "old\n"})
    (project / "uncommitted.txt").write_text("mine\n")
    (project / "secrets.env").write_text("KEY=value\n")
    (project / "README.md").write_text("A project, changed.\n")
    (project / "old.txt").unlink()
    git("branch", "bottle/another/topic", at=project)
    script = """
        grep mine uncommitted.txt; grep changed README.md; test ! -e old.txt; test ! -e secrets.env
        git checkout -q README.md old.txt
        git branch --all | grep -c another && exit 1
        git config user.email
        echo more >> README.md; git commit -qam 'Say more'; git push -q origin HEAD
        git fetch -q; git status -sb
    """
    done = run(shop, script)
    assert b"operator@example.com" in done.stdout
    assert b"main arrived as bottle/test-bottle/main" in done.stderr
    assert not (shop.bottles() / SLUG / "workspace").exists(), "what is pushed is not kept twice"
    assert shop.bot_bottle("log", SLUG).stdout.endswith(b"Say more\n")
    assert b"+more" in shop.bot_bottle("diff", SLUG).stdout
    assert b"pushed      bottle/test-bottle/main" in done.stderr
    refused = shop.bot_bottle("land", SLUG)
    assert b"not committed; nothing was landed" in refused.stderr
    git("checkout", "--quiet", "README.md", "old.txt", at=project)
    landed = shop.bot_bottle("land", SLUG)
    assert landed.returncode == 0, landed.stderr
    assert (project / "README.md").read_text() == "A project.\nmore\n"
    assert git("status", "--porcelain", at=project).stdout == "?? uncommitted.txt\n"
    discarded = shop.bot_bottle("discard", SLUG)
    assert discarded.returncode == 0, discarded.stderr
    assert git("branch", "--list", "bottle/*", at=project).stdout.split() == ["bottle/another/topic"]


def test_a_clone_shares_no_file_with_the_operators_repository(shop: Shop, project: Path) -> None:
    before = {path: path.read_bytes() for path in (project / ".git").rglob("*") if path.is_file()}
    script = "chmod -R u+w .git/objects; find .git/objects -type f -exec sh -c 'echo x > \"$1\"' - {} ';'; echo left > left.txt"
    run(shop, script)
    clone = shop.bottles() / SLUG / "workspace/.git"
    assert any((clone / "objects").rglob("pack-*.pack")) or any((clone / "objects").rglob("??/*"))
    assert {path: path.read_bytes() for path in before} == before
    assert all(path.stat().st_nlink == 1 for path in before)


def test_objects_that_no_branch_of_the_operators_leads_to_stay_outside(shop: Shop, project: Path) -> None:
    lost = git("commit-tree", "-m", "a secret", "HEAD^{tree}", at=project).stdout.strip()
    others = git("commit-tree", "-m", "of another bottle", "HEAD^{tree}", at=project).stdout.strip()
    git("update-ref", "refs/heads/bottle/another/topic", others, at=project)
    run(shop, f"git cat-file -e HEAD; for one in {lost} {others}; do if git cat-file -e $one; then exit 1; fi; done")


def test_what_was_not_pushed_is_kept_and_shown(shop: Shop, project: Path) -> None:
    commit(project, {".gitignore": "build/\n"})
    script = """
        echo pushed > pushed.txt; git add .; git commit -qm one; git push -q origin HEAD:topic
        echo left > left.txt; mkdir build; echo x > build/x; rm README.md
        git checkout -qb aside; echo y > y.txt; git add y.txt; git commit -qm two; git checkout -q -
    """
    run(shop, script)
    assert (shop.bottles() / SLUG / "workspace").is_dir()
    shown = shop.bot_bottle("diff", SLUG).stdout.decode()
    assert "branch bottle/test-bottle/topic" in shown
    assert "+left" in shown
    assert "-A project." in shown
    assert "build/x" not in shown
    assert "not pushed: refs/heads/aside" in shown
    refused = shop.bot_bottle("rm", SLUG)
    assert b"nowhere else" in refused.stderr
    landed = shop.bot_bottle("land", SLUG, "left.txt")
    assert landed.returncode == 0, landed.stderr
    assert (project / "left.txt").read_text() == "left\n"
    assert (project / "README.md").exists()


def test_a_folder_without_a_repository_is_not_cloned(shop: Shop) -> None:
    done = shop.bot_bottle("run", "shell", "--mode", "clone", "--", "true")
    assert done.returncode == 121
    assert b"Mode clone needs a git repository" in done.stderr


@pytest.fixture
def stage(tmp_path: Path) -> tuple[Path, Path]:
    """The operator's repository, and a stage dir with a clone of it."""
    project = operator_repository(tmp_path / "project")
    stage = tmp_path / SLUG
    stage.mkdir()
    git("clone", "--quiet", "--no-local", str(project), str(stage / "workspace"))
    remember(stage / "workspace")
    return project, stage


def test_a_clone_that_nobody_touched_has_nothing_left(stage: tuple[Path, Path]) -> None:
    project, folder = stage
    assert unpushed(folder, Repository(project, SLUG)) == []
    assert lost_branches(folder, Repository(project, SLUG)) == []


def test_a_file_is_known_by_the_id_that_git_gives_it(stage: tuple[Path, Path]) -> None:
    project, _ = stage
    os.symlink("README.md", project / "link")
    for name in ("README.md", "link"):
        git("add", name, at=project)
        said = git("ls-files", "--stage", name, at=project).stdout.split()[1]
        assert identity(project / name, width=40) == said


def test_no_program_of_the_clone_ever_runs(stage: tuple[Path, Path], tmp_path: Path) -> None:
    project, folder = stage
    clone, mark = folder / "workspace", tmp_path / "ran"
    (clone / ".git/config").write_text(f"[core]\n\tfsmonitor = touch {mark}\n\thooksPath = {clone}\n")
    (clone / ".gitattributes").write_text("* filter=x diff=x\n")
    (clone / "README.md").write_text("changed\n")
    shutil.rmtree(clone / ".git/refs")
    os.symlink("/etc", clone / ".git/refs")
    assert [change.path for change in unpushed(folder, Repository(project, SLUG))] == [".gitattributes", "README.md"]
    assert not mark.exists()


def test_refs_of_a_clone_are_read_as_hostile_text(tmp_path: Path) -> None:
    folder = tmp_path / ".git"
    (folder / "refs/heads").mkdir(parents=True)
    (folder / "refs/heads/good").write_text("a" * 40 + "\n")
    (folder / "refs/heads/bad").write_text("ref: /etc/passwd\n")
    os.symlink("/etc/passwd", folder / "refs/heads/link")
    os.mkfifo(folder / "refs/heads/pipe")
    (folder / "packed-refs").write_text(
        f"# pack-refs\n{'b' * 40} refs/heads/packed\n{'c' * 40} refs/remotes/origin/x\nnonsense\n"
    )
    assert local_refs(folder) == {"refs/heads/packed": "b" * 40, "refs/heads/good": "a" * 40}


@pytest.mark.parametrize("how", ["merge", "rebase", "squash"])
def test_a_branch_goes_into_the_operators_branch(stage: tuple[Path, Path], how: str) -> None:
    project, folder = stage
    commit(project, {"meanwhile.txt": "theirs\n"})
    commit(folder / "workspace", {"one.txt": "1\n"}, "One")
    commit(folder / "workspace", {"two.txt": "2\n"}, "Two")
    git("push", "--quiet", str(project), f"HEAD:refs/heads/bottle/{SLUG}/main", at=folder / "workspace")
    git("config", "user.name", "Operator", at=project)
    git("config", "user.email", "operator@example.com", at=project)
    repository = Repository(project, SLUG)
    assert repository.take(repository.branches()[0], how).commits == 2  # type: ignore[arg-type]  # one of the three
    assert (project / "two.txt").read_text() == "2\n"
    assert (project / "meanwhile.txt").exists()
    parents = {"merge": 2, "rebase": 1, "squash": 1}
    assert len(git("log", "-1", "--format=%P", at=project).stdout.split()) == parents[how]


def test_a_conflict_changes_nothing(stage: tuple[Path, Path]) -> None:
    project, folder = stage
    commit(project, {"README.md": "theirs\n"})
    commit(folder / "workspace", {"README.md": "ours\n"})
    git("push", "--quiet", str(project), f"HEAD:refs/heads/bottle/{SLUG}/main", at=folder / "workspace")
    git("config", "user.name", "Operator", at=project)
    git("config", "user.email", "operator@example.com", at=project)
    before = head(project)
    repository = Repository(project, SLUG)
    for how in ("merge", "rebase", "squash"):
        with pytest.raises(BottleError, match="nothing was landed"):
            repository.take(repository.branches()[0], how)
        assert head(project) == before
        assert git("status", "--porcelain", at=project).stdout == ""


def test_uncommitted_changes_keep_a_branch_out(stage: tuple[Path, Path]) -> None:
    project, folder = stage
    commit(folder / "workspace", {"one.txt": "1\n"})
    git("push", "--quiet", str(project), f"HEAD:refs/heads/bottle/{SLUG}/main", at=folder / "workspace")
    (project / "README.md").write_text("half done\n")
    repository = Repository(project, SLUG)
    with pytest.raises(BottleError, match="not committed"):
        repository.take(repository.branches()[0], "merge")
    assert (project / "README.md").read_text() == "half done\n"


def test_only_the_bottles_own_branches_are_named(stage: tuple[Path, Path]) -> None:
    project, _ = stage
    git("branch", "bottle/other/x", at=project)
    git("branch", f"bottle/{SLUG}/y", at=project)
    repository = Repository(project, SLUG)
    assert [one.name for one in repository.branches()] == [f"bottle/{SLUG}/y"]
    assert repository.named(["y"]) == repository.branches()
    with pytest.raises(BadUsage, match="no branch"):
        repository.named(["main"])


def test_a_clone_that_was_never_finished_has_nothing_left(tmp_path: Path) -> None:
    project = operator_repository(tmp_path / "project")
    (tmp_path / SLUG).mkdir()
    assert not (tmp_path / SLUG / CLONED).exists()
    assert unpushed(tmp_path / SLUG, Repository(project, SLUG)) == []
