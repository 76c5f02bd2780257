"""Clone, fetch and push through the gate with real git, against a repository of the operator's and one over https."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from forge import PASSWORD, SLUG, Forge, Gated, commit, gated, git, head, operator_repository

from bot_bottle.manifest.spec import GitPush, GitUpstream


@pytest.fixture
def forge(tmp_path: Path) -> Iterator[Forge]:
    made = Forge(tmp_path / "forge")
    yield made
    made.close()


def local(path: Path, **push: object) -> GitUpstream:
    return GitUpstream(where="test", path=path, push=GitPush(**push))  # type: ignore[arg-type]


def remote(forge: Forge, name: str = "team/repo", **push: object) -> GitUpstream:
    return GitUpstream(where="test", url=forge.url(name), credential="forge", push=GitPush(**push))  # type: ignore[arg-type]


def test_a_branch_arrives_in_the_operators_repository_under_the_bottles_name(tmp_path: Path) -> None:
    project = operator_repository(tmp_path / "project")
    before = head(project)
    with gated(tmp_path / "gate", (local(project),)) as gate:
        work = gate.clone(gate.url("project"))
        made = commit(work, {"new.txt": "hello\n"})
        pushed = gate.git("push", "origin", "main", at=work)
        assert "main -> bottle/test-bottle/main" in pushed.stderr
        assert head(project, f"refs/heads/bottle/{SLUG}/main") == made
        assert head(project) == before
        assert not (project / "new.txt").exists()
        gate.git("fetch", at=work)
        assert head(work, f"refs/remotes/origin/bottle/{SLUG}/main") == made


def test_a_push_over_https_uses_a_password_that_the_bottle_never_sees(tmp_path: Path, forge: Forge) -> None:
    bare = forge.repository("team/repo")
    with gated(tmp_path / "gate", (remote(forge),), ca=forge.ca) as gate:
        work = gate.clone(forge.url("team/repo"))
        made = commit(work, {"new.txt": "hello\n"})
        gate.git("push", "origin", f"HEAD:refs/heads/bottle/{SLUG}/topic", at=work)
        assert head(bare, f"refs/heads/bottle/{SLUG}/topic") == made
    for path in (tmp_path / "gate").rglob("*"):
        assert not path.is_file() or PASSWORD.encode() not in path.read_bytes(), path
    assert PASSWORD not in repr(gate.events)


SPELLINGS = (
    "https://127.0.0.1:{port}/team/repo",
    "https://127.0.0.1:{port}/team/repo.git",
    "https://127.0.0.1:{port}/team/repo.git/",
    "https://someone@127.0.0.1:{port}/team/repo.git",
    "https://someone:password@127.0.0.1:{port}/team/repo.git",
    "ssh://git@127.0.0.1/team/repo.git",
    "git+ssh://git@127.0.0.1/team/repo.git",
    "git@127.0.0.1:team/repo.git",
    "127.0.0.1:team/repo",
)


def test_every_spelling_of_a_remote_leads_to_the_gate(tmp_path: Path, forge: Forge) -> None:
    forge.repository("team/repo")
    with gated(tmp_path / "gate", (remote(forge),), ca=forge.ca) as gate:
        for spelled in SPELLINGS:
            found = gate.git("ls-remote", spelled.format(port=forge.port), "main")
            assert found.stdout.endswith("refs/heads/main\n"), spelled


def test_a_fetch_sees_what_came_to_the_upstream_meanwhile(tmp_path: Path) -> None:
    project = operator_repository(tmp_path / "project")
    with gated(tmp_path / "gate", (local(project),)) as gate:
        work = gate.clone(gate.url("project"))
        newer = commit(project, {"later.txt": "later\n"})
        gate.git("fetch", "--quiet", at=work)
        while head(work, "refs/remotes/origin/main") != newer:  # within a second a refresh counts as done
            gate.git("fetch", "--quiet", at=work)
        git("branch", "-D", "gone", at=project, check=False)


def test_shallow_partial_and_single_branch_clones_work(tmp_path: Path, forge: Forge) -> None:
    forge.repository("team/repo")
    seed = forge.folder / "team/repo-seed"
    for number in range(5):
        commit(seed, {f"file{number}.txt": f"content {number}\n"})
    git("push", "--quiet", str(forge.folder / "team/repo.git"), "main", at=seed)
    with gated(tmp_path / "gate", (remote(forge),), ca=forge.ca) as gate:
        shallow = gate.clone(forge.url("team/repo"), "--depth=1", name="shallow")
        assert git("rev-list", "--count", "HEAD", at=shallow).stdout == "1\n"
        gate.git("fetch", "--quiet", "--unshallow", at=shallow)
        assert git("rev-list", "--count", "HEAD", at=shallow).stdout == "6\n"
        partial = gate.clone(forge.url("team/repo"), "--filter=blob:none", "--no-checkout", name="partial")
        gate.git("checkout", "--quiet", "main", at=partial)
        assert (partial / "file3.txt").read_text() == "content 3\n"
        single = gate.clone(forge.url("team/repo"), "--single-branch", "--branch=main", name="single")
        assert head(single) == head(seed)


def test_submodules_of_allowed_repositories_are_cloned(tmp_path: Path, forge: Forge) -> None:
    forge.repository("team/library")
    forge.repository("team/repo")
    seed = forge.folder / "team/repo-seed"
    library = forge.folder / "team/library.git"
    git("-c", "protocol.file.allow=always", "submodule", "--quiet", "add", str(library), "library", at=seed)
    git("config", "-f", ".gitmodules", "submodule.library.url", "../library.git", at=seed)
    commit(seed, {})
    git("push", "--quiet", str(forge.folder / "team/repo.git"), "main", at=seed)
    with gated(tmp_path / "gate", (remote(forge), remote(forge, "team/library")), ca=forge.ca) as gate:
        work = gate.clone(forge.url("team/repo"), "--recurse-submodules")
        assert (work / "library/README.md").is_file()


def test_what_the_upstream_refuses_is_refused_with_its_own_words(tmp_path: Path, forge: Forge) -> None:
    bare = forge.repository("team/repo")
    hook = bare / "hooks/pre-receive"
    hook.write_text("#!/bin/sh\necho 'the upstream wants a ticket number' >&2\nexit 1\n")
    hook.chmod(0o755)
    with gated(tmp_path / "gate", (remote(forge),), ca=forge.ca) as gate:
        work = gate.clone(forge.url("team/repo"))
        commit(work, {"new.txt": "hello\n"})
        refused = gate.git("push", "origin", "main", at=work, check=False)
        assert refused.returncode != 0
        assert "upstream: the upstream wants a ticket number" in refused.stderr
        assert "pre-receive hook declined" in refused.stderr
        assert not head(bare, f"refs/heads/bottle/{SLUG}/main")
        gate.git("fetch", "--quiet", at=work)
        assert not head(work, f"refs/remotes/origin/bottle/{SLUG}/main")
        hook.unlink()
        gate.git("push", "--quiet", "origin", "main", at=work)
        assert head(bare, f"refs/heads/bottle/{SLUG}/main") == head(work)


def test_the_branch_that_the_operator_has_checked_out_is_never_changed(tmp_path: Path) -> None:
    project = operator_repository(tmp_path / "project")
    with gated(tmp_path / "gate", (local(project),)) as gate:
        work = gate.clone(gate.url("project"))
        first = commit(work, {"new.txt": "hello\n"})
        gate.git("push", "--quiet", "origin", "main:topic", at=work)
        git("checkout", "--quiet", f"bottle/{SLUG}/topic", at=project)
        git("config", "receive.denyCurrentBranch", "updateInstead", at=project)
        commit(work, {"new.txt": "changed\n"})
        refused = gate.git("push", "origin", "main:topic", at=work, check=False)
        assert refused.returncode != 0
        assert "checked out" in refused.stderr
        assert head(project) == first
        assert (project / "new.txt").read_text() == "hello\n"


def test_a_branch_may_be_rewritten_and_grown_by_the_bottle(tmp_path: Path) -> None:
    project = operator_repository(tmp_path / "project")
    with gated(tmp_path / "gate", (local(project),)) as gate:
        work = gate.clone(gate.url("project"))
        commit(work, {"new.txt": "one\n"})
        gate.git("push", "--quiet", "origin", "main", at=work)
        commit(work, {"new.txt": "two\n"})
        gate.git("push", "--quiet", "origin", "main", at=work)
        git("commit", "--quiet", "--amend", "--message", "Again", at=work)
        assert gate.git("push", "--quiet", "origin", "main", at=work, check=False).returncode != 0
        gate.git("push", "--quiet", "--force", "origin", "main", at=work)
        assert head(project, f"refs/heads/bottle/{SLUG}/main") == head(work)


def test_a_branch_that_the_operator_moved_is_not_overwritten(tmp_path: Path) -> None:
    project = operator_repository(tmp_path / "project")
    with gated(tmp_path / "gate", (local(project),)) as gate:
        work = gate.clone(gate.url("project"))
        commit(work, {"new.txt": "one\n"})
        gate.git("push", "--quiet", "origin", "main", at=work)
        git("branch", "--force", f"bottle/{SLUG}/main", "main", at=project)
        commit(work, {"new.txt": "two\n"})
        done = gate.git("push", "origin", "main", at=work, check=False)
        while "fetch first" not in done.stderr and "stale" not in done.stderr and done.returncode:
            done = gate.git("push", "origin", "main", at=work, check=False)
        moved = head(project, f"refs/heads/bottle/{SLUG}/main")
        assert moved in {head(project, "main"), head(work)}


def _redirected(gate: Gated, forge: Forge) -> str:
    return gate.git("ls-remote", forge.url("team/repo"), check=False).stderr


def test_an_upstream_cannot_send_the_gate_elsewhere(tmp_path: Path, forge: Forge) -> None:
    forge.repository("team/repo")
    other = Forge(tmp_path / "other")
    try:
        forge.moves_to = f"https://127.0.0.1:{other.port}"
        with gated(tmp_path / "gate", (remote(forge),), ca=forge.ca) as gate:
            assert "502" in _redirected(gate, forge)
        assert other.requests == []
    finally:
        other.close()


def test_a_wrong_password_is_said_and_never_shown(tmp_path: Path, forge: Forge) -> None:
    forge.repository("team/repo")
    with gated(tmp_path / "gate", (remote(forge),), ca=forge.ca, secrets={"forge": "not-the-password-at-all"}) as gate:
        said = _redirected(gate, forge)
        assert "could not be read" in said
        assert "not-the-password-at-all" not in said + repr(gate.events)
