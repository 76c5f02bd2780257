"""Real git clients that try to get something past the gate, and a few that look odd and mean well."""

import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from forge import SLUG, Gated, commit, gated, git, head, operator_repository

from bot_bottle.manifest.spec import FromEnv, GitUpstream

SECRET = "correct-horse-battery-staple-4711"
OWN = FromEnv(env="DATABASE_PASSWORD")
ARRIVED = f"refs/heads/bottle/{SLUG}"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return operator_repository(tmp_path / "project")


@pytest.fixture
def gate(tmp_path: Path, project: Path) -> Iterator[Gated]:
    one = GitUpstream(where="test", path=project)
    with gated(
        tmp_path / "gate", (one,), own=(OWN,), own_values={"secret 1, environment variable DATABASE_PASSWORD": SECRET}
    ) as made:
        yield made


@pytest.fixture
def work(gate: Gated) -> Path:
    return gate.clone(gate.url("project"))


def push(gate: Gated, work: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    return gate.git("push", "origin", *words, at=work, check=False)


def arrived(project: Path) -> list[str]:
    return git("for-each-ref", "--format=%(refname)", "refs/heads/bottle", "refs/notes", "refs/tags", at=project).stdout.split()


def refused(pushed: "subprocess.CompletedProcess[str]", *said: str) -> None:
    assert pushed.returncode != 0
    assert SECRET[:5] not in pushed.stderr
    for one in said:
        assert one in pushed.stderr


def test_a_secret_in_a_middle_commit_is_refused_and_its_place_named(gate: Gated, work: Path, project: Path) -> None:
    bad = commit(work, {"conf.py": f"password = {SECRET}\n"})
    commit(work, {"conf.py": "password = None\n"})
    refused(
        push(gate, work, "main"), f"conf.py in commit {bad[:10]}", "Your secret", "own:secret 1", "removing it in a later commit"
    )
    assert arrived(project) == []


def test_what_was_refused_passes_once_it_is_taken_out_of_every_commit(gate: Gated, work: Path, project: Path) -> None:
    before = head(work)
    commit(work, {"conf.py": f"password = {SECRET}\n"})
    refused(push(gate, work, "main"))
    git("reset", "--quiet", "--hard", before, at=work)
    made = commit(work, {"conf.py": "password = None\n"})
    assert push(gate, work, "main").returncode == 0
    assert head(project, f"{ARRIVED}/main") == made
    assert SECRET not in git("log", "-p", "--all", at=project).stdout


def test_a_secret_in_the_message_of_the_last_commit_is_refused(gate: Gated, work: Path, project: Path) -> None:
    made = commit(work, {"a": "a"}, f"Use {SECRET}")
    refused(push(gate, work, "main"), f"commit {made[:10]}")
    assert arrived(project) == []


def test_one_bad_branch_keeps_the_good_one_back(gate: Gated, work: Path, project: Path) -> None:
    commit(work, {"good.txt": "good\n"})
    git("branch", "good", at=work)
    commit(work, {"conf.py": SECRET})
    refused(push(gate, work, "good", "main"))
    assert arrived(project) == []


def test_a_mirror_push_is_refused_with_every_reason(gate: Gated, work: Path, project: Path) -> None:
    commit(work, {"a": "a"})
    git("tag", "v1", at=work)
    git("notes", "add", "-m", "note", at=work)
    pushed = gate.git("push", "--mirror", gate.url("project"), at=work, check=False)
    refused(pushed, "ref-tag", "ref-special")
    assert arrived(project) == []


@pytest.mark.parametrize(
    ("spec", "rule"),
    [
        ("v1", "ref-tag"),
        ("refs/notes/commits", "ref-special"),
        ("main:refs/replace/" + "a" * 40, "ref-special"),
        ("main:refs/pull/1/head", "ref-special"),
        ("main:refs/meta/config", "ref-special"),
        ("main:refs/bot-bottle/held/1/0", "ref-special"),
        ("main:refs/for/main", "ref-special"),
    ],
)
def test_a_push_to_a_special_ref_is_refused(gate: Gated, work: Path, project: Path, spec: str, rule: str) -> None:
    commit(work, {"a": "a"})
    git("tag", "v1", at=work)
    git("notes", "add", "-m", "note", at=work)
    refused(push(gate, work, spec), rule)
    assert arrived(project) == []


def test_a_branch_is_not_deleted(gate: Gated, work: Path, project: Path) -> None:
    commit(work, {"a": "a"})
    assert push(gate, work, "main:topic").returncode == 0
    refused(push(gate, work, ":topic"), "ref-delete")
    assert arrived(project) == [f"{ARRIVED}/topic"]


def test_push_options_are_not_taken(gate: Gated, work: Path, project: Path) -> None:
    commit(work, {"a": "a"})
    refused(push(gate, work, "-o", "merge_request.create", "main"), "push options")
    assert arrived(project) == []


def test_a_replacement_hides_no_commit(gate: Gated, work: Path, project: Path) -> None:
    bad = commit(work, {"conf.py": SECRET})
    git("reset", "--quiet", "--hard", "HEAD~1", at=work)
    clean = commit(work, {"conf.py": "none"})
    git("replace", bad, clean, at=work)
    refused(push(gate, work, f"{bad}:refs/heads/main"), "Your secret")
    assert arrived(project) == []


def test_a_graft_hides_no_commit(gate: Gated, work: Path, project: Path) -> None:
    root = head(work)
    commit(work, {"conf.py": SECRET})
    tip = commit(work, {"conf.py": "none"})
    (work / ".git/info").mkdir(exist_ok=True)
    (work / ".git/info/grafts").write_text(f"{tip} {root}\n")
    assert push(gate, work, "main").returncode != 0
    assert arrived(project) == []


def test_a_shallow_clone_may_push(gate: Gated, project: Path) -> None:
    commit(project, {"second.txt": "second\n"})
    work = gate.clone(gate.url("project"), "--depth=1", name="shallow")
    assert (work / ".git/shallow").exists()
    made = commit(work, {"a": "a"})
    assert push(gate, work, "main").returncode == 0
    assert head(project, f"{ARRIVED}/main") == made


def test_a_shallow_history_of_its_own_is_refused(gate: Gated, work: Path, project: Path) -> None:
    other = operator_repository(work.parent / "other")
    commit(other, {"b": "b"})
    commit(other, {"c": "c"})
    shallow = work.parent / "shallow-other"
    git("clone", "--quiet", "--depth=1", f"file://{other}", str(shallow))
    pushed = gate.git("push", gate.url("project"), "main", at=shallow, check=False)
    assert pushed.returncode != 0
    assert arrived(project) == []


def test_objects_borrowed_from_another_repository_are_pushed_and_searched(gate: Gated, work: Path, project: Path) -> None:
    lender = operator_repository(work.parent / "lender")
    bad = commit(lender, {"conf.py": SECRET})
    (work / ".git/objects/info/alternates").write_text(f"{lender}/.git/objects\n")
    refused(push(gate, work, f"{bad}:refs/heads/main"), "Your secret")
    assert arrived(project) == []


def test_pushes_at_the_same_time_do_not_mix(gate: Gated, project: Path) -> None:
    places = [gate.clone(gate.url("project"), name=f"work{number}") for number in range(5)]
    tips = [commit(place, {"conf.py": SECRET if number == 2 else f"{number}"}) for number, place in enumerate(places)]
    with ThreadPoolExecutor(5) as pool:
        done = list(pool.map(lambda at: push(gate, places[at], f"main:topic{at}-x"), range(5)))
    assert [one.returncode == 0 for one in done] == [True, True, False, True, True]
    assert arrived(project) == [f"{ARRIVED}/topic{number}-x" for number in (0, 1, 3, 4)]
    assert head(project, f"{ARRIVED}/topic4-x") == tips[4]


def test_two_pushes_of_one_branch_do_not_overwrite_each_other(gate: Gated, project: Path) -> None:
    places = [gate.clone(gate.url("project"), name=f"work{number}") for number in range(2)]
    tips = [commit(place, {"a": f"{number}"}) for number, place in enumerate(places)]
    with ThreadPoolExecutor(2) as pool:
        done = list(pool.map(lambda at: push(gate, places[at], "main:topic"), range(2)))
    assert sorted(one.returncode == 0 for one in done) == [False, True]
    winner = next(number for number, one in enumerate(done) if one.returncode == 0)
    assert head(project, f"{ARRIVED}/topic") == tips[winner]
