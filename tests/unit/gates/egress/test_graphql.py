"""GraphQL requests to forges: what a mutation does is read from its root fields, and what cannot be read is refused."""

import json

import pytest

from bot_bottle.errors import Refused
from bot_bottle.gates.base import Outbound, Stopped
from bot_bottle.gates.egress.graphql import mutations, operations, outside, unsafe
from bot_bottle.gates.egress.mutations import FORGE, changes_a_repository
from bot_bottle.gates.egress.whole import LIMIT, WholeRequest


def forge(request: Outbound) -> WholeRequest:
    """A request to a forge, held."""
    return WholeRequest(request, None, kind=FORGE, judges=[changes_a_repository])


def body(query: str, **more: object) -> bytes:
    return json.dumps({"query": query, **more}).encode()


@pytest.mark.parametrize(
    ("query", "fields"),
    [
        ("{ viewer { login } }", []),
        ("query Q($n: Int! = 3) { repository(owner: \"o\", name: \"r\") { issues(first: $n) { nodes { title } } } }", []),
        ("mutation { createIssue(input: {title: \"x\"}) { issue { id } } }", ["createIssue"]),
        ("mutation M($i: CreateIssueInput!) @x(a: {b: 1}) { createIssue(input: $i) { issue { id } } }", ["createIssue"]),
        ("mutation{a:mergePullRequest(input:{pullRequestId:\"1\"}){clientMutationId}}", ["mergePullRequest"]),
        ("mutation { createIssue(input: {}) { id } b: createRef(input: {}) { id } }", ["createIssue", "createRef"]),
        ("mutation { createIssue @include(if: true) { id }, updateRef { id } }", ["createIssue", "updateRef"]),
        ("query A { viewer { login } } mutation B { deleteRef(input: {}) { clientMutationId } }", ["deleteRef"]),
        ("fragment F on X { id } mutation { createIssue { ...F } }", ["createIssue"]),
        ("# mutation { x }\n{ viewer { login } }", []),
        ('{ search(query: "mutation { mergePullRequest }") { id } }', []),
        ('mutation { createIssue(input: {body: """a } " b"""}) { id } mergeBranch { id } }', ["createIssue", "mergeBranch"]),
        ("\ufeffmutation\n,,{\n,createCommitOnBranch(input:{}){commit{url}}}", ["createCommitOnBranch"]),
    ],
)  # fmt: skip
def test_the_root_fields_of_mutations_are_found(query: str, fields: list[str]) -> None:
    assert mutations(body(query)) == fields


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"mutation { x }",
        b"[1]",
        b'{"extensions": {"persistedQuery": {"sha256Hash": "a"}}}',
        b'{"query": null}',
        b'{"query": "{ a }", "query": "mutation { b }"}',
        b"[" * 100_000,
        body("mutation { ...F } fragment F on Mutation { mergePullRequest { id } }"),
        body("mutation { ... on Mutation { mergePullRequest { id } } }"),
        body("mutation { a ( }"),
        body("mutation { a"),
        body("mutation } a {"),
        body("schema { query: Q }"),
        body("mutation { a(x: \x00) }"),
        body('mutation { a(x: "unclosed) }'),
        body("{a}" * 1000),
    ],
)
def test_what_cannot_be_read_is_refused(content: bytes) -> None:
    with pytest.raises(Refused):
        mutations(content)


@pytest.mark.parametrize(
    "name",
    [
        "createCommitOnBranch", "mergePullRequest", "mergeBranch", "createRef", "updateRef", "updateRefs", "deleteRef",
        "enablePullRequestAutoMerge", "enqueuePullRequest", "updatePullRequestBranch", "revertPullRequest",
        "submitPullRequestReview",
        "addPullRequestReview", "createDeployKey", "createRepository", "createRepositoryRuleset", "deleteBranchProtectionRule",
        "commitCreate", "mergeRequestAccept", "branchCreate", "tagCreate", "createSnippet", "createNote", "somethingNew",
    ],
)  # fmt: skip
def test_only_mutations_that_are_known_to_be_safe_pass(name: str) -> None:
    assert unsafe(body(f"mutation {{ createIssue {{ id }} {name} {{ id }} }}")) == name


def test_a_list_of_requests_is_read_whole() -> None:
    assert unsafe(json.dumps([{"query": "{ a }"}, {"query": "mutation { createRef { id } }"}]).encode()) == "createRef"


def outbound(*headers: tuple[str, str]) -> Outbound:
    return Outbound(scheme="https", host="api.github.com", port=443, method="POST", target="/graphql", headers=headers)


def test_nothing_goes_on_before_the_whole_request_was_read() -> None:
    content = body("{ viewer { login } }")
    watch = forge(outbound())
    assert watch.send(content[:10]) == b""
    assert watch.send(content[10:]) == b""
    assert watch.finish() == content


def test_a_merge_is_stopped_and_the_agent_is_told_what_it_may_do() -> None:
    watch = forge(outbound())
    watch.send(body("mutation { mergePullRequest(input: {}) { id } }"))
    with pytest.raises(Stopped) as stopped:
        watch.finish()
    assert "mergePullRequest" in stopped.value.why
    assert "git remote" in stopped.value.hint


@pytest.mark.parametrize("content", [b"{", body("mutation { \u202e }")])
def test_an_unreadable_request_is_stopped(content: bytes) -> None:
    watch = forge(outbound())
    watch.send(content)
    with pytest.raises(Stopped):
        watch.finish()


def test_a_compressed_and_an_endless_request_are_stopped() -> None:
    watch = forge(outbound(("Content-Encoding", "gzip")))
    watch.send(body("{ a }"))
    with pytest.raises(Stopped):
        watch.finish()
    with pytest.raises(Stopped):
        forge(outbound()).send(bytes(LIMIT + 1))


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("{ viewer { login } rate: rateLimit { cost } }", [("query", "viewer"), ("query", "rateLimit")]),
        ("subscription S { ticks }", [("subscription", "ticks")]),
        ("query { a } mutation { b }", [("query", "a"), ("mutation", "b")]),
        ("query mutation { a }", [("query", "a")]),
        ("query { ...F } fragment F on Query { a }", [("query", "...")]),
        ("query { ... on Query { a } }", [("query", "...")]),
    ],
)
def test_kind_and_root_fields_of_every_operation_are_found(query: str, found: list[tuple[str, str]]) -> None:
    assert operations(body(query))[: len(found)] == found


@pytest.mark.parametrize(
    ("query", "allowed", "is_inside"),
    [
        ("{ viewer { login } }", ("query.*",), True),
        ("mutation createIssue { deleteRepository }", ("query.*", "mutation.createIssue"), False),
        ("mutation { createIssue: deleteRepository }", ("mutation.createIssue",), False),
        ("mutation { deleteRepository: createIssue(input: {}) { id } }", ("mutation.createIssue",), True),
        ("mutation { createIssue { id } deleteRepository { id } }", ("mutation.createIssue",), False),
        ("query { a } mutation { b }", ("query.*",), False),
        ("subscription { a }", ("query.*", "mutation.*"), False),
        ("mutation { createIssue }", ("mutation.create*",), True),
    ],
)
def test_a_rule_judges_what_the_server_does_and_not_how_it_is_called(
    query: str, allowed: tuple[str, ...], is_inside: bool
) -> None:
    assert (outside(body(query), allowed) == "") is is_inside


@pytest.mark.parametrize("query", ["{ ...F } fragment F on Query { a }", "{ ... on Query { a } }", "mutation { ...F }"])
def test_a_fragment_at_the_root_is_refused(query: str) -> None:
    with pytest.raises(Refused):
        outside(body(query), ("query.*", "mutation.*"))
