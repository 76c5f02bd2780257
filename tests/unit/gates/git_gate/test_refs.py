"""Which refs a bottle may push to: a table of names and combinations, each with the rule that must fire."""

from typing import Literal

import pytest

from bot_bottle.gates.git_gate.records import PushRules, RefUpdate
from bot_bottle.gates.git_gate.refs import judge_refs
from bot_bottle.record import replace

ZERO, A, B = "0" * 40, "a" * 40, "b" * 40
RULES = PushRules(prefixes=("refs/heads/bottle/**",), own=("refs/heads/bottle/red-fox/**",))
WIDE = replace(RULES, prefixes=("refs/heads/**",))
EXISTING = ("refs/heads/main", "refs/heads/release/1.0", "refs/heads/bottle/red-fox/work", "refs/tags/v1")


def rules_fired(*updates: RefUpdate, rules: PushRules = RULES, forward: tuple[str, ...] = ()) -> set[str]:
    return {finding.rule for finding in judge_refs(updates, rules, existing=EXISTING, forward=forward)}


def create(ref: str) -> RefUpdate:
    return RefUpdate(ref, ZERO, A)


@pytest.mark.parametrize(
    "ref", ["refs/heads/bottle/red-fox/work2", "refs/heads/bottle/a", "refs/heads/bottle/fix-#12_(b)", "refs/heads/bottle/v1.2"]
)
def test_a_branch_below_the_prefix_is_allowed(ref: str) -> None:
    assert rules_fired(create(ref)) == set()


@pytest.mark.parametrize(
    "ref",
    [
        "refs/heads/../heads/main",
        "refs/heads/bottle/..",
        "refs/heads/bottle/a..b",
        "refs/heads/bottle/.hidden",
        "refs/heads/bottle/x.lock",
        "refs/heads/bottle/x.lock/y",
        "refs/heads/bottle/x.",
        "refs/heads/bottle//x",
        "refs/heads/bottle/x/",
        "refs/heads/bottle/a@{1}",
        "refs/heads/bottle/@",
        "refs/heads/bottle/a b",
        "refs/heads/bottle/a\tb",
        "refs/heads/bottle/a\x1b[2J",
        "refs/heads/bottle/a\x7f",
        "refs/heads/bottle/a\nrefs/heads/main",
        "refs/heads/bottle/a~1",
        "refs/heads/bottle/a^",
        "refs/heads/bottle/a:b",
        "refs/heads/bottle/a*",
        "refs/heads/bottle/a?",
        "refs/heads/bottle/[a]",
        "refs/heads/bottle/a\\b",
        "refs/heads/bottle/-rf",
        "refs/heads/bottle/--upload-pack=x",
        "refs/heads/bottle/$(id)",
        "refs/heads/bottle/m\u0430in",
        "refs/heads/bottle/ma\u200bin",
        "refs/heads/bottle/\u202eniam",
        "refs/heads/bottle/" + "x" * 300,
        "HEAD",
        "main",
        "FETCH_HEAD",
        "refs",
        "refs/",
        "",
        "heads/bottle/x",
        "/refs/heads/bottle/x",
        "../../refs/heads/main",
    ],
)
def test_a_name_that_git_or_a_shell_reads_otherwise_is_refused(ref: str) -> None:
    assert rules_fired(create(ref)) == {"ref-name"}


@pytest.mark.parametrize(
    "ref",
    [
        "refs/heads/HEAD",
        "refs/heads/bottle/HEAD",
        "refs/heads/head",
        "refs/heads/ORIG_HEAD",
        "refs/heads/refs/heads/main",
        "refs/heads/heads/main",
        "refs/heads/origin/main",
        "refs/heads/tags/v1",
        "refs/heads/remotes/origin/main",
        "refs/heads/deadbeef",
        "refs/heads/" + "a" * 40,
        "refs/heads/bottle/" + "A" * 40,
        "refs/heads/v1.0-3-gdeadbeef",
    ],
)
def test_a_branch_that_reads_as_something_else_is_refused(ref: str) -> None:
    assert rules_fired(create(ref), rules=WIDE) == {"ref-lookalike"}


@pytest.mark.parametrize(
    "ref",
    [
        "refs/replace/" + "c" * 20,
        "refs/notes/commits",
        "refs/pull/1/head",
        "refs/pull/1/merge",
        "refs/meta/config",
        "refs/merge-requests/1/head",
        "refs/changes/01/1/1",
        "refs/for/main",
        "refs/drafts/main",
        "refs/remotes/x/main",
        "refs/stash",
        "refs/bisect/bad",
        "refs/worktree/x",
        "refs/keep-around/x",
        "refs/environments/x",
        "refs/heads",
        "refs/bot-bottle/held/1",
        "refs/hidden/x",
        "refs/Heads/main",
        "refs/HEADS/bottle/x",
    ],
)
def test_a_ref_that_means_something_to_git_or_the_server_is_refused_however_wide_the_rules(ref: str) -> None:
    assert "ref-special" in rules_fired(create(ref), rules=replace(RULES, prefixes=("refs/**", "**")))


def test_notes_are_allowed_where_the_rules_name_them() -> None:
    assert rules_fired(create("refs/notes/review"), rules=replace(RULES, prefixes=("refs/notes/*",))) == set()


@pytest.mark.parametrize("ref", ["refs/heads/main", "refs/heads/bottlex/a", "refs/heads/Bottle/a", "refs/heads/release/2"])
def test_a_branch_outside_the_prefix_is_refused(ref: str) -> None:
    assert "ref-prefix" in rules_fired(RefUpdate(ref, B, A), forward=(ref,))


def test_a_star_stays_within_its_segment() -> None:
    narrow = replace(RULES, prefixes=("refs/heads/bottle/*",))
    assert rules_fired(create("refs/heads/bottle/a"), rules=narrow) == set()
    assert rules_fired(create("refs/heads/bottle/a/b"), rules=narrow) == {"ref-prefix"}


def test_nothing_is_deleted() -> None:
    assert rules_fired(RefUpdate("refs/heads/bottle/red-fox/work", A, ZERO)) == {"ref-delete"}


def test_tags_need_a_rule_and_never_move() -> None:
    tags = replace(RULES, tags=True)
    assert rules_fired(create("refs/tags/v2")) == {"ref-tag"}
    assert rules_fired(create("refs/tags/v2"), rules=tags) == set()
    assert rules_fired(RefUpdate("refs/tags/v1", A, B), rules=tags) == {"ref-force"}


@pytest.mark.parametrize(
    ("ref", "force", "forward", "fired"),
    [
        ("refs/heads/bottle/red-fox/work", "own", False, set()),
        ("refs/heads/bottle/red-fox/work", "never", False, {"ref-force"}),
        ("refs/heads/bottle/blue-owl/work", "own", False, {"ref-force"}),
        ("refs/heads/bottle/blue-owl/work", "own", True, set()),
        ("refs/heads/bottle/red-fox/work", "never", True, set()),
    ],
)
def test_only_own_branches_are_rewritten(ref: str, force: Literal["never", "own"], forward: bool, fired: set[str]) -> None:
    rules = replace(RULES, force=force)
    assert rules_fired(RefUpdate(ref, A, B), rules=rules, forward=(ref,) if forward else ()) == fired


@pytest.mark.parametrize(
    "ref",
    ["refs/heads/Main", "refs/heads/MAIN", "refs/heads/rnain", "refs/heads/ma1n", "refs/heads/main/x"],
)
def test_a_new_branch_that_passes_for_one_that_exists_is_refused(ref: str) -> None:
    assert rules_fired(create(ref), rules=WIDE) == {"ref-collision"}


def test_a_new_branch_that_is_a_folder_of_one_that_exists_is_refused() -> None:
    assert rules_fired(create("refs/heads/release"), rules=WIDE) == {"ref-collision"}


def test_two_names_of_one_push_that_pass_for_one_another_are_refused() -> None:
    assert rules_fired(create("refs/heads/bottle/a"), create("refs/heads/bottle/A")) == {"ref-collision"}
    assert rules_fired(create("refs/heads/bottle/a"), create("refs/heads/bottle/a/b")) == {"ref-collision"}


def test_a_ref_named_twice_is_refused() -> None:
    assert "ref-twice" in rules_fired(create("refs/heads/bottle/a"), RefUpdate("refs/heads/bottle/a", ZERO, B))


def test_a_mirror_push_names_every_ref_that_is_wrong() -> None:
    updates = [RefUpdate(ref, A, B) for ref in EXISTING] + [create("refs/remotes/origin/main")]
    found = judge_refs(updates, RULES, existing=EXISTING, forward=EXISTING)
    assert [(finding.rule, finding.where) for finding in found] == [
        ("ref-prefix", "refs/heads/main"),
        ("ref-prefix", "refs/heads/release/1.0"),
        ("ref-tag", "refs/tags/v1"),
        ("ref-special", "refs/remotes/origin/main"),
    ]


def test_many_refs_and_no_refs_are_refused() -> None:
    assert "ref-many" in rules_fired(*(create(f"refs/heads/bottle/b{number}b") for number in range(17)))
    assert rules_fired() == {"ref-none"}


def test_what_is_shown_of_a_name_moves_no_cursor() -> None:
    (finding,) = judge_refs([create("refs/heads/bottle/a\x1b[2J\u202e")], RULES, existing=(), forward=())
    assert finding.where.isprintable()
