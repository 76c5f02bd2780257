"""Which paths a push may touch: tables of names as file systems read them."""

import pytest

from bot_bottle.gates.git_gate.aliases import fold_path, misnamed
from bot_bottle.gates.git_gate.changes import ABSENT, LINK, SUBMODULE, Change, read_changes
from bot_bottle.gates.git_gate.paths_protected import Protection, judge_link, judge_lockfiles, judge_paths, judge_size
from bot_bottle.gates.git_gate.records import PushRules
from bot_bottle.record import replace

RULES = PushRules(prefixes=("refs/heads/bottle/**",))
COMMIT, BLOB, OTHER = "c" * 40, "b" * 40, "d" * 40
DEFAULT = Protection(("default",))


def change(path: str | bytes, *, old: str = ABSENT, new: str = "100644", commit: str = COMMIT) -> Change:
    return Change(commit, 0, path.encode() if isinstance(path, str) else path, old, new, OTHER, BLOB)


def fired(*changes: Change, protection: Protection = DEFAULT) -> list[str]:
    return [finding.rule for finding in judge_paths(changes, RULES, protection)]


@pytest.mark.parametrize(
    "path",
    [
        ".github/workflows/ci.yml",
        ".github/workflows/deep/er/ci.yml",
        ".github/actions/build/action.yml",
        "tools/action.yaml",
        ".github/dependabot.yml",
        ".github/dependabot.yaml",
        ".gitlab-ci.yml",
        "ci/test.gitlab-ci.yml",
        ".gitea/workflows/a.yaml",
        ".forgejo/workflows/a.yaml",
        ".circleci/config.yml",
        ".travis.yml",
        "azure-pipelines-release.yml",
        "Jenkinsfile",
        "deploy/Jenkinsfile.prod",
        "bitbucket-pipelines.yml",
        ".drone.star",
        ".woodpecker/a.yml",
        ".buildkite/pipeline.yml",
        ".teamcity/settings.kts",
        "infra/cloudbuild.yaml",
        "buildspec.yml",
        ".tekton/push.yaml",
        "renovate.json5",
        "CODEOWNERS",
        "docs/CODEOWNERS",
        ".github/CODEOWNERS",
        "CLAUDE.md",
        "src/deep/CLAUDE.md",
        "AGENTS.md",
        "packages/a/AGENTS.md",
        "GEMINI.md",
        ".claude/settings.json",
        "sub/.claude/commands/x.md",
        ".cursor/rules/a.mdc",
        ".cursorrules",
        ".windsurfrules",
        ".github/copilot-instructions.md",
        ".mcp.json",
        ".codex/config.toml",
        ".vscode/tasks.json",
        ".devcontainer/devcontainer.json",
        ".envrc",
        ".githooks/pre-commit",
        ".husky/pre-push",
        "packages/a/.husky/pre-push",
        "hooks/post-checkout",
        "lefthook.yml",
        ".pre-commit-config.yaml",
        ".gitmodules",
        ".gitattributes",
        "deep/er/.gitattributes",
        ".lfsconfig",
        # where a folder above should be: a link, a file or a submodule in its place
        ".github",
        ".github/workflows",
        ".claude",
        "sub/.cursor",
        ".circleci",
        # as other file systems read it
        ".GitHub/Workflows/CI.yml",
        "claude.MD",
        "aGents.md",
        ".github/workflows./ci.yml",
        ".github /workflows/ci.yml",
        "CLAUDE.md ",
        "CLAUDE.md.",
        "CLAUDE.md . .",
        "CLAUDE.md::$DATA",
        "CLAUDE.md:stream",
        ".github::$INDEX_ALLOCATION/workflows/ci.yml",
        ".github\\workflows\\ci.yml",
        ".github/workflows\\ci.yml",
        "GITHUB~1/WORKFL~1/ci.yml",
        "github~2/workflows/ci.yml",
        "GITMOD~1",
        "GI7EBA~1",
        "GITATT~1",
        "CLAUDE~1.MD",
        "CL4A7D~1.MD",
        ".git\u200bhub/workflows/ci.yml",
        "CLAUDE\u200d.md",
        "\ufeffCLAUDE.md",
        "CLA\u202eUDE.md",
        "CLAUDE.m\u206ad",
        "\uff23LAUDE.md",
        "AGENT\u017f.md",
        ".gith\u00adub/workflows/ci.yml",
        ".hus\u212ay/pre-push",
    ],
)
def test_a_protected_path_is_found_under_every_name(path: str) -> None:
    assert fired(change(path)) == ["path-protected"]


@pytest.mark.parametrize(
    "path",
    [
        "README.md",
        "src/main.py",
        "src/hooks/useThing.ts",
        "docs/claude.txt",
        "docs/agents.rst",
        "github/workflows/ci.yml",
        "x.github/workflows/ci.yml",
        "src/gitlab-ci.yml.md",
        ".gitignore",
        ".github/ISSUE_TEMPLATE/bug.md",
        ".github/pull_request_template.md",
        "MYCLAUDE.md",
        "backup~1.txt",
        "file~",
        "日本語/文書.md",
        "Makefile",
        "package.json",
    ],
)
def test_an_ordinary_path_is_not_protected(path: str) -> None:
    assert fired(change(path)) == []


def test_removing_and_renaming_a_protected_file_counts() -> None:
    gone = change("CLAUDE.md", old="100644", new=ABSENT)
    assert fired(gone, change("docs/old.md")) == ["path-protected"]
    assert fired(change("notes.md", old="100644", new=ABSENT), change("AGENTS.md")) == ["path-protected"]


def test_a_change_of_mode_alone_counts() -> None:
    assert fired(change(".githooks/pre-commit", old="100644", new="100755")) == ["path-protected"]


def test_a_file_that_becomes_a_submodule_counts() -> None:
    assert fired(change("vendor/lib", old="100644", new=SUBMODULE)) == ["path-submodule"]
    assert fired(change("vendor/lib", old=SUBMODULE, new=SUBMODULE)) == ["path-submodule"]
    assert fired(change("vendor/lib", old=SUBMODULE, new=ABSENT)) == ["path-submodule"]


def test_the_operators_globs_count_and_the_default_list_does_only_where_named() -> None:
    own = Protection(("infra/**", "/deploy/*.sh", "**/*.key"))
    assert fired(change("infra/a/b.tf"), change("Deploy/run.SH"), change("x/y/z.key"), protection=own) == ["path-protected"] * 3
    assert fired(change("deploy/a/run.sh"), change("CLAUDE.md"), protection=own) == []


def test_what_a_protected_link_leads_to_is_protected() -> None:
    protection = DEFAULT.through({b"CLAUDE.md": b"docs/rules.md", b"sub/AGENTS.md": b"../docs/more.md", b"readme": b"README.md"})
    assert fired(change("docs/rules.md"), protection=protection) == ["path-protected"]
    assert fired(change("docs/more.md"), protection=protection) == ["path-protected"]
    assert fired(change("README.md"), protection=protection) == []


def test_what_is_below_a_protected_link_is_protected_also_through_a_second_one() -> None:
    protection = DEFAULT.through({b".claude": b"conf/agent", b"conf/agent": b"../real", b".github/workflows": b"../ci"})
    assert fired(change("conf/agent/settings.json"), protection=protection) == ["path-protected"]
    assert fired(change("real/settings.json"), protection=protection) == ["path-protected"]
    assert fired(change("ci/build.yml"), protection=protection) == ["path-protected"]


def test_links_in_a_circle_come_to_an_end() -> None:
    protection = DEFAULT.through({b"CLAUDE.md": b"a", b"a": b"b", b"b": b"a"})
    assert fired(change("b"), protection=protection) == ["path-protected"]


@pytest.mark.parametrize(
    ("path", "target"),
    [
        ("link", b"/etc/passwd"),
        ("link", b"../outside"),
        ("a/b/link", b"../../../outside"),
        ("a/link", b"x/../../../outside"),
        ("link", b"~/.ssh/id"),
        ("link", b"C:\\Windows"),
        ("link", b"..\\..\\x"),
        ("link", b".git/config"),
        ("a/link", b"../.GIT/hooks/post-checkout"),
        ("link", b".git /config"),
        ("link", b"git~1/config"),
        ("link", b""),
        ("link", b"a\0b"),
        ("link", None),
    ],
)
def test_a_link_out_of_the_repository_is_refused(path: str, target: bytes | None) -> None:
    finding = judge_link(change(path, new=LINK), target)
    assert finding is not None
    assert finding.rule == "path-symlink"


@pytest.mark.parametrize(
    ("path", "target"), [("link", b"README.md"), ("a/b/link", b"../../c/d"), ("link", b"./a/../b"), ("link", b"a/.github/x")]
)
def test_a_link_inside_is_allowed(path: str, target: bytes) -> None:
    assert judge_link(change(path, new=LINK), target) is None


@pytest.mark.parametrize(
    "name",
    [
        b".git",
        b".GIT",
        b".git ",
        b".git.",
        b".git . .",
        b".git::$INDEX_ALLOCATION",
        b"git~1",
        b"GIT~1",
        ".g\u200cit".encode(),
        ".gi\ufefft".encode(),
        b"",
        b".",
        b"..",
        b"a/b",
        b"a\\b",
        b"a\x1b[2J",
        b"a\nb",
        b"a\x7f",
        b"a\xff",
        "a\u202eb".encode(),
        "a\u200bb".encode(),
        "a\u0085b".encode(),
    ],
)
def test_a_name_that_no_tree_should_have_is_refused(name: bytes) -> None:
    assert misnamed(name)


@pytest.mark.parametrize(
    "name",
    [
        b"a",
        b".gitignore",
        b".github",
        b"...",
        b"a b",
        b"aux.c",
        "日本".encode(),
        "👩\u200d💻.md".encode(),
        b"a:b",
        b"git~",
        b"x~1",
    ],
)
def test_an_ordinary_name_is_allowed(name: bytes) -> None:
    assert misnamed(name) == ""


def test_folding_leaves_ordinary_paths_as_they_are() -> None:
    assert fold_path(b"src/a b/c.py") == "src/a b/c.py"


def test_long_and_deep_paths_are_refused() -> None:
    rules = replace(RULES, max_path=100, max_depth=5)
    long, deep = judge_size(change("a" * 101), rules), judge_size(change("a/b/c/d/e/f"), rules)
    assert long is not None
    assert deep is not None
    assert [long.rule, deep.rule] == ["path-length", "path-depth"]
    assert judge_size(change("a/b/c/d/e"), rules) is None
    assert judge_size(change("a" * 101, old="100644", new=ABSENT), rules) is None


@pytest.mark.parametrize(
    ("paths", "count"),
    [
        (["package-lock.json"], 1),
        (["package-lock.json", "package.json"], 0),
        (["web/package-lock.json", "package.json"], 1),
        (["Cargo.lock", "src/main.rs"], 1),
        (["Cargo.lock", "Cargo.toml"], 0),
        (["go.sum"], 1),
        (["src/packages.lock.json", "src/app.csproj"], 0),
        (["uv.lock", "yarn.lock"], 2),
    ],
)
def test_a_lock_file_changes_only_with_what_it_is_made_from(paths: list[str], count: int) -> None:
    assert len(judge_lockfiles([change(path) for path in paths])) == count


def test_gits_raw_format_is_read_and_nothing_else_is() -> None:
    one, two = b"1" * 40, b"2" * 40
    row = b":100644 000000 " + b"3" * 40 + b" " + b"0" * 40 + b" D"
    (only,) = read_changes([one, two, row, b"a path\nwith a line"])
    assert (only.commit, only.pair, only.path, only.new_mode) == ("2" * 40, 1, b"a path\nwith a line", ABSENT)
    for words in ([row, b"x"], [one, row], [b"other"], [one, b":1 2 3 4 M", b"x"]):
        with pytest.raises(Exception, match=r"git (told|stopped)"):
            list(read_changes(words))
