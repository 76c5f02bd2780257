"""What is decided about a bottle's repositories, and what is refused before anything runs."""

import json
from pathlib import Path

import pytest

from bot_bottle.errors import CannotRunHere
from bot_bottle.gates.git_gate.inside import gitconfig, rewrites
from bot_bottle.gates.git_gate.plan import plan_git, wanted
from bot_bottle.gates.git_gate.records import PushRules, rules_from
from bot_bottle.gates.git_gate.runner import authorization, base_env, config_text, make_git
from bot_bottle.manifest.spec import (
    BottleSpec,
    Credential,
    FromEnv,
    Git,
    GitPush,
    GitUpstream,
    Mount,
    Target,
    Workspace,
    WorkspaceMode,
)

HOST = {"PATH": "/usr/bin:/bin", "HOME": "/home/op", "SSH_AUTH_SOCK": "/run/agent", "SECRET": "value-of-a-secret"}
URL = "https://git.example.com/team/repo.git"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "proj/.git").mkdir(parents=True)
    (tmp_path / "proj/.git/HEAD").write_text("ref: refs/heads/main\n")
    return tmp_path / "proj"


def spec(
    project: Path,
    *upstreams: GitUpstream,
    mode: WorkspaceMode = "copy",
    mounts: tuple[Mount, ...] = (),
    credentials: tuple[Credential, ...] = (),
    has_section: bool = True,
) -> BottleSpec:
    section = Git(upstreams=upstreams) if has_section else None
    workspace = Workspace(path=project, mode=mode)
    return BottleSpec(
        agent="shell", backend="namespaces", workspace=workspace, git=section, mounts=mounts, credentials=credentials
    )


def here(path: Path) -> GitUpstream:
    return GitUpstream(where="t", path=path)


def test_without_a_section_and_without_a_clone_there_is_no_gate(project: Path) -> None:
    assert wanted(spec(project, has_section=False)) is None


def test_a_clone_has_the_repository_that_the_operator_stands_in(project: Path) -> None:
    found = wanted(spec(project, mode="clone", has_section=False))
    assert found is not None
    assert [one.path for one in found.upstreams] == [project]


def test_branches_arrive_below_the_bottles_name(project: Path, tmp_path: Path) -> None:
    plan = plan_git(spec(project, here(project)), HOST, slug="a-b", stage_dir=tmp_path)
    assert plan is not None
    row = plan.config()["repositories"][0]
    assert row["rules"]["prefixes"] == ["refs/heads/bottle/a-b/**"]
    assert row["maps"] is True
    assert "pushes arrive as bottle/a-b/… after its checks" in plan.describe()[0].text


def test_the_operators_refs_are_taken_as_written(project: Path, tmp_path: Path) -> None:
    one = GitUpstream(where="t", url=URL, push=GitPush(refs=("refs/heads/agents/**",), review="hold"))
    plan = plan_git(spec(project, one), HOST, slug="a-b", stage_dir=tmp_path)
    assert plan is not None
    row = plan.config()["repositories"][0]
    assert (row["rules"]["prefixes"], row["maps"]) == (["refs/heads/agents/**"], False)
    assert "after you approve" in plan.describe()[0].text


@pytest.mark.parametrize("place", [".", "..", "sub"])
def test_an_upstream_that_the_bottle_can_write_to_is_refused(project: Path, tmp_path: Path, place: str) -> None:
    (project / "sub").mkdir()
    mount = Mount(host_path=(project / place).resolve(), guest_path="/data", writable=True)
    with pytest.raises(CannotRunHere, match="beside the gate"):
        plan_git(spec(project, here(project), mounts=(mount,)), HOST, slug="s", stage_dir=tmp_path)


def test_a_shared_workspace_is_no_upstream(project: Path, tmp_path: Path) -> None:
    with pytest.raises(CannotRunHere, match="beside the gate"):
        plan_git(spec(project, here(project), mode="bind"), HOST, slug="s", stage_dir=tmp_path)


def test_a_folder_without_a_repository_is_no_upstream(tmp_path: Path) -> None:
    with pytest.raises(CannotRunHere, match="not a git repository"):
        plan_git(spec(tmp_path, here(tmp_path)), HOST, slug="s", stage_dir=tmp_path)


def test_two_upstreams_of_one_name_are_told_apart(project: Path, tmp_path: Path) -> None:
    one, other = GitUpstream(where="t", url=URL), GitUpstream(where="t", url="https://git.example.com/other/repo")
    plan = plan_git(spec(project, one, other), HOST, slug="s", stage_dir=tmp_path)
    assert plan is not None
    assert [row.name for row in plan.repositories] == ["repo", "repo-2"]


def test_a_credential_is_in_the_plan_by_name_only(project: Path, tmp_path: Path) -> None:
    credential = Credential(name="key", source=FromEnv(env="SECRET"), to=(Target(host="api.example.com"),), where="t")
    one = GitUpstream(where="t", url=URL, credential="key")
    plan = plan_git(spec(project, one, credentials=(credential,)), HOST, slug="s", stage_dir=tmp_path)
    assert plan is not None
    assert [secret.name for secret in plan.secrets()] == ["key"]
    assert "value-of-a-secret" not in json.dumps(plan.config()) + repr(plan)
    assert plan.config()["repositories"][0]["header"] == ["basic", "x-access-token", "{value}"]


@pytest.mark.parametrize(
    ("target", "header"),
    [
        (Target(host="git.example.com", name="private-token"), "private-token: s3"),
        (Target(host="git.example.com", format="Bearer {value}"), "authorization: Bearer s3"),
        (Target(host="git.example.com", slot="basic", name="me"), "Authorization: Basic bWU6czM="),
        (Target(host="git.example.com", slot="query", name="key"), "Authorization: Basic eC1hY2Nlc3MtdG9rZW46czM="),
        (Target(host="*.example.com", name="private-token"), "Authorization: Basic eC1hY2Nlc3MtdG9rZW46czM="),
    ],
)
def test_a_credential_goes_where_its_target_for_that_host_says(
    project: Path, tmp_path: Path, target: Target, header: str
) -> None:
    credential = Credential(name="key", source=FromEnv(env="SECRET"), to=(target,), where="t")
    one = GitUpstream(where="t", url=URL, credential="key")
    plan = plan_git(spec(project, one, credentials=(credential,)), HOST, slug="s", stage_dir=tmp_path)
    assert plan is not None
    slot, name, form = plan.config()["repositories"][0]["header"]
    assert authorization(slot, name, form, "s3") == header


def test_every_spelling_of_a_remote_is_rewritten() -> None:
    beginnings = {beginning for _, beginning in rewrites([URL, "ssh://deploy@git.example.com/team/keys"])}
    assert beginnings >= {"https://", "http://", "ssh://", "git://", "git@", "git.example.com:", "deploy@git.example.com:"}


def test_an_address_at_the_gate_itself_is_left_alone() -> None:
    assert ("http://127.0.0.1:3129/", "http://127.0.0.1:3129/") in rewrites([])
    assert "insteadOf = http://127.0.0.1:3129/\n" in gitconfig([])


def test_a_setting_is_quoted_as_git_reads_it() -> None:
    assert config_text([("safe.directory", 'a "b" \\c')]) == '[safe]\n\tdirectory = "a \\"b\\" \\\\c"\n'
    assert config_text([("http.https://x/.extraHeader", "y")]) == '[http "https://x/"]\n\textraHeader = "y"\n'


def test_nothing_of_the_operators_environment_reaches_git(tmp_path: Path) -> None:
    git = make_git("git", tmp_path)
    assert set(git.env) == set(base_env(tmp_path))
    assert git.env["GIT_ALLOW_PROTOCOL"] == ""
    assert git.config.stat().st_mode & 0o777 == 0o600


def test_a_setting_in_the_environment_is_kept_out_of_what_is_shown(tmp_path: Path) -> None:
    git = make_git("git", tmp_path).with_settings([("http.extraHeader", "Authorization: s3cret")])
    assert "s3cret" not in repr(git)
    assert git.env["GIT_CONFIG_VALUE_0"].endswith("s3cret")


def test_what_the_operator_wants_of_a_push_reaches_the_gate(project: Path, tmp_path: Path) -> None:
    push = GitPush(
        protected="reject", lockfiles="with-manifest", authors=("*@example.com",), sign_off=True, signatures="none", max_file=10
    )
    plan = plan_git(spec(project, GitUpstream(where="t", url=URL, push=push)), HOST, slug="a-b", stage_dir=tmp_path)
    assert plan is not None
    rules = rules_from(plan.config()["repositories"][0]["rules"])
    assert (rules.on_protected, rules.lockfiles, rules.authors) == ("reject", "with-manifest", ("*@example.com",))
    assert (rules.sign_off, rules.signatures, rules.max_blob) == (True, "none", 10)
    assert rules.max_pack == PushRules(prefixes=()).max_pack
